//! What a run needs besides steps and a store, where there is no cluster: planes that all answer, locks that are free, and a plan around
//! steps. It knows no step.

use std::collections::BTreeMap;

use futures::future::BoxFuture;
use windlass_core::addr::Address;
use windlass_core::facts::{Demand, Facts, PlaneFact, PlaneIdentity};
use windlass_core::plan::{Fingerprint, Mode, PLAN_FORMAT, Plan, PlanPlane, Step};
use windlass_run::ports::{PlaneLocks, StepError};

/// Locks that answer at once and are never lost.
pub struct FreeLocks;

impl PlaneLocks for FreeLocks {
    fn look<'a>(&'a self, _: &'a [PlanPlane], _: &'a str, _: u64) -> BoxFuture<'a, Result<(), StepError>> {
        Box::pin(async { Ok(()) })
    }

    fn acquire<'a>(&'a self, _: &'a [PlanPlane], _: &'a str, _: u64) -> BoxFuture<'a, Result<(), StepError>> {
        Box::pin(async { Ok(()) })
    }

    fn join<'a>(&'a self, _: &'a Address, _: &'a str, _: u64) -> BoxFuture<'a, Result<(), StepError>> {
        Box::pin(async { Ok(()) })
    }

    fn fresh(&self, _: &Address) -> bool {
        true
    }

    fn release<'a>(&'a self, _: &'a str) -> BoxFuture<'a, ()> {
        Box::pin(async {})
    }
}

/// Every plane that is asked for answers, as one that nobody has used yet.
pub fn all_answer(demands: &[Demand]) -> Facts {
    let mut facts = Facts::default();
    for demand in demands {
        let Demand::Plane { plane, .. } = demand else { continue };
        let identity = PlaneIdentity {
            uid: "u".into(),
            version: String::new(),
            endpoint: String::new(),
            ca_certificate: String::new(),
            last_serial: None,
            agent_heartbeat_age: None,
            certificate_days: None,
            access_outdated: false,
        };
        facts.planes.insert(plane.clone(), PlaneFact::Reachable(identity));
    }
    facts
}

/// A plan of lineage `l` that holds nothing but these.
pub fn plan(steps: Vec<Step>, fingerprints: Vec<Fingerprint>) -> Plan {
    Plan {
        windlass_plan: PLAN_FORMAT,
        tool_version: String::new(),
        lineage: "l".into(),
        serial: 0,
        mode: Mode::Apply,
        desired_digest: String::new(),
        planes: Vec::new(),
        changes: Vec::new(),
        steps,
        fingerprints,
        turns: None,
        outputs: BTreeMap::new(),
        warnings: Vec::new(),
        unplanned: Vec::new(),
    }
}
