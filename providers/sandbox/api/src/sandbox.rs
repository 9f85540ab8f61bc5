//! The sandbox: several planes in one process and one store.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use tokio::net::TcpSocket;
use tokio::sync::Mutex;
use tokio_util::task::AbortOnDropHandle;

use crate::access::{Authority, random_key};
use crate::activity::ActivityLog;
use crate::clock::{Clock, SystemClock};
use crate::error::Error;
use crate::faults::{FaultPlan, Faults};
use crate::http::{Listener, hold};
use crate::keeper;
use crate::kinds::Builtins;
use crate::plane::{Plane, Surroundings};
use crate::store::{self, PlaneRecord, Row, Store};
use crate::world::World;

/// How a sandbox runs.
#[derive(Clone)]
pub struct Options {
    /// Time stamps of objects come from here.
    pub clock: Arc<dyn Clock>,
    /// Kubernetes version that the management plane reports.
    pub management_version: String,
    /// Changes that each plane remembers for watches; an older watch gets 410.
    pub history: usize,
    /// Faults on purpose, for tests.
    pub faults: Option<Faults>,
}

impl Default for Options {
    fn default() -> Options {
        Options { clock: Arc::new(SystemClock), management_version: "v1.34.3".to_owned(), history: 10_000, faults: None }
    }
}

/// What makes a plane out of a reserved address.
#[derive(Clone)]
pub struct Boot {
    /// The cluster's CA, which signs the serving certificate and client certificates.
    pub ca_cert_pem: String,
    /// Its key.
    pub ca_key_pem: String,
    /// Key material for ServiceAccount tokens; the same key accepts the same tokens.
    pub service_account_key: String,
    /// Kubernetes version that the plane reports (`v1.34.3`).
    pub version: String,
    /// Network of Services, CIDR; empty: 10.96.0.0/16.
    pub service_cidr: String,
}

/// Name of the plane that is there before any cluster.
const MANAGEMENT: &str = "management";

/// Ports below those that systems give to outgoing connections.
const PORTS: std::ops::RangeInclusive<u16> = 23_000..=31_999;

/// Several Kubernetes APIs in one process.
pub struct Sandbox {
    store: Store,
    builtins: Builtins,
    options: Options,
    surroundings: Surroundings,
    slots: Mutex<BTreeMap<String, Slot>>,
}

/// A plane and what runs for it.
struct Slot {
    record: PlaneRecord,
    /// Bound while nothing listens, so that the port stays ours.
    held: Option<TcpSocket>,
    plane: Option<Plane>,
    listener: Option<Listener>,
    keeper: Option<AbortOnDropHandle<()>>,
}

impl Sandbox {
    /// Opens (or makes) the sandbox in `dir` and serves every plane that was served before, on the same ports.
    ///
    /// # Errors
    /// [`Error::Locked`] if another process has it; damage of the store; a port that somebody else took.
    pub async fn open(dir: &Path, options: Options) -> Result<Sandbox, Error> {
        let (store, loaded) = store::open(dir)?;
        let surroundings = Surroundings {
            clock: options.clock.clone(),
            faults: Arc::new(FaultPlan::new(options.faults.clone().unwrap_or_default())),
            activity: ActivityLog::new(),
        };
        let sandbox = Sandbox { store, builtins: Builtins::load()?, options, surroundings, slots: Mutex::new(BTreeMap::new()) };
        let mut slots = BTreeMap::new();
        for plane in loaded {
            let mut slot = Slot::new(plane.record)?;
            if slot.record.booted {
                sandbox.start(&mut slot, plane.version, plane.rows)?;
                slot.furnish().await?;
                if slot.record.serving {
                    slot.listen()?;
                }
            }
            slots.insert(slot.record.id.clone(), slot);
        }
        *sandbox.slots.lock().await = slots;
        Ok(sandbox)
    }

