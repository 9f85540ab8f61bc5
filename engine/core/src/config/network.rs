//! The addresses of a cluster: blocks of pods and services that are blocks, of one family, and apart. Knows no cloud.

use ipnet::IpNet;

use crate::diag::{Code, Diagnostic, Diagnostics, Span};
use crate::provider::Body;
use crate::value::{Type, Value};

/// A block as profiles may know it: one with a fault is told once, and not by each that computes with it.
pub fn known(text: Option<&str>) -> Value {
    text.filter(|text| text.parse::<IpNet>().is_ok()).map_or(Value::unknown(Type::String), Value::string)
}

/// Checks `pod_cidr` and `service_cidr` of a cluster, each of them written or a default; `None`: it could not be read.
pub fn check(body: &Body, pods: Option<&str>, services: Option<&str>, what: &str, span: Span, diagnostics: &mut Diagnostics) {
    let mut block = |key: &str, text: Option<&str>| -> Option<IpNet> {
        let text = text?;
        let parsed = text.parse::<IpNet>().ok();
        if parsed.is_none() {
            let error = Diagnostic::error(Code::INVALID_VALUE, format!("`{key}` of {what} is no CIDR block: {text:?}"));
            diagnostics.push(error.at(body.written(key).unwrap_or(span)).hint("write it like `10.128.0.0/12`"));
        }
        parsed
    };
    let (Some(pod), Some(service)) = (block("pod_cidr", pods), block("service_cidr", services)) else { return };
    let (summary, hint) = if pod.network().is_ipv4() != service.network().is_ipv4() {
        (format!("pods and services of {what} have addresses of different families"), "give both IPv4 blocks, or both IPv6 blocks")
    } else if pod.contains(&service.network()) || service.contains(&pod.network()) {
        (format!("addresses of pods and services of {what} overlap"), "give each of them a block of its own")
    } else {
        return;
    };
    let written = ["pod_cidr", "service_cidr"].map(|key| body.written(key));
    let origin = |written: Option<Span>| if written.is_some() { "as written" } else { "the default" };
    let [pod_place, service_place] = written;
    let mut diagnostic = Diagnostic::error(Code::INVALID_VALUE, summary)
        .at(pod_place.or(service_place).unwrap_or(span))
        .detail(format!("`pod_cidr` is {pod} ({}), `service_cidr` is {service} ({}).", origin(pod_place), origin(service_place)))
        .hint(hint);
    if let (Some(_), Some(second)) = (pod_place, service_place) {
        diagnostic = diagnostic.related(second, "the other block");
    }
    diagnostics.push(diagnostic);
}
