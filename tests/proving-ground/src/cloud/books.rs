//! The cloud's books: which machines and endpoints there are. All decisions about a machine's life are made here, at one moment
//! each; what follows from them happens elsewhere. No I/O.

use std::collections::BTreeMap;
use std::fmt::{Display, Formatter};
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use super::faults::{Fault, Faults};
use super::ledger::{Ledger, MachineRecord, Role};
use crate::plane::Plane;
use crate::ports::PortLease;

/// A Cluster by its namespace and name, which a pivot does not change.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct ClusterName {
    /// Its namespace.
    pub namespace: String,
    /// Its name.
    pub name: String,
}

impl ClusterName {
    /// A cluster of this namespace and name.
    pub fn new(namespace: &str, name: &str) -> ClusterName {
        ClusterName { namespace: namespace.to_owned(), name: name.to_owned() }
    }
}

impl Display for ClusterName {
    fn fmt(&self, f: &mut Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}/{}", self.namespace, self.name)
    }
}

/// A machine by the namespace and name of its AWSMachine.
pub(super) type MachineKey = (String, String);

/// How far a machine is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum State {
    /// Asked for.
    Pending,
    /// It runs, and its node is not there yet.
    Running,
    /// Its node is there.
    Joined,
    /// It is no more.
    Terminated,
}

/// What a pending machine does next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Start {
    /// It runs now.
    Now,
    /// It will, if it is asked again then.
    In(Duration),
    /// Not before a fault is taken back.
    Never,
}

/// Where the plane of a cluster comes from.
#[derive(Debug)]
pub(super) enum Founding {
    /// It runs.
    Done(Arc<Plane>),
    /// It is to be started.
    Wanted {
        /// Its name on the ground, which no plane has had.
        name: String,
        /// Where it answers.
        port: PortLease,
    },
}

/// What is left to do once a machine is marked as terminated.
#[derive(Debug, Default)]
pub(super) struct Ending {
    /// The id of the machine, if it was there.
    pub provider_id: Option<String>,
    /// The plane whose control plane is no more: it ends.
    pub ends: Option<Arc<Plane>>,
    /// The plane that still has its node.
    pub leaves: Option<Arc<Plane>>,
}

#[derive(Debug)]
struct Machine {
    record: MachineRecord,
    state: State,
    asked: Instant,
}

#[derive(Debug)]
struct Endpoint {
    port: PortLease,
    plane: Option<Arc<Plane>>,
    /// The machine that made the plane.
    founder: Option<MachineKey>,
}

/// All of it.
#[derive(Debug, Default)]
pub(super) struct Books {
    machines: BTreeMap<MachineKey, Machine>,
    endpoints: BTreeMap<ClusterName, Endpoint>,
    /// How many planes each cluster name has had: none takes the folder of another.
    planes: BTreeMap<ClusterName, u32>,
    pub faults: Faults,
}

impl Books {
    /// The port of a cluster's endpoint, if it has one.
    pub fn port(&self, cluster: &ClusterName) -> Option<u16> {
        self.endpoints.get(cluster).map(|endpoint| endpoint.port.port())
    }

    /// Gives a cluster an endpoint; one that has one keeps it.
    pub fn ensure_endpoint(&mut self, cluster: &ClusterName, port: PortLease) -> u16 {
        let new = Endpoint { port, plane: None, founder: None };
        self.endpoints.entry(cluster.clone()).or_insert(new).port.port()
    }

    /// The plane of a cluster.
    pub fn plane(&self, cluster: &ClusterName) -> Option<Arc<Plane>> {
        self.endpoints.get(cluster).and_then(|endpoint| endpoint.plane.clone())
    }

    /// Whether this plane still is a cluster's.
    pub fn is_there(&self, plane: &Arc<Plane>) -> bool {
        self.endpoints.values().filter_map(|endpoint| endpoint.plane.as_ref()).any(|one| Arc::ptr_eq(one, plane))
    }

    /// Takes the endpoint away; its plane, if there still is one, is the caller's to end.
    pub fn remove_endpoint(&mut self, cluster: &ClusterName) -> Option<Arc<Plane>> {
        self.endpoints.remove(cluster).and_then(|endpoint| endpoint.plane)
    }

