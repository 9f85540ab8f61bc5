//! Addresses of networks in CIDR notation.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use ipnet::IpNet;

use super::collection::{argument, count, text};
use super::{Body, Fault, Function, Kind, Param, Policy, Run, required};
use crate::value::Value;

/// How many bits stand before an IPv4 address in the IPv6 address that it is mapped to.
const MAPPED_BITS: u8 = 96;

const fn cidr(
    name: &'static str,
    params: &'static [Param],
    variadic: Option<Param>,
    result: Kind,
    doc: &'static str,
    example: (&'static str, &'static str),
    body: fn(&mut Run<'_>, &[Value]) -> Result<Value, Fault>,
) -> Function {
    Function { name, params, variadic, policy: Policy::Plain, result, doc, example, body: Body::Eager(body) }
}

pub(super) const FUNCTIONS: &[Function] = &[
    cidr(
        "cidrsubnet",
        &[required("prefix", Kind::String), required("newbits", Kind::Number), required("netnum", Kind::Number)],
        None,
        Kind::String,
        "The subnet of that number, longer by that many bits.",
        ("cidrsubnet(\"10.0.0.0/8\", 8, 2)", "\"10.2.0.0/16\""),
        |_, a| {
            let network = network(a)?;
            let length = longer(network, count(a, 1)?, 1)?;
            subnet(network, length, whole(a, 2)?, 2).map(Value::from)
        },
    ),
    cidr(
        "cidrsubnets",
        &[required("prefix", Kind::String)],
        Some(required("newbits", Kind::Number)),
        Kind::Strings,
        "Subnets one after the other, each longer by its number of bits.",
        ("cidrsubnets(\"10.0.0.0/8\", 8, 8)", "tolist([\"10.0.0.0/16\", \"10.1.0.0/16\"])"),
        subnets,
    ),
    cidr(
        "cidrhost",
        &[required("prefix", Kind::String), required("hostnum", Kind::Number)],
        None,
        Kind::String,
        "The address of that number in the network; a negative number counts from its end.",
        ("cidrhost(\"10.0.0.0/8\", 5)", "\"10.0.0.5\""),
        host,
    ),
    cidr(
        "cidrnetmask",
        &[required("prefix", Kind::String)],
        None,
        Kind::String,
        "The netmask of an IPv4 network.",
        ("cidrnetmask(\"10.0.0.0/8\")", "\"255.0.0.0\""),
        |_, a| match network(a)? {
            IpNet::V4(network) => Ok(network.netmask().to_string().into()),
            IpNet::V6(_) => Err(Fault::new(0, "IPv6 networks have no netmask")),
        },
    ),
    cidr(
        "cidrcontains",
        &[required("prefix", Kind::String), required("address", Kind::String)],
        None,
        Kind::Bool,
        "Whether an address or a smaller network lies in the network.",
        ("cidrcontains(\"10.0.0.0/8\", \"10.1.2.3\")", "true"),
        |_, a| {
            let outer = network(a)?;
            if let Ok(inner) = text(a, 1).parse::<IpNet>() {
                return Ok(Value::Bool(outer.contains(&inner)));
            }
            match text(a, 1).parse::<IpAddr>() {
                Ok(address) => Ok(Value::Bool(outer.contains(&address))),
                Err(_) => Err(Fault::new(1, format!("{:?} is neither an address nor a network", text(a, 1)))),
            }
        },
    ),
];

/// The network of the first argument; bits after the prefix are dropped.
fn network(a: &[Value]) -> Result<IpNet, Fault> {
    let prefix = text(a, 0);
    match prefix.parse::<IpNet>() {
        Ok(network) => Ok(network.trunc()),
        Err(_) => Err(Fault::new(0, format!("{prefix:?} is no network")).hint("write it like 10.0.0.0/16")),
    }
}

/// A whole number of an argument: whether it is below 0, and its magnitude.
#[derive(Clone, Copy)]
struct Whole {
    negative: bool,
    magnitude: u128,
}

impl fmt::Display for Whole {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}{}", if self.negative { "-" } else { "" }, self.magnitude)
    }
}

fn whole(a: &[Value], position: usize) -> Result<Whole, Fault> {
    let number = argument(a, position).as_number();
    let digits = number.and_then(|number| Some((number.is_negative(), number.abs().in_base(10)?)));
    let parsed = digits.and_then(|(negative, digits)| Some(Whole { negative, magnitude: digits.parse().ok()? }));
    parsed.ok_or_else(|| Fault::new(position, "a whole number of at most 128 bits is required"))
}

