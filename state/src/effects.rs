//! Effects on tables: the same as `Recorded::apply` does to the memory copy, which a law test holds against each other.

use std::collections::BTreeSet;

use rusqlite::{Connection, OptionalExtension, params, params_from_iter};
use serde::Serialize;
use windlass_core::addr::Address;
use windlass_core::object::ObjectKey;
use windlass_core::recorded::{Effect, RecordedObject, RecordedResource};

use crate::rows::{Fault, ObjectRow, ResourceRow, machine_sum, output_sum, plane_sum, status_word};

/// Carries out one effect within the caller's transaction.
pub fn apply(connection: &Connection, effect: &Effect) -> Result<(), Fault> {
    match effect {
        Effect::PlaneKnown { address, uid } => put_plane(connection, &address.to_string(), uid),
        Effect::PlaneGone { address } => delete(connection, "DELETE FROM planes WHERE address = ?1", &address.to_string()),
        Effect::Resource { address, resource } => put_resource(connection, address, resource),
        Effect::ResourceGone { address } => {
            delete(connection, "DELETE FROM resources WHERE address = ?1", &address.to_string())?;
            delete(connection, "DELETE FROM objects WHERE resource = ?1", &address.to_string())?;
            delete(connection, "DELETE FROM machines WHERE cluster = ?1", &address.to_string())
        }
        Effect::Object { key, object } => put_recorded(connection, key, object),
        Effect::ObjectGone { key } => delete_object(connection, key),
        Effect::ObjectMoved { key, plane, uid } => move_object(connection, key, plane, uid),
        Effect::Machines { cluster, provider_ids } => put_machines(connection, &cluster.to_string(), provider_ids),
        Effect::Output { name, value: Some(value) } => put_output(connection, name, &text(value)?),
        Effect::Output { name, value: None } => delete(connection, "DELETE FROM outputs WHERE name = ?1", name),
    }
}

fn text(value: &impl Serialize) -> Result<String, Fault> {
    serde_json::to_string(value).map_err(|error| Fault::Misuse(format!("a value has no JSON form: {error}")))
}

fn delete(connection: &Connection, query: &str, name: &str) -> Result<(), Fault> {
    connection.prepare_cached(query)?.execute([name])?;
    Ok(())
}

fn put_plane(connection: &Connection, address: &str, uid: &str) -> Result<(), Fault> {
    let query = "INSERT INTO planes (address, uid, sum) VALUES (?1, ?2, ?3)
        ON CONFLICT (address) DO UPDATE SET uid = excluded.uid, sum = excluded.sum";
    connection.prepare_cached(query)?.execute(params![address, uid, plane_sum(address, uid)])?;
    Ok(())
}

fn put_machines(connection: &Connection, cluster: &str, provider_ids: &BTreeSet<String>) -> Result<(), Fault> {
    delete(connection, "DELETE FROM machines WHERE cluster = ?1", cluster)?;
    let mut insert = connection.prepare_cached("INSERT INTO machines (cluster, provider_id, sum) VALUES (?1, ?2, ?3)")?;
    for id in provider_ids {
        insert.execute(params![cluster, id, machine_sum(cluster, id)])?;
    }
    Ok(())
}

fn put_output(connection: &Connection, name: &str, value: &str) -> Result<(), Fault> {
    let query = "INSERT INTO outputs (name, value, sum) VALUES (?1, ?2, ?3)
        ON CONFLICT (name) DO UPDATE SET value = excluded.value, sum = excluded.sum";
    connection.prepare_cached(query)?.execute(params![name, value, output_sum(name, value)])?;
    Ok(())
}

fn put_resource(connection: &Connection, address: &Address, resource: &RecordedResource) -> Result<(), Fault> {
    let row = ResourceRow {
        address: address.to_string(),
        status: status_word(resource.status),
        input_digest: resource.input_digest.clone(),
        render_revision: resource.render_revision,
        protect: resource.protect,
        needs: text(&resource.needs)?,
        facts: text(&resource.facts)?,
    };
    let query = "INSERT INTO resources (address, status, input_digest, render_revision, protect, needs, facts, sum)
        VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)
        ON CONFLICT (address) DO UPDATE SET status = excluded.status, input_digest = excluded.input_digest,
            render_revision = excluded.render_revision, protect = excluded.protect, needs = excluded.needs, facts = excluded.facts,
            row_version = row_version + 1, sum = excluded.sum";
    let sum = row.sum();
    connection.prepare_cached(query)?.execute(params![
        row.address,
        row.status,
        row.input_digest,
        row.render_revision,
        row.protect,
        row.needs,
        row.facts,
        sum
    ])?;
    Ok(())
}

fn put_recorded(connection: &Connection, key: &ObjectKey, object: &RecordedObject) -> Result<(), Fault> {
    put_object(
        connection,
        &ObjectRow {
            key: key.clone(),
            resource: object.resource.to_string(),
            uid: object.uid.clone(),
            api_version: object.api_version.clone(),
            applied: text(&object.applied)?,
        },
    )
}

fn put_object(connection: &Connection, row: &ObjectRow) -> Result<(), Fault> {
    let query = r#"INSERT OR REPLACE INTO objects (plane, "group", kind, namespace, name, resource, uid, api_version, applied, sum)
        VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10)"#;
    let [plane, group, kind, namespace, name] = ObjectRow::key_columns(&row.key);
    connection.prepare_cached(query)?.execute(params![
        plane,
        group,
        kind,
        namespace,
        name,
        row.resource,
        row.uid,
        row.api_version,
        row.applied,
        row.sum()
    ])?;
    Ok(())
}

const BY_KEY: &str = r#"WHERE plane = ?1 AND "group" = ?2 AND kind = ?3 AND namespace = ?4 AND name = ?5"#;

fn delete_object(connection: &Connection, key: &ObjectKey) -> Result<(), Fault> {
    let columns = ObjectRow::key_columns(key);
    connection.prepare_cached(&format!("DELETE FROM objects {BY_KEY}"))?.execute(params_from_iter(columns))?;
    Ok(())
}

fn move_object(connection: &Connection, key: &ObjectKey, plane: &Address, uid: &str) -> Result<(), Fault> {
    let query = format!("SELECT resource, api_version, applied FROM objects {BY_KEY}");
    let found: Option<(String, String, String)> = connection
        .prepare_cached(&query)?
        .query_row(params_from_iter(ObjectRow::key_columns(key)), |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)))
        .optional()?;
    let Some((resource, api_version, applied)) = found else {
        return Ok(());
    };
    delete_object(connection, key)?;
    put_object(connection, &ObjectRow { key: key.on(plane), resource, uid: uid.to_owned(), api_version, applied })
}
