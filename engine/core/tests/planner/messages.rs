//! A plan in Terraform's messages says what `show -json` says of it, and no secret.

use serde_json::{Value as Json, json};
use windlass_core::desired::Desired;
use windlass_core::plan::show_json::show_json;
use windlass_core::plan::tally::Tally;
use windlass_core::plan::ui_json::{Level, plan_messages};
use windlass_core::plan::{Mode, Plan};

use crate::cases::good;
use crate::laws::up;
use crate::wish::{Wanted, desired};
use crate::world::World;

fn wish(instance_type: &str) -> Desired {
    desired(&[Wanted { instance_type: instance_type.to_owned(), ..Wanted::new("shop") }])
}

/// Addresses and words of all changes, by the document that Terraform's tools read.
fn by_show_json(plan: &Plan) -> Vec<(Json, &'static str)> {
    let shown = show_json(plan);
    let changes = shown["resource_changes"].as_array().expect("changes").iter();
    let word = |actions: &Json| match actions.to_string().as_str() {
        r#"["create"]"# => "create",
        r#"["update"]"# => "update",
        r#"["delete"]"# => "delete",
        r#"["delete","create"]"# => "replace",
        r#"["forget"]"# => "remove",
        _ => "noop",
    };
    let told = changes.map(|change| (change["address"].clone(), word(&change["change"]["actions"])));
    told.filter(|(_, word)| *word != "noop").collect()
}

#[test]
fn messages_say_what_the_document_says() {
    let before = wish("m6i.large");
    let living = up(&before);
    let plans = [
        (good(&World::empty(), &before), "create"),
        (good(&living, &wish("m7i.large")), "update"),
        (living.plan(&before, Mode::Destroy).0, "delete"),
        (good(&living, &before), "nothing"),
    ];
    for (plan, what) in &plans {
        let messages = plan_messages(plan);
        let of = |kind: &'static str| messages.iter().filter(move |message| message.kind == kind);
        let told: Vec<(Json, &str)> = of("planned_change")
            .map(|message| (message.payload["change"]["resource"]["addr"].clone(), message.payload["change"]["action"].as_str().unwrap()))
            .collect();
        assert_eq!(told, by_show_json(plan));
        assert_eq!(told.is_empty(), *what == "nothing");
        assert!(told.is_empty() || told.iter().any(|(_, action)| action == what), "{what}: {told:?}");
        let Tally { add, change, destroy, forget } = Tally::of(plan);
        let summary = &of("change_summary").next().expect("a summary").payload["changes"];
        let expected = json!({"add": add, "change": change, "import": 0, "remove": destroy, "forget": forget, "operation": "plan"});
        assert_eq!(summary, &expected);
        assert!(messages.iter().all(|message| message.level == Level::Info && !format!("{message:?}").contains("s3cr3t")));
    }
    let repaved = plan_messages(&plans[1].0).into_iter().find(|message| message.text.starts_with("cluster.shop.worker_pool"));
    let repaved = repaved.expect("the pool is repaved");
    assert_eq!(repaved.text, "cluster.shop.worker_pool[\"general\"]: Plan to update");
    let ours = &repaved.payload["windlass"];
    assert_eq!((&ours["action"], &ours["machines"]), (&json!("repave"), &json!(2)));
    assert!(ours["reasons"].as_array().is_some_and(|reasons| reasons.iter().any(|reason| reason["new"] == "m7i.large")), "{ours}");
}
