//! Ports that no other ground of this host will take: each is leased, so that planes of different processes can come up at the
//! same moment and a service that is stopped finds its port again.

use std::net::{Ipv4Addr, TcpListener};
use std::sync::Arc;

use crate::error::GroundError;
use crate::host_lease::HostLease;

/// Below the range that the kernel gives to outgoing connections, above the ports of the dev provider.
const FIRST: u16 = 24_500;
const LAST: u16 = 32_000;

/// A port of 127.0.0.1 that is ours until this and every clone of it is dropped.
#[derive(Debug, Clone)]
pub struct PortLease {
    port: u16,
    _lease: Arc<HostLease>,
}

impl PortLease {
    /// Leases a free port.
    ///
    /// # Errors
    /// All are taken, or the system has no leases.
    pub fn take() -> Result<PortLease, GroundError> {
        // Neighbours start at different places, so that they rarely try each other's.
        let range = LAST - FIRST;
        let start = u16::try_from(std::process::id() % u32::from(range)).unwrap_or_default();
        for step in 0..range {
            let port = FIRST + (start + step) % range;
            if let Some(lease) = PortLease::of(port)? {
                return Ok(lease);
            }
        }
        Err(GroundError::NoPort(FIRST, LAST))
    }

    /// Leases this port, unless it is leased or somebody listens on it.
    fn of(port: u16) -> Result<Option<PortLease>, GroundError> {
        let Some(lease) = HostLease::try_take(&port.to_string())? else { return Ok(None) };
        let free = TcpListener::bind((Ipv4Addr::LOCALHOST, port)).is_ok();
        Ok(free.then(|| PortLease { port, _lease: Arc::new(lease) }))
    }

    /// The port.
    pub fn port(&self) -> u16 {
        self.port
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn no_port_is_leased_twice() -> Result<(), GroundError> {
        let leases = (0..8).map(|_| PortLease::take()).collect::<Result<Vec<_>, _>>()?;
        let ports: BTreeSet<u16> = leases.iter().map(PortLease::port).collect();
        assert_eq!(ports.len(), leases.len());
        Ok(())
    }

    #[test]
    fn a_port_that_somebody_listens_on_is_not_leased() -> Result<(), GroundError> {
        let lease = PortLease::take()?;
        let port = lease.port();
        // While the lease is ours: whoever takes it next tries the port for a moment.
        let _listener = TcpListener::bind((Ipv4Addr::LOCALHOST, port)).map_err(GroundError::io("listener".as_ref()))?;
        drop(lease);
        assert!(PortLease::of(port)?.is_none());
        Ok(())
    }
}