    /// What a machine needs that makes the cluster's plane.
    ///
    /// # Errors
    /// The cluster has no endpoint, or a control plane of another machine.
    pub fn found(&mut self, cluster: &ClusterName, machine: &MachineKey) -> Result<Founding, String> {
        let endpoint = self.endpoints.get_mut(cluster).ok_or_else(|| format!("{cluster} has no endpoint"))?;
        match &endpoint.founder {
            Some(founder) if founder != machine => return Err(format!("{cluster} has a control plane already, made by {}", founder.1)),
            _ => endpoint.founder = Some(machine.clone()),
        }
        if let Some(plane) = &endpoint.plane {
            return Ok(Founding::Done(Arc::clone(plane)));
        }
        let count = self.planes.entry(cluster.clone()).or_default();
        *count += 1;
        let name = format!("{}-{}", cluster.namespace, cluster.name);
        let name = if *count == 1 { name } else { format!("{name}-{count}") };
        Ok(Founding::Wanted { name, port: endpoint.port.clone() })
    }

    /// The plane that [`Books::found`] was asked for runs. If nobody wants it any more, it comes back.
    pub fn set_plane(&mut self, cluster: &ClusterName, machine: &MachineKey, plane: Arc<Plane>) -> Result<(), Arc<Plane>> {
        let wanted = self.machines.get(machine).is_some_and(|machine| machine.state != State::Terminated);
        match self.endpoints.get_mut(cluster) {
            Some(endpoint) if wanted => {
                endpoint.plane = Some(plane);
                Ok(())
            }
            _ => Err(plane),
        }
    }

    /// How far a machine is.
    pub fn state(&self, machine: &MachineKey) -> Option<State> {
        self.machines.get(machine).map(|machine| machine.state)
    }

    /// Asks for a machine. One that was terminated is made anew, under its old id.
    pub fn ask_for(&mut self, machine: &MachineKey, cluster: &ClusterName, role: Role, provider_id: &str) {
        if let Some(found) = self.machines.get_mut(machine) {
            if found.state == State::Terminated {
                (found.state, found.asked) = (State::Pending, Instant::now());
                found.record.restarts += 1;
                found.record.deleted = None;
            }
            return;
        }
        let record = MachineRecord {
            cluster: cluster.clone(),
            machine: machine.1.clone(),
            role,
            provider_id: provider_id.to_owned(),
            created: SystemTime::now(),
            joined: None,
            deleted: None,
            restarts: 0,
            planes: Vec::new(),
        };
        self.machines.insert(machine.clone(), Machine { record, state: State::Pending, asked: Instant::now() });
    }

    /// Notes which plane's objects make the cloud act on a machine.
    pub fn touch(&mut self, machine: &MachineKey, plane: &str) {
        if let Some(found) = self.machines.get_mut(machine)
            && found.record.planes.last().is_none_or(|last| last != plane)
        {
            found.record.planes.push(plane.to_owned());
        }
    }

    /// Starts a pending machine, unless a fault is in the way.
    pub fn start(&mut self, machine: &MachineKey) -> Start {
        let fault = self.faults.of(&machine.1);
        let Some(found) = self.machines.get_mut(machine).filter(|found| found.state == State::Pending) else { return Start::Never };
        let left = match fault {
            Some(Fault::NeverComes) => return Start::Never,
            Some(Fault::Slow(takes)) => takes.saturating_sub(found.asked.elapsed()),
            None => Duration::ZERO,
        };
        if left > Duration::ZERO {
            return Start::In(left);
        }
        found.state = State::Running;
        Start::Now
    }

    /// Its node is there. If the machine is gone by now, the answer is no.
    pub fn joined(&mut self, machine: &MachineKey) -> bool {
        match self.machines.get_mut(machine) {
            Some(found) if found.state != State::Terminated => {
                found.state = State::Joined;
                found.record.joined.get_or_insert_with(SystemTime::now);
                true
            }
            _ => false,
        }
    }

    /// Takes a machine away. The last one of a control plane that had joined takes the plane with it. Twice is once.
    pub fn terminate(&mut self, machine: &MachineKey) -> Ending {
        let Some(found) = self.machines.get_mut(machine).filter(|found| found.state != State::Terminated) else { return Ending::default() };
        found.state = State::Terminated;
        found.record.deleted = Some(SystemTime::now());
        let (cluster, role) = (found.record.cluster.clone(), found.record.role);
        let provider_id = Some(found.record.provider_id.clone());
        let others = self.machines.values().filter(|other| other.record.cluster == cluster && other.record.role == Role::ControlPlane);
        let control_plane_lives = others.into_iter().any(|other| other.state == State::Joined);
        let Some(endpoint) = self.endpoints.get_mut(&cluster) else { return Ending { provider_id, ..Ending::default() } };
        if role == Role::ControlPlane && !control_plane_lives {
            return Ending { provider_id, ends: endpoint.plane.take(), leaves: None };
        }
        Ending { provider_id, ends: None, leaves: endpoint.plane.clone() }
    }

