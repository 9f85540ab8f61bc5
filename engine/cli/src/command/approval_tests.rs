use serde_json::json;
use windlass_core::addr::Address;
use windlass_core::plan::{ChangeAction, Mode, Plan};
use windlass_core::recorded::{Recorded, RecordedResource, ResourceStatus};

use super::{Given, approve};

/// A plan that does this to `cluster.web["eu"]`, whose Kubernetes name is `web-eu`.
fn plan(mode: &str, action: ChangeAction) -> Plan {
    let change = |address: &str, action: ChangeAction| json!({"address": address, "action": action});
    serde_json::from_value(json!({
        "windlass_plan": 1, "tool_version": "0.1.0", "lineage": "l", "serial": 1, "mode": mode, "desired_digest": "d", "planes": [],
        "changes": [change("cloud.aws.main", ChangeAction::NoOp), change("cluster.web[\"eu\"]", action),
            change("cluster.web[\"eu\"].control_plane", action)],
        "steps": [], "fingerprints": [],
    }))
    .expect("a plan")
}

fn recorded() -> Recorded {
    let facts = json!({"input": {}, "name": "web-eu", "namespace": "web-eu", "management": "management.sandbox", "cloud": "cloud.aws.main",
        "pivot": true, "agent": true, "kubernetes_version": "1.34.3", "providers": [], "timeout_seconds": 60});
    let cluster = RecordedResource {
        status: ResourceStatus::Ready,
        input_digest: String::new(),
        render_revision: 1,
        protect: false,
        needs: Default::default(),
        facts,
    };
    Recorded { resources: [("cluster.web[\"eu\"]".parse().expect("an address"), cluster)].into(), ..Recorded::default() }
}

/// Mode, action, answer, -auto-approve, -allow-destroy, what is asked, whether it is approved.
type Row<'a> = (&'a str, ChangeAction, Option<&'a str>, bool, &'a [Address], &'a str, bool);

#[test]
fn the_name_of_each_cluster_that_goes_is_asked_for() {
    let allowed: [Address; 1] = ["cluster.web[\"eu\"]".parse().expect("an address")];
    let destroys = "This destroys cluster.web[\"eu\"]. Type the cluster's name, web-eu, or its address to confirm:";
    let table: &[Row] = &[
        ("apply", ChangeAction::Create, Some("yes"), false, &[], "Only 'yes' will be accepted", true),
        ("apply", ChangeAction::Create, Some("y"), false, &[], "Only 'yes' will be accepted", false),
        ("apply", ChangeAction::Create, None, false, &[], "Only 'yes' will be accepted", false),
        ("apply", ChangeAction::Create, None, true, &[], "", true),
        ("apply", ChangeAction::Delete, Some("web-eu"), false, &[], destroys, true),
        ("apply", ChangeAction::Delete, Some("yes"), false, &[], destroys, false),
        ("apply", ChangeAction::Delete, Some("cluster.web[\"eu\"]"), false, &[], destroys, true),
        ("apply", ChangeAction::Delete, Some("cluster.web"), false, &[], destroys, false),
        ("apply", ChangeAction::Delete, None, true, &[], "", false),
        ("apply", ChangeAction::Delete, None, true, &allowed, "", true),
        ("destroy", ChangeAction::Delete, Some("web-eu"), false, &[], destroys, true),
        ("destroy", ChangeAction::Delete, Some("cluster.web[\"eu\"]"), false, &[], destroys, true),
        ("destroy", ChangeAction::Delete, Some("cluster.web[\"us\"]"), false, &[], destroys, false),
        ("destroy", ChangeAction::Delete, None, false, &[], destroys, false),
        ("destroy", ChangeAction::Delete, None, true, &[], "", true),
        ("apply", ChangeAction::Replace, Some("web-eu"), false, &[], "This destroys and creates anew cluster.web[\"eu\"].", true),
        ("apply", ChangeAction::Replace, Some("yes"), false, &[], "This destroys and creates anew", false),
        ("apply", ChangeAction::Replace, None, true, &[], "", false),
        ("destroy", ChangeAction::Forget, Some("web-eu"), false, &[], "This forgets, with all that runs in it, cluster.web", true),
        ("destroy", ChangeAction::Forget, Some("web"), false, &[], "This forgets", false),
    ];
    for (mode, action, answer, auto_approve, allowed, question, approved) in table {
        let mut asked = String::new();
        let given = Given { auto_approve: *auto_approve, allowed };
        let plan = plan(mode, *action);
        assert!(matches!((*mode, plan.mode), ("apply", Mode::Apply) | ("destroy", Mode::Destroy)));
        let result = approve(&plan, &recorded(), given, &mut |text| {
            asked.push_str(text);
            Ok(answer.map(str::to_owned))
        });
        assert_eq!(result.is_ok(), *approved, "{mode} {action:?} {answer:?} {auto_approve}");
        assert!(asked.contains(question) && asked.is_empty() == question.is_empty(), "{asked}");
    }
}
