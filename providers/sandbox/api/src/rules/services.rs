//! Cluster IPs and node ports of Services: given once, unique in the plane, kept for the Service's life.

use std::collections::BTreeSet;
use std::net::Ipv4Addr;

use serde_json::{Value, json};

use crate::status::Cause;

/// First address of the service network 10.96.0.0/16; the API's own Service has the first usable one.
pub(crate) const POOL_BASE: Ipv4Addr = Ipv4Addr::new(10, 96, 0, 0);

const NODE_PORTS: std::ops::RangeInclusive<u64> = 30_000..=32_767;

/// What is in use.
#[derive(Debug, Default)]
pub(crate) struct ClusterIps {
    addresses: BTreeSet<String>,
    ports: BTreeSet<u64>,
}

impl ClusterIps {
    pub fn in_use<'a>(services: impl Iterator<Item = &'a Value>) -> ClusterIps {
        let mut all = ClusterIps::default();
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
        if wanted.parse::<Ipv4Addr>().is_err() {
            return Err(Cause::invalid(
                "spec.clusterIPs[0]",
                format_args!("{wanted:?}"),
                "must be a valid IP address, (e.g. 10.9.8.7 or 2001:db8::ffff)",
            ));
        }
        if self.addresses.contains(wanted) {
            return Err(Cause::invalid(
                "spec.clusterIPs",
                format_args!("[]string{{{wanted:?}}}"),
                &format!("failed to allocate IP {wanted}: provided IP is already allocated"),
            ));
        }
        Ok(wanted.to_owned())
    }

    fn free_address(&self) -> Result<String, Cause> {
        let base = u32::from(POOL_BASE);
        (10..65_534_u32)
            .map(|offset| Ipv4Addr::from(base + offset).to_string())
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

fn ports(service: &Value) -> &[Value] {
    service.pointer("/spec/ports").and_then(Value::as_array).map_or(&[], Vec::as_slice)
}
