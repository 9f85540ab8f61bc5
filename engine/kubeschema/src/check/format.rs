//! The string formats that the API server checks; others hold for every text.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::sync::OnceLock;

use regex::Regex;

/// The text is of the format. Names are those of go-openapi's strfmt.
pub(super) fn has_format(text: &str, format: &str) -> bool {
    match format {
        "date-time" | "datetime" => matches(&DATE_TIME, DATE_TIME_PATTERN, text),
        "date" => matches(&DATE, DATE_PATTERN, text),
        "duration" => matches(&DURATION, DURATION_PATTERN, text),
        "uuid" => matches(&UUID, UUID_PATTERN, text),
        "byte" => is_base64(text),
        "ipv4" => text.parse::<Ipv4Addr>().is_ok(),
        "ipv6" => text.parse::<Ipv6Addr>().is_ok(),
        "cidr" => is_cidr(text),
        "mac" => matches(&MAC, MAC_PATTERN, text),
        "hostname" => matches(&HOSTNAME, HOSTNAME_PATTERN, text) && text.len() <= 255,
        "email" => text.split_once('@').is_some_and(|(user, host)| !user.is_empty() && !host.is_empty()),
        "uri" => text.starts_with('/') || text.contains("://"),
        _ => true,
    }
}

static DATE_TIME: OnceLock<Option<Regex>> = OnceLock::new();
static DATE: OnceLock<Option<Regex>> = OnceLock::new();
static DURATION: OnceLock<Option<Regex>> = OnceLock::new();
static UUID: OnceLock<Option<Regex>> = OnceLock::new();
static MAC: OnceLock<Option<Regex>> = OnceLock::new();
static HOSTNAME: OnceLock<Option<Regex>> = OnceLock::new();

const DATE_TIME_PATTERN: &str =
    r"^\d{4}-(0[1-9]|1[0-2])-(0[1-9]|[12]\d|3[01])[Tt ]([01]\d|2[0-3]):[0-5]\d:([0-5]\d|60)(\.\d+)?([Zz]|[+-]\d{2}:?\d{2})$";
const DATE_PATTERN: &str = r"^\d{4}-(0[1-9]|1[0-2])-(0[1-9]|[12]\d|3[01])$";
const DURATION_PATTERN: &str = r"^-?(0|((\d+(\.\d*)?|\.\d+) ?(ns|us|µs|μs|ms|s|m|h|d|w|seconds?|minutes?|hours?|days?|weeks?))+)$";
const UUID_PATTERN: &str = r"(?i)^[0-9a-f]{8}-?[0-9a-f]{4}-?[0-9a-f]{4}-?[0-9a-f]{4}-?[0-9a-f]{12}$";
const MAC_PATTERN: &str = r"(?i)^([0-9a-f]{2}[:-]){5}[0-9a-f]{2}$";
const HOSTNAME_PATTERN: &str = r"^[a-zA-Z0-9]([a-zA-Z0-9-]{0,62})(\.[a-zA-Z0-9]([a-zA-Z0-9-]{0,62}))*\.?$";

fn matches(cell: &OnceLock<Option<Regex>>, pattern: &str, text: &str) -> bool {
    let compiled = cell.get_or_init(|| Regex::new(pattern).ok());
    compiled.as_ref().is_none_or(|regex| regex.is_match(text))
}

fn is_cidr(text: &str) -> bool {
    let Some((address, bits)) = text.split_once('/') else {
        return false;
    };
    let most = match address.parse::<IpAddr>() {
        Ok(IpAddr::V4(_)) => 32,
        Ok(IpAddr::V6(_)) => 128,
        Err(_) => return false,
    };
    bits.parse::<u8>().is_ok_and(|bits| bits <= most)
}

fn is_base64(text: &str) -> bool {
    let body = text.trim_end_matches('=');
    let padding = text.len() - body.len();
    let alphabet = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'+' || byte == b'/';
    text.len().is_multiple_of(4) && padding <= 2 && body.bytes().all(alphabet)
}
