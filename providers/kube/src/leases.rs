//! Holding planes for a run: a Lease `windlass-<lineage>` on each (design section 7, Locks). Fills the executor's `PlaneLocks`.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use futures::FutureExt;
use futures::future::{BoxFuture, join_all};
use jiff::Timestamp;
use serde_json::{Value as Json, json};
use tokio::task::JoinHandle;
use tokio::time::{Instant, timeout};
use windlass_core::addr::Address;
use windlass_core::marks::{FIELD_MANAGER, SYSTEM_NAMESPACE, state_lease};
use windlass_core::plan::{PlanPlane, old_state};
use windlass_run::ports::{PlaneLocks, StepError, StoreError};

use crate::error::{ApiError, failed};
use crate::kinds::ObjectRef;
use crate::plane::{PROBE_PATIENCE, Persist, Plane};
use crate::planes::Planes;
use crate::work::ensure_system_namespace;

/// A Lease is renewed this often.
const RENEW_EVERY: Duration = Duration::from_secs(10);
/// A step starts only while the last renewal is younger than this.
const FRESH_FOR: Duration = Duration::from_secs(30);
/// A Lease that was not renewed for so long is free.
const FREE_AFTER_SECONDS: i64 = 60;
/// How often a Lease of another run is looked at again while it is waited for.
const LOOK_EVERY: Duration = Duration::from_secs(1);
/// Annotation of the Lease: the highest serial that wrote to the plane.
const ANNOTATION_SERIAL: &str = "windlass.dev/serial";
/// How often another writer may get in between before we give up.
const ATTEMPTS: usize = 5;

/// API version of Leases.
pub const LEASE_API_VERSION: &str = "coordination.k8s.io/v1";

struct Held {
    renewed: Instant,
    run: String,
    serial: u64,
    taken_away: bool,
}

struct Shared {
    planes: Arc<Planes>,
    lineage: String,
    ended: BTreeSet<String>,
    patience: Duration,
    held: Mutex<BTreeMap<Address, Held>>,
}

/// The Leases of one process.
pub struct Leases {
    shared: Arc<Shared>,
    renewer: Mutex<Option<JoinHandle<()>>>,
}

impl Leases {
    /// None is held yet. `ended`: runs that the state knows to be over; a process that was killed before it gave a Lease back holds nothing.
    /// `patience`: how long a look waits for the Leases of others.
    pub fn new(planes: Arc<Planes>, lineage: String, ended: BTreeSet<String>, patience: Duration) -> Self {
        Self { shared: Arc::new(Shared { planes, lineage, ended, patience, held: Mutex::default() }), renewer: Mutex::default() }
    }

    async fn take(&self, address: &Address, run: &str, serial: u64) -> Result<(), StepError> {
        let plane = self.shared.planes.plane(address).await.map_err(|error| error.during(address))?;
        ensure_system_namespace(&plane, &self.shared.lineage).await?;
        let began = Instant::now();
        self.shared.write_lease(&plane, run, serial).await?;
        let held = Held { renewed: began, run: run.to_owned(), serial, taken_away: false };
        self.shared.held().insert(address.clone(), held);
        let mut renewer = self.renewer.lock().unwrap_or_else(PoisonError::into_inner);
        if renewer.as_ref().is_none_or(JoinHandle::is_finished) {
            *renewer = Some(tokio::spawn(keep_renewing(self.shared.clone())));
        }
        Ok(())
    }
}

impl Drop for Leases {
    fn drop(&mut self) {
        if let Some(renewer) = self.renewer.lock().unwrap_or_else(PoisonError::into_inner).take() {
            renewer.abort();
        }
    }
}

impl PlaneLocks for Leases {
    fn look<'a>(&'a self, planes: &'a [PlanPlane], run: &'a str, serial: u64) -> BoxFuture<'a, Result<(), StepError>> {
        async move {
            let until = Instant::now() + self.shared.patience;
            for plane in planes {
                if let Some(access) = &plane.access {
                    self.shared.planes.know(&plane.address, access);
                }
                loop {
                    match self.shared.look(&plane.address, run, serial).await {
                        Err(StepError::Store(_)) if Instant::now() < until => tokio::time::sleep(LOOK_EVERY).await,
                        seen => break seen?,
                    }
                }
            }
            Ok(())
        }
        .boxed()
    }

    fn acquire<'a>(&'a self, planes: &'a [PlanPlane], run: &'a str, serial: u64) -> BoxFuture<'a, Result<(), StepError>> {
        async move {
            for plane in planes {
                if let Some(access) = &plane.access {
                    self.shared.planes.know(&plane.address, access);
                }
                self.take(&plane.address, run, serial).await?;
            }
            Ok(())
        }
        .boxed()
    }

    fn join<'a>(&'a self, plane: &'a Address, run: &'a str, serial: u64) -> BoxFuture<'a, Result<(), StepError>> {
        self.take(plane, run, serial).boxed()
    }

    fn fresh(&self, plane: &Address) -> bool {
        self.shared.held().get(plane).is_some_and(|held| !held.taken_away && held.renewed.elapsed() < FRESH_FOR)
    }

    fn release<'a>(&'a self, run: &'a str) -> BoxFuture<'a, ()> {
        async move {
            if let Some(renewer) = self.renewer.lock().unwrap_or_else(PoisonError::into_inner).take() {
                renewer.abort();
            }
            let held: Vec<Address> = std::mem::take(&mut *self.shared.held()).into_keys().collect();
            join_all(held.iter().map(|address| self.shared.give_back(address, run))).await;
        }
        .boxed()
    }
}

