//! The law of the schemas: what they say of a change is what the plan makes of it.

use std::collections::BTreeMap;

use windlass_clouds::PROVIDERS;
use windlass_core::config::schema;
use windlass_core::schema::{BlockSchema, OnChange};

use crate::table::{Outcome, Row, table};

/// Attributes of blocks that are part of a living cluster, with the name of their block, and what their schemas say of a change. `None`: it is
/// read apart from the schemas.
pub fn attributes() -> BTreeMap<String, Option<OnChange>> {
    let mut found = BTreeMap::from([("cluster.depends_on".to_owned(), None), ("layer.depends_on".to_owned(), None)]);
    for (name, block) in [
        ("windlass", &schema::WINDLASS),
        ("management", &schema::MANAGEMENT),
        ("cluster", &schema::CLUSTER),
        ("control_plane", &schema::CONTROL_PLANE),
        ("worker_pool", &schema::WORKER_POOL),
        ("profile", &schema::PROFILE),
        ("os", &schema::OS),
        ("kubernetes", &schema::KUBERNETES),
        ("layer", &schema::LAYER),
        ("cloud_controller", &schema::CLOUD_CONTROLLER),
    ] {
        add(name, block, &mut found);
    }
    for provider in PROVIDERS {
        let schema = provider.schema();
        add("cloud", schema.cloud, &mut found);
        add("cluster", schema.cluster, &mut found);
        add("machine", schema.machine, &mut found);
    }
    found
}

fn add(prefix: &str, schema: &BlockSchema, found: &mut BTreeMap<String, Option<OnChange>>) {
    for attribute in schema.attributes {
        let path = format!("{prefix}.{}", attribute.name);
        let other = found.insert(path.clone(), Some(attribute.on_change)).flatten();
        assert!(other.is_none_or(|other| other == attribute.on_change), "{path}: two clouds differ, and the table has one row");
    }
    for nested in schema.blocks {
        add(&format!("{prefix}.{}", nested.name), nested.body, found);
    }
}

/// Whether a row goes with what the schema says. What may not be done yet, or not at all in this form, may be anything.
fn agrees(on_change: OnChange, row: &Row, rows: &[Row]) -> bool {
    let repaves = |row: &Row| matches!(row.outcome, Outcome::Repave(_));
    match (&row.outcome, on_change) {
        (Outcome::Refused(_) | Outcome::Invalid(_), _) => true,
        (Outcome::Fixed(_), OnChange::Recreate | OnChange::Forbidden) => true,
        (Outcome::Repave(_), OnChange::Repave) => true,
        (Outcome::InPlace(_) | Outcome::Adds(_) | Outcome::Nothing(_), OnChange::InPlace) => true,
        // It holds more than one thing, some of which machines are made from: another row shows one of those.
        (Outcome::InPlace(_), OnChange::Repave) => rows.iter().any(|other| other.path == row.path && repaves(other)),
        _ => false,
    }
}

#[test]
fn what_the_schema_says_of_a_change_is_what_comes_of_it() {
    let (attributes, rows) = (attributes(), table());
    let of = |row: &Row| attributes.get(row.path).copied().flatten();
    let wrong: Vec<String> = rows
        .iter()
        .filter_map(|row| of(row).filter(|on_change| !agrees(*on_change, row, &rows)).map(|on_change| (row, on_change)))
        .map(|(row, on_change)| format!("{}: the schema says {}, the table {:?}", row.path, on_change.word(), row.outcome))
        .collect();
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
