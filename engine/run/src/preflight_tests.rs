use super::*;
use windlass_core::addr::Instance;
use windlass_core::facts::PlaneIdentity;

fn plane(uid: Option<&str>) -> PlanPlane {
    PlanPlane { address: Address::cluster(Instance::new("shop")), uid: uid.map(str::to_owned), sandbox: false, context: None, access: None }
}

fn answers(uid: &str, last_serial: Option<u64>) -> PlaneFact {
    PlaneFact::Reachable(PlaneIdentity {
        uid: uid.to_owned(),
        version: "v1.34.3".to_owned(),
        endpoint: String::new(),
        ca_certificate: String::new(),
        last_serial,
        agent_heartbeat_age: None,
        certificate_days: None,
        access_outdated: false,
    })
}

#[test]
fn planes_are_judged_by_who_they_are_and_what_they_have_seen() {
    let silent = || PlaneFact::Unreachable { reason: "no route".to_owned() };
    let table = [
        // planned uid, recorded uid, fact, a step opens it, verdict
        (Some("a"), None, Some(answers("a", None)), false, "present"),
        (Some("a"), Some("a"), Some(answers("a", Some(5))), false, "present"),
        (None, None, Some(answers("a", None)), false, "present"),
        (None, None, Some(answers("a", None)), true, "not yet"),
        (None, Some("a"), Some(answers("a", None)), true, "present"),
        (Some("a"), None, Some(answers("b", None)), false, "cluster.shop is not the plane that this state was made with"),
        (None, Some("a"), Some(answers("b", None)), true, "cluster.shop is not the plane that this state was made with"),
        (Some("a"), Some("a"), Some(answers("a", Some(6))), false, "this state is older than the one that cluster.shop has seen"),
        (Some("a"), None, Some(silent()), false, "blocked: no route"),
        (None, None, Some(silent()), false, "blocked: no route"),
        (None, Some("a"), Some(silent()), true, "not yet"),
        (None, None, Some(PlaneFact::Absent), false, "not yet"),
        (None, Some("a"), Some(PlaneFact::Absent), false, "blocked: its kubeconfig Secret is no longer there"),
        (Some("a"), None, None, false, "blocked: its kubeconfig Secret is no longer there"),
        (None, None, None, true, "not yet"),
    ];
    for (planned, known, fact, opened, expected) in table {
        let told = match judge(&plane(planned), known, fact.as_ref(), 5, opened) {
            Standing::Present => "present".to_owned(),
            Standing::NotYet => "not yet".to_owned(),
            Standing::Blocked(reason) => format!("blocked: {reason}"),
            Standing::Outdated(error) | Standing::Refused(error) => error.to_string(),
        };
        assert_eq!(told, expected, "{planned:?} {known:?} {fact:?} {opened}");
    }
}