async fn keep_renewing(shared: Arc<Shared>) {
    let mut ticks = tokio::time::interval(RENEW_EVERY);
    ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    ticks.tick().await;
    loop {
        ticks.tick().await;
        let held: Vec<(Address, String, u64)> =
            shared.held().iter().map(|(address, held)| (address.clone(), held.run.clone(), held.serial)).collect();
        // A plane that does not answer must not hold up the renewals on the others.
        let renewals = held.iter().map(|(address, run, serial)| timeout(RENEW_EVERY, shared.renew(address, run, *serial)));
        join_all(renewals).await;
    }
}

impl Shared {
    fn held(&self) -> std::sync::MutexGuard<'_, BTreeMap<Address, Held>> {
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn reference(&self) -> ObjectRef {
        ObjectRef::new(LEASE_API_VERSION, "Lease", Some(SYSTEM_NAMESPACE), &state_lease(&self.lineage))
    }

    async fn look(&self, address: &Address, run: &str, serial: u64) -> Result<(), StepError> {
        let plane = self.planes.plane(address).await.map_err(|error| error.during(address))?;
        let reference = self.reference();
        let live = plane.get(&reference).await.map_err(|error| error.during(address, &format!("read {}", reference.short())))?;
        live.map_or(Ok(()), |live| may_take(&live, run, &self.ended, serial, address, Timestamp::now()))
    }

    async fn write_lease(&self, plane: &Plane, run: &str, serial: u64) -> Result<(), StepError> {
        let reference = self.reference();
        let failed_to = |error: ApiError| error.during(&plane.address, &format!("hold {}", reference.short()));
        let mut sent = None;
        for _ in 0..ATTEMPTS {
            let live = plane.get(&reference).await.map_err(failed_to)?;
            if let Some(live) = &live {
                if sent.is_some() && live.get("spec") == sent.as_ref() {
                    // It was written, and the answer was lost.
                    return Ok(());
                }
                may_take(live, run, &self.ended, serial, &plane.address, Timestamp::now())?;
            }
            let wanted = lease(live.as_ref(), &reference, run, serial, Timestamp::now());
            let answer = match live {
                None => plane.create(&wanted, FIELD_MANAGER, Persist::Yes).await,
                Some(_) => plane.replace(&wanted, FIELD_MANAGER).await,
            };
            match answer {
                Ok(_) => return Ok(()),
                // Somebody else wrote it in between, or we did: look again.
                Err(error) if error.code() == Some(409) => sent = wanted.get("spec").cloned(),
                Err(error) => return Err(failed_to(error)),
            }
        }
        Err(failed(
            format!("{} on {} changes all the time", reference.short(), plane.address),
            "another windlass works there: try again later",
        ))
    }

    async fn renew(&self, address: &Address, run: &str, serial: u64) {
        let Ok(plane) = self.planes.plane(address).await else { return };
        let began = Instant::now();
        let answer = self.write_lease(&plane, run, serial).await;
        let mut held = self.held();
        let Some(held) = held.get_mut(address) else { return };
        match answer {
            Ok(()) => held.renewed = began,
            Err(StepError::Store(_)) => held.taken_away = true,
            Err(error) => tracing::debug!(%address, %error, "a Lease was not renewed"),
        }
    }

    /// As well as it goes: a plane that does not answer frees its Lease by itself.
    async fn give_back(&self, address: &Address, run: &str) {
        let Ok(plane) = self.planes.plane(address).await else { return };
        let reference = self.reference();
        let Ok(Some(mut live)) = plane.get_within(&reference, PROBE_PATIENCE).await else { return };
        if holder(&live) != Some(run) {
            return;
        }
        if let Some(spec) = live.get_mut("spec").and_then(Json::as_object_mut) {
            spec.insert("holderIdentity".to_owned(), json!(""));
        }
        if let Err(error) = plane.replace(&live, FIELD_MANAGER).await {
            tracing::debug!(%address, %error, "a Lease was not given back");
        }
    }
}

