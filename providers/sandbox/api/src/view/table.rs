//! `meta.k8s.io/v1 Table`, which `kubectl get` prints.

use serde_json::{Map, Value, json};

use super::{columns, objects};
use crate::verbs::Call;
use crate::world::Stored;

/// A table of objects; `headed` is false for all but the first event of a watch.
pub(super) fn table(call: &Call, rows: &[&Stored], mut meta: Value, headed: bool) -> Value {
    let columns = columns::of(call);
    let now = call.plane.clock().now();
    if let Some(map) = meta.as_object_mut() {
        map.retain(|_, value| *value != json!(""));
    }
    let include = call.query.get("includeObject").unwrap_or("Metadata");
    let rows: Vec<Value> = rows
        .iter()
        .map(|stored| {
            let cells: Vec<Value> = columns.iter().map(|column| column.cell(&stored.value, now)).collect();
            let mut row = Map::new();
            row.insert("cells".into(), cells.into());
            match include {
                "None" => {}
                "Object" => {
                    row.insert("object".into(), call.show(&stored.value));
                }
                _ => {
                    row.insert("object".into(), objects::partial(stored, true));
                }
            }
            Value::Object(row)
        })
        .collect();
    let definitions: Vec<Value> = if headed { columns.iter().map(columns::Column::definition).collect() } else { Vec::new() };
    json!({
        "kind": "Table",
        "apiVersion": "meta.k8s.io/v1",
        "metadata": meta,
        "columnDefinitions": if headed { Value::Array(definitions) } else { Value::Null },
        "rows": rows,
    })
}