    /// The management plane, made at the first call with a CA of its own.
    pub async fn management(&self) -> Result<Plane, Error> {
        if let Some(plane) = self.plane(MANAGEMENT).await {
            return Ok(plane);
        }
        self.reserve(MANAGEMENT).await?;
        let authority = Authority::generate(MANAGEMENT)?;
        let boot = Boot {
            ca_cert_pem: authority.cert_pem,
            ca_key_pem: authority.key_pem,
            service_account_key: random_key(),
            version: self.options.management_version.clone(),
            service_cidr: String::new(),
        };
        self.boot(MANAGEMENT, boot).await
    }

    /// Other faults on purpose from now on, on all planes; for tests that are to hit what comes next.
    pub fn fail(&self, faults: Faults) {
        self.surroundings.faults.change(faults);
    }

    /// Requests that faults could have hit since [`fail`](Self::fail) was called last.
    pub fn requests(&self) -> u64 {
        self.surroundings.faults.requests()
    }

    /// A booted plane.
    pub async fn plane(&self, id: &str) -> Option<Plane> {
        self.slots.lock().await.get(id)?.plane.clone()
    }

    /// Names of all planes, booted or only reserved.
    pub async fn planes(&self) -> Vec<String> {
        self.slots.lock().await.keys().cloned().collect()
    }

    /// The address that plane `id` has or will have; connections to it are refused until it is booted.
    pub async fn reserve(&self, id: &str) -> Result<SocketAddr, Error> {
        let mut slots = self.slots.lock().await;
        if let Some(slot) = slots.get(id) {
            return Ok(slot.address());
        }
        let (port, socket) = free_port(&slots)?;
        let record = PlaneRecord {
            id: id.to_owned(),
            port,
            booted: false,
            serving: false,
            ca_cert_pem: String::new(),
            ca_key_pem: String::new(),
            service_account_key: String::new(),
            token_key: random_key(),
            version: String::new(),
            service_cidr: String::new(),
        };
        self.store.write_plane(record.clone()).committed().await?;
        let slot = Slot { record, held: Some(socket), plane: None, listener: None, keeper: None };
        let address = slot.address();
        slots.insert(id.to_owned(), slot);
        Ok(address)
    }

    /// Serves plane `id`. Booting it again changes its version, and starts it if it was stopped.
    ///
    /// # Errors
    /// [`Error::OtherAuthority`] if it was booted with another CA.
    pub async fn boot(&self, id: &str, boot: Boot) -> Result<Plane, Error> {
        self.reserve(id).await?;
        let mut slots = self.slots.lock().await;
        let slot = slots.get_mut(id).ok_or_else(|| Error::UnknownPlane(id.to_owned()))?;
        if slot.record.booted && slot.record.ca_cert_pem != boot.ca_cert_pem {
            return Err(Error::OtherAuthority(id.to_owned()));
        }
        let before = slot.record.clone();
        if !slot.record.booted {
            slot.record.ca_cert_pem = boot.ca_cert_pem;
            slot.record.ca_key_pem = boot.ca_key_pem;
            slot.record.service_account_key = boot.service_account_key;
            slot.record.service_cidr = boot.service_cidr;
        }
        slot.record.version = boot.version;
        slot.record.booted = true;
        slot.record.serving = true;
        if let Err(error) = self.bring_up(slot).await {
            if !before.booted {
                slot.plane = None;
                slot.keeper = None;
            }
            slot.record = before;
            return Err(error);
        }
        slot.plane.clone().ok_or_else(|| Error::UnknownPlane(id.to_owned()))
    }

    async fn bring_up(&self, slot: &mut Slot) -> Result<(), Error> {
        match &slot.plane {
            Some(plane) => plane.set_version(&slot.record.version),
            None => self.start(slot, 0, Vec::new())?,
        }
        self.store.write_plane(slot.record.clone()).committed().await?;
        slot.furnish().await?;
        slot.listen()
    }

    /// Closes the plane's port to connections; its objects stay.
    pub async fn stop(&self, id: &str) -> Result<(), Error> {
        let mut slots = self.slots.lock().await;
        let slot = slots.get_mut(id).ok_or_else(|| Error::UnknownPlane(id.to_owned()))?;
        slot.record.serving = false;
        self.store.write_plane(slot.record.clone()).committed().await?;
        slot.unlisten().await
    }

