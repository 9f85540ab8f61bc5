//! Names that one process of this host holds at a time, such as a port. The kernel frees them when the holder dies.

use std::os::unix::net::UnixListener;

use crate::error::GroundError;

/// Holds a name until it is dropped.
///
/// It is an abstract socket: it lives in the same network namespace as the ports that it stands for, needs no folder that
/// all users of the host can write, and leaves no file.
#[derive(Debug)]
pub(crate) struct HostLease {
    _socket: UnixListener,
}

impl HostLease {
    /// The lease of a name, or `None` if somebody has it.
    ///
    /// # Errors
    /// The system knows no such sockets.
    pub fn try_take(name: &str) -> Result<Option<HostLease>, GroundError> {
        match bind(&format!("windlass-proving-ground/{name}")) {
            Ok(socket) => Ok(Some(HostLease { _socket: socket })),
            Err(error) if error.kind() == std::io::ErrorKind::AddrInUse => Ok(None),
            Err(source) => Err(GroundError::Io { what: format!("lease of {name}"), source }),
        }
    }
}

/// An abstract socket of this name.
#[cfg(target_os = "linux")]
pub(crate) fn bind(name: &str) -> std::io::Result<UnixListener> {
    use std::os::linux::net::SocketAddrExt;
    UnixListener::bind_addr(&std::os::unix::net::SocketAddr::from_abstract_name(name)?)
}

/// An abstract socket of this name, which only Linux has.
#[cfg(not(target_os = "linux"))]
pub(crate) fn bind(_name: &str) -> std::io::Result<UnixListener> {
    Err(std::io::Error::new(std::io::ErrorKind::Unsupported, "the proving ground runs on Linux only"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_held_until_it_is_dropped() -> Result<(), GroundError> {
        let name = format!("test-{}", std::process::id());
        let held = HostLease::try_take(&name)?;
        assert!(held.is_some() && HostLease::try_take(&name)?.is_none());
        drop(held);
        assert!(HostLease::try_take(&name)?.is_some());
        Ok(())
    }
}