fn holder(live: &Json) -> Option<&str> {
    live.pointer("/spec/holderIdentity").and_then(Json::as_str).filter(|holder| !holder.is_empty())
}

/// The serial that a Lease has seen last.
pub fn last_serial(live: &Json) -> Option<u64> {
    live.pointer("/metadata/annotations")?.get(ANNOTATION_SERIAL)?.as_str()?.parse().ok()
}

fn may_take(live: &Json, run: &str, ended: &BTreeSet<String>, serial: u64, plane: &Address, now: Timestamp) -> Result<(), StepError> {
    if let Some(other) = holder(live).filter(|holder| *holder != run && !ended.contains(*holder)) {
        let renewed = live.pointer("/spec/renewTime").and_then(Json::as_str).and_then(|text| text.parse::<Timestamp>().ok());
        let age = renewed.map_or(i64::MAX, |renewed| now.as_second() - renewed.as_second());
        if age < FREE_AFTER_SECONDS {
            let owner = format!("run {other} on {plane}, which renewed it {age} s ago");
            return Err(StepError::Store(Arc::new(StoreError::Locked { owner })));
        }
    }
    match last_serial(live) {
        Some(seen) if seen > serial => Err(StepError::Diagnosed(Box::new(old_state(plane, seen, serial)))),
        _ => Ok(()),
    }
}

fn lease(live: Option<&Json>, reference: &ObjectRef, run: &str, serial: u64, now: Timestamp) -> Json {
    // MicroTime has exactly six digits.
    let time = now.strftime("%Y-%m-%dT%H:%M:%S%.6fZ").to_string();
    let same = live.is_some_and(|live| holder(live) == Some(run));
    let acquired = live.filter(|_| same).and_then(|live| live.pointer("/spec/acquireTime")).cloned().unwrap_or_else(|| json!(time));
    let mut metadata = json!({
        "name": reference.name,
        "namespace": reference.namespace,
        "annotations": {ANNOTATION_SERIAL: serial.to_string()},
    });
    if let Some(version) = live.and_then(|live| live.pointer("/metadata/resourceVersion")) {
        windlass_core::encode::merge_patch(&mut metadata, &json!({"resourceVersion": version}));
    }
    json!({
        "apiVersion": LEASE_API_VERSION,
        "kind": "Lease",
        "metadata": metadata,
        "spec": {"holderIdentity": run, "leaseDurationSeconds": FREE_AFTER_SECONDS, "acquireTime": acquired, "renewTime": time},
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_may_take_a_lease() {
        let now: Timestamp = "2026-11-22T12:00:00Z".parse().expect("time");
        let live = |holder: &str, renewed: &str, serial: u64| json!({"metadata": {"annotations": {ANNOTATION_SERIAL: serial.to_string()}}, "spec": {"holderIdentity": holder, "renewTime": renewed}});
        let plane = Address::management("m");
        for (live, expected) in [
            (live("", "2026-11-22T11:59:59.000000Z", 3), "taken"),
            (live("mine", "2026-11-22T11:59:59.000000Z", 4), "taken"),
            (
                live("other", "2026-11-22T11:59:30.000000Z", 3),
                "the state is locked by run other on management.m, which renewed it 30 s ago",
            ),
            (live("other", "2026-11-22T11:59:00.000000Z", 3), "taken"),
            (live("other", "2026-11-22T11:00:00.000000Z", 5), "this state is older than the one that management.m has seen"),
            (live("mine", "2026-11-22T11:59:59.000000Z", 5), "this state is older than the one that management.m has seen"),
        ] {
            let got =
                may_take(&live, "mine", &BTreeSet::new(), 4, &plane, now).map_or_else(|error| error.to_string(), |()| "taken".to_owned());
            assert_eq!(got, expected);
        }
    }

    #[test]
    fn a_lease_keeps_its_beginning_while_one_run_holds_it() {
        let now: Timestamp = "2026-11-22T12:00:00.5Z".parse().expect("time");
        let reference = ObjectRef::new(LEASE_API_VERSION, "Lease", Some("n"), "windlass-l");
        let first = lease(None, &reference, "r", 1, now);
        assert_eq!(first.pointer("/spec/renewTime"), Some(&json!("2026-11-22T12:00:00.500000Z")));
        let later = lease(Some(&first), &reference, "r", 1, "2026-11-22T12:00:10Z".parse().expect("time"));
        assert_eq!(later.pointer("/spec/acquireTime"), first.pointer("/spec/acquireTime"));
        let other = lease(Some(&first), &reference, "s", 2, "2026-11-22T12:00:10Z".parse().expect("time"));
        assert_eq!(other.pointer("/spec/acquireTime"), Some(&json!("2026-11-22T12:00:10.000000Z")));
    }
}
