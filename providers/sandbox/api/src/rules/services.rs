//! Cluster IPs and node ports of Services: given once, unique in the plane, kept for the Service's life.

use std::collections::BTreeSet;
use std::net::{IpAddr, Ipv4Addr};

use ipnet::{IpNet, Ipv4Net};
use serde_json::{Value, json};

use crate::status::Cause;

/// The service network of a plane for which nobody has named one.
pub(crate) const SERVICE_NETWORK: IpNet = IpNet::V4(Ipv4Net::new_assert(Ipv4Addr::new(10, 96, 0, 0), 16));

/// Addresses at the beginning of a network that nobody gets who does not ask for one of them by name, as far as the network has more: cluster
/// DNS wants the tenth.
const FIRST: u128 = 10;
/// More are not looked through.
const MOST: u128 = 65_534;

const NODE_PORTS: std::ops::RangeInclusive<u64> = 30_000..=32_767;

/// What is in use.
#[derive(Debug)]
pub(crate) struct ClusterIps {
    network: IpNet,
    addresses: BTreeSet<String>,
    ports: BTreeSet<u64>,
}

impl ClusterIps {
    pub fn in_use<'a>(network: IpNet, services: impl Iterator<Item = &'a Value>) -> ClusterIps {
        let mut all = ClusterIps { network, addresses: BTreeSet::new(), ports: BTreeSet::new() };
        for service in services {
            if let Some(address) = service.pointer("/spec/clusterIP").and_then(Value::as_str) {
                all.addresses.insert(address.to_owned());
            }
            for port in ports(service) {
                all.ports.extend(port.get("nodePort").and_then(Value::as_u64));
            }
        }
        all
    }

    /// Fills in what the Service needs and does not have.
    pub fn assign(&mut self, old: Option<&Value>, service: &mut Value) -> Result<(), Cause> {
        let kind = service.pointer("/spec/type").and_then(Value::as_str).unwrap_or("ClusterIP").to_owned();
        if kind == "ExternalName" {
            return Ok(());
        }
        self.assign_address(old, service)?;
        if kind == "NodePort" || kind == "LoadBalancer" {
            self.assign_ports(old, service);
        }
        Ok(())
    }

    fn assign_address(&mut self, old: Option<&Value>, service: &mut Value) -> Result<(), Cause> {
        let kept = old.and_then(|old| old.pointer("/spec/clusterIP")).and_then(Value::as_str).unwrap_or("").to_owned();
        let wanted = service.pointer("/spec/clusterIP").and_then(Value::as_str).unwrap_or("").to_owned();
        let Some(spec) = service.get_mut("spec").and_then(Value::as_object_mut) else { return Ok(()) };
        let address = match (wanted.as_str(), kept.as_str()) {
            ("None", _) => "None".to_owned(),
            ("", "") => self.free_address()?,
            ("", kept) => kept.to_owned(),
            (wanted, kept) if wanted == kept => wanted.to_owned(),
            (wanted, "") => self.take(wanted)?,
            (wanted, _) => {
                return Err(Cause::invalid("spec.clusterIPs[0]", format_args!("[]string{{{wanted:?}}}"), "may not change once set"));
            }
        };
        self.addresses.insert(address.clone());
        spec.insert("clusterIPs".into(), json!([address]));
        spec.insert("clusterIP".into(), address.into());
        Ok(())
    }

    fn take(&self, wanted: &str) -> Result<String, Cause> {
        let Ok(address) = wanted.parse::<IpAddr>() else {
            return Err(Cause::invalid(
                "spec.clusterIPs[0]",
                format_args!("{wanted:?}"),
                "must be a valid IP address, (e.g. 10.9.8.7 or 2001:db8::ffff)",
            ));
        };
        let refused = |why: &str| {
            let message = format!("failed to allocate IP {wanted}: {why}");
            Err(Cause::invalid("spec.clusterIPs", format_args!("[]string{{{wanted:?}}}"), &message))
        };
        if !self.network.contains(&address) {
            let range = self.network;
            return refused(&format!("the provided IP ({wanted}) is not in the valid range. The range of valid IPs is {range}"));
        }
        if self.addresses.contains(wanted) {
            return refused("provided IP is already allocated");
        }
        Ok(wanted.to_owned())
    }

    fn free_address(&self) -> Result<String, Cause> {
        let size = size(&self.network);
        let first = if size > 2 * FIRST { FIRST + 1 } else { 1 };
        (first..size.min(MOST))
            .map(|offset| network_address(&self.network, offset).to_string())
            .find(|address| !self.addresses.contains(address))
            .ok_or_else(|| Cause::invalid("spec.clusterIPs", "[]string(nil)", "failed to allocate a serviceIP: range is full"))
    }

    fn assign_ports(&mut self, old: Option<&Value>, service: &mut Value) {
        let before: Vec<Value> = old.map(|old| ports(old).to_vec()).unwrap_or_default();
        let Some(list) = service.pointer_mut("/spec/ports").and_then(Value::as_array_mut) else { return };
        for port in list.iter_mut().filter_map(Value::as_object_mut) {
            if port.get("nodePort").and_then(Value::as_u64).is_some_and(|number| number != 0) {
                continue;
            }
            let same = |old: &&Value| old.get("port") == port.get("port") && old.get("protocol") == port.get("protocol");
            let kept = before.iter().find(same).and_then(|old| old.get("nodePort")).and_then(Value::as_u64);
            if let Some(number) = kept.or_else(|| NODE_PORTS.clone().find(|number| !self.ports.contains(number))) {
                self.ports.insert(number);
                port.insert("nodePort".into(), number.into());
            }
        }
    }
}

/// Addresses of a network, its broadcast address left out.
fn size(network: &IpNet) -> u128 {
    let bits = u32::from(network.max_prefix_len() - network.prefix_len());
    1_u128.checked_shl(bits).unwrap_or(u128::MAX) - u128::from(network.addr().is_ipv4())
}

/// The n-th address of a network; the API's own Service has the first.
pub(crate) fn network_address(network: &IpNet, n: u128) -> IpAddr {
    match network.network() {
        // What does not fit was no address of this network.
        IpAddr::V4(base) => Ipv4Addr::from(u32::from(base).saturating_add(u32::try_from(n).unwrap_or(u32::MAX))).into(),
        IpAddr::V6(base) => std::net::Ipv6Addr::from(u128::from(base).saturating_add(n)).into(),
    }
}

fn ports(service: &Value) -> &[Value] {
    service.pointer("/spec/ports").and_then(Value::as_array).map_or(&[], Vec::as_slice)
}