    /// Machines of a name, whatever their namespace.
    pub fn named(&self, name: &str) -> Vec<MachineKey> {
        self.machines.keys().filter(|(_, machine)| machine == name).cloned().collect()
    }

    /// Machines of a cluster that are there.
    pub fn living_of(&self, cluster: &ClusterName) -> usize {
        self.machines.values().filter(|machine| machine.record.cluster == *cluster && machine.state != State::Terminated).count()
    }

    /// A copy of the books.
    pub fn ledger(&self) -> Ledger {
        let mut machines: Vec<MachineRecord> = self.machines.values().map(|machine| machine.record.clone()).collect();
        machines.sort_by(|a, b| (&a.cluster, &a.machine).cmp(&(&b.cluster, &b.machine)));
        Ledger { machines, clusters: self.endpoints.keys().cloned().collect() }
    }

    /// Takes every plane out, because the cloud ends.
    pub fn close(&mut self) -> Vec<Arc<Plane>> {
        std::mem::take(&mut self.endpoints).into_values().filter_map(|endpoint| endpoint.plane).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::GroundError;

    fn key(name: &str) -> MachineKey {
        ("default".to_owned(), name.to_owned())
    }

    fn books() -> (Books, ClusterName) {
        let mut books = Books::default();
        let cluster = ClusterName::new("default", "shop");
        books.ask_for(&key("a"), &cluster, Role::ControlPlane, "aws:///z/i-a");
        (books, cluster)
    }

    #[test]
    fn a_machine_has_one_life_unless_it_is_asked_for_again() {
        let (mut books, cluster) = books();
        assert_eq!(books.start(&key("a")), Start::Now);
        assert_eq!(books.start(&key("a")), Start::Never, "it runs already");
        assert!(books.joined(&key("a")));
        books.ask_for(&key("a"), &cluster, Role::ControlPlane, "aws:///z/i-a");
        assert_eq!((books.state(&key("a")), books.ledger().machines[0].restarts), (Some(State::Joined), 0));
        assert_eq!(books.living_of(&cluster), 1);

        books.terminate(&key("a"));
        assert!(books.ledger().is_empty() && books.living_of(&cluster) == 0);
        assert!(!books.joined(&key("a")), "a machine that is gone joins nothing");
        books.ask_for(&key("a"), &cluster, Role::ControlPlane, "aws:///z/i-a");
        assert_eq!((books.state(&key("a")), books.ledger().machines[0].restarts), (Some(State::Pending), 1));
    }

    #[test]
    fn faults_hold_a_pending_machine() {
        let (mut books, cluster) = books();
        books.faults.set("a", Fault::NeverComes);
        assert_eq!(books.start(&key("a")), Start::Never);
        books.faults.set("a", Fault::Slow(Duration::from_secs(60)));
        assert!(matches!(books.start(&key("a")), Start::In(left) if left > Duration::from_secs(50)));
        books.ask_for(&key("b"), &cluster, Role::Worker, "aws:///z/i-b");
        assert_eq!(books.start(&key("b")), Start::Now);
        books.faults.clear("a");
        assert_eq!(books.start(&key("a")), Start::Now);
    }

    #[test]
    fn one_machine_makes_a_control_plane() -> Result<(), GroundError> {
        let (mut books, cluster) = books();
        assert_eq!(books.found(&cluster, &key("a")).err().as_deref(), Some("default/shop has no endpoint"));
        let port = books.ensure_endpoint(&cluster, PortLease::take()?);
        assert_eq!(books.ensure_endpoint(&cluster, PortLease::take()?), port, "an endpoint stays");
        let wanted = |founding| match founding {
            Ok(Founding::Wanted { name, port }) => Ok((name, port.port())),
            Ok(Founding::Done(plane)) => Err(format!("{plane:?} runs")),
            Err(reason) => Err(reason),
        };
        assert_eq!(wanted(books.found(&cluster, &key("a"))), Ok(("default-shop".to_owned(), port)));
        let refused = wanted(books.found(&cluster, &key("b")));
        assert_eq!(refused, Err("default/shop has a control plane already, made by a".to_owned()));
        // A plane that did not come up leaves its folder to nobody.
        assert_eq!(wanted(books.found(&cluster, &key("a"))), Ok(("default-shop-2".to_owned(), port)));
        assert!(!books.ledger().is_empty());
        Ok(())
    }

    #[test]
    fn planes_are_noted_one_after_the_other() {
        let (mut books, _) = books();
        for plane in ["management", "management", "default-shop", "default-shop", "management"] {
            books.touch(&key("a"), plane);
        }
        assert_eq!(books.ledger().machines[0].planes, ["management", "default-shop", "management"]);
    }
}