    /// Deletes the plane with all its objects and gives its port back.
    pub async fn remove(&self, id: &str) -> Result<(), Error> {
        let mut slots = self.slots.lock().await;
        let Some(mut slot) = slots.remove(id) else { return Ok(()) };
        slot.unlisten().await?;
        slot.end_keeper().await;
        self.store.forget_plane(id).committed().await
    }

    /// Since the last request of a client that is neither one of the sandbox's own nor a pod; zero while one is open.
    pub fn idle(&self) -> Duration {
        self.surroundings.activity.idle()
    }

    /// Closes all ports, commits everything and releases the store.
    pub async fn close(&self) {
        let mut slots = self.slots.lock().await;
        for slot in slots.values_mut() {
            if let Some(listener) = slot.listener.take() {
                listener.stop().await;
            }
            slot.end_keeper().await;
            slot.held = None;
            slot.plane = None;
        }
        slots.clear();
        self.store.close();
    }

    fn start(&self, slot: &mut Slot, version: u64, rows: Vec<Row>) -> Result<(), Error> {
        let (world, events) = World::restore(&slot.record.id, self.store.clone(), version, rows, self.options.history);
        let plane = Plane::new(&slot.record, world, self.builtins.clone(), self.surroundings.clone())?;
        slot.keeper = Some(AbortOnDropHandle::new(tokio::spawn(keeper::run(plane.clone(), events))));
        slot.plane = Some(plane);
        Ok(())
    }
}

impl Slot {
    fn new(record: PlaneRecord) -> Result<Slot, Error> {
        let held = hold(record.port).map_err(|source| Slot::refused(&record, source))?;
        Ok(Slot { record, held: Some(held), plane: None, listener: None, keeper: None })
    }

    fn address(&self) -> SocketAddr {
        SocketAddr::from(([127, 0, 0, 1], self.record.port))
    }

    /// Makes what every plane has; a crash may have come before it was made.
    async fn furnish(&self) -> Result<(), Error> {
        match &self.plane {
            Some(plane) => keeper::furnish(plane).await.map_err(|failure| Error::Stopped(failure.message)),
            None => Ok(()),
        }
    }

    fn refused(record: &PlaneRecord, source: std::io::Error) -> Error {
        Error::Port { plane: record.id.clone(), port: record.port, source }
    }

    fn listen(&mut self) -> Result<(), Error> {
        let (None, Some(plane)) = (&self.listener, &self.plane) else { return Ok(()) };
        let socket = match self.held.take() {
            Some(socket) => socket,
            None => hold(self.record.port).map_err(|source| Slot::refused(&self.record, source))?,
        };
        let listener = Listener::start(socket, plane.clone()).map_err(|source| Slot::refused(&self.record, source))?;
        self.listener = Some(listener);
        Ok(())
    }

    async fn unlisten(&mut self) -> Result<(), Error> {
        if let Some(listener) = self.listener.take() {
            listener.stop().await;
            self.held = Some(hold(self.record.port).map_err(|source| Slot::refused(&self.record, source))?);
        }
        Ok(())
    }

    async fn end_keeper(&mut self) {
        if let Some(keeper) = self.keeper.take() {
            keeper.abort();
            // The result is the cancellation.
            let _ = keeper.await;
        }
    }
}

fn free_port(slots: &BTreeMap<String, Slot>) -> Result<(u16, TcpSocket), Error> {
    let count = PORTS.end() - PORTS.start() + 1;
    let first = rand::random::<u16>() % count;
    for offset in 0..count {
        let port = PORTS.start() + (first + offset) % count;
        if slots.values().any(|slot| slot.record.port == port) {
            continue;
        }
        if let Ok(socket) = hold(port) {
            return Ok((port, socket));
        }
    }
    Err(Error::NoFreePort { first: *PORTS.start(), last: *PORTS.end() })
}