fn longer(network: IpNet, newbits: usize, position: usize) -> Result<u8, Fault> {
    let length = usize::from(network.prefix_len()).saturating_add(newbits);
    match u8::try_from(length) {
        Ok(length) if length <= network.max_prefix_len() => Ok(length),
        _ => Err(Fault::new(
            position,
            format!("a prefix of {} bits cannot be longer by {newbits}: there are {}", network.prefix_len(), network.max_prefix_len()),
        )),
    }
}

fn bits(address: IpAddr) -> u128 {
    match address {
        IpAddr::V4(address) => u128::from(u32::from(address)),
        IpAddr::V6(address) => u128::from(address),
    }
}

fn address(like: IpNet, bits: u128) -> IpAddr {
    match like {
        IpNet::V4(_) => IpAddr::V4(Ipv4Addr::from(u32::try_from(bits).unwrap_or(u32::MAX))),
        IpNet::V6(_) => IpAddr::V6(Ipv6Addr::from(bits)),
    }
}

/// `2^bits`, or the greatest number when that is more than 128 bits hold.
fn power(bits: u32) -> u128 {
    1u128.checked_shl(bits).unwrap_or(u128::MAX)
}

/// A network as Terraform writes it: one of IPv4 addresses within IPv6 is written as the IPv4 network that it stands for.
fn written(address: IpAddr, length: u8) -> String {
    if let IpAddr::V6(wide) = address
        && let (Some(short), Some(length)) = (wide.to_ipv4_mapped(), length.checked_sub(MAPPED_BITS))
    {
        return format!("{short}/{length}");
    }
    format!("{address}/{length}")
}

fn subnet(network: IpNet, length: u8, number: Whole, position: usize) -> Result<String, Fault> {
    let room = u32::from(length - network.prefix_len());
    if number.negative {
        return Err(Fault::new(position, "the number of a subnet cannot be below 0"));
    }
    let number = number.magnitude;
    if room < 128 && number >= power(room) {
        return Err(Fault::new(position, format!("{room} bits hold {} subnets, there is no number {number}", power(room))));
    }
    let shift = u32::from(network.max_prefix_len() - length);
    let offset = number.checked_shl(shift).unwrap_or(0);
    Ok(written(address(network, bits(network.network()) | offset), length))
}

fn subnets(_: &mut Run<'_>, a: &[Value]) -> Result<Value, Fault> {
    let network = network(a)?;
    let end = bits(network.broadcast());
    let mut next = Some(bits(network.network()));
    let mut made = Vec::new();
    for position in 1..a.len() {
        let newbits = count(a, position)?;
        if newbits == 0 {
            return Err(Fault::new(position, "a subnet must be longer by at least one bit"));
        }
        let length = longer(network, newbits, position)?;
        let size = power(u32::from(network.max_prefix_len() - length));
        let full = || Fault::new(position, format!("there is no room for a subnet of {length} bits after the others"));
        let start = next.ok_or_else(full)?;
        // A subnet begins at a multiple of its size.
        let start = start.checked_next_multiple_of(size).ok_or_else(full)?;
        let last = start.checked_add(size - 1).filter(|last| *last <= end).ok_or_else(full)?;
        made.push(written(address(network, start), length));
        next = last.checked_add(1);
    }
    Ok(Value::list(made))
}

fn host(_: &mut Run<'_>, a: &[Value]) -> Result<Value, Fault> {
    let network = network(a)?;
    let number = whole(a, 1)?;
    let room = u32::from(network.max_prefix_len() - network.prefix_len());
    let size = power(room);
    // The size of all of IPv6 is one more than 128 bits hold, and counting from its end is counting below 0.
    let offset = match (number.negative, room >= 128) {
        (true, true) => Some(number.magnitude.wrapping_neg()),
        (true, false) => size.checked_sub(number.magnitude),
        (false, _) => Some(number.magnitude),
    };
    match offset.filter(|offset| room >= 128 || *offset < size) {
        Some(offset) => Ok(address(network, bits(network.network()) | offset).to_string().into()),
        None => Err(Fault::new(1, format!("the network has {size} addresses, there is no number {number}"))),
    }
}
