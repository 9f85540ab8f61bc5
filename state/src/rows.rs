//! Tables to [`Recorded`]: every row checked against its sum and parsed, or the whole state refused.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use rusqlite::{Connection, OptionalExtension};
use windlass_core::addr::Address;
use windlass_core::object::ObjectKey;
use windlass_core::recorded::{Recorded, RecordedObject, RecordedPlane, RecordedResource, ResourceStatus};
use windlass_run::ports::StoreError;

use crate::checksum::checksum;
use crate::refusal::{damaged, from_sqlite};
use crate::runs::{self, PastRun};
use crate::schema::WITH_MACHINES;
use windlass_core::encode::DigestKey;

/// Why the tables could not be read or written.
#[derive(Debug)]
pub enum Fault {
    /// SQLite's own error.
    Sqlite(rusqlite::Error),
    /// A row is not what was written.
    Row(String),
    /// What was asked for makes no sense in this state.
    Misuse(String),
}

impl From<rusqlite::Error> for Fault {
    fn from(error: rusqlite::Error) -> Self {
        Fault::Sqlite(error)
    }
}

impl Fault {
    /// A damaged row of some kind.
    pub fn row(kind: &str, name: &str) -> Self {
        Fault::Row(format!("the row of {kind} {name:?} is not what was written"))
    }

    /// For people.
    pub fn refuse(&self, path: &Path) -> StoreError {
        match self {
            Fault::Sqlite(error) => from_sqlite(path, error),
            Fault::Row(how) => damaged(path, how),
            Fault::Misuse(what) => StoreError::Io(format!("{}: {what}", path.display())),
        }
    }
}

/// The one row of `meta`.
#[derive(Debug, Clone)]
pub struct Meta {
    /// Identity of the state.
    pub lineage: String,
    /// Number of runs begun.
    pub serial: u64,
    /// Key of the secret digests.
    pub digest_key: DigestKey,
}

/// Checksum of `meta`.
pub fn meta_sum(format: i64, lineage: &str, serial: i64, key: &[u8]) -> i64 {
    checksum(&[&format.to_le_bytes(), lineage.as_bytes(), &serial.to_le_bytes(), key])
}

/// Checksum of a plane.
pub fn plane_sum(address: &str, uid: &str) -> i64 {
    checksum(&[address.as_bytes(), uid.as_bytes()])
}

/// Checksum of a machine.
pub fn machine_sum(cluster: &str, provider_id: &str) -> i64 {
    checksum(&[cluster.as_bytes(), provider_id.as_bytes()])
}

/// Checksum of an output.
pub fn output_sum(name: &str, value: &str) -> i64 {
    checksum(&[name.as_bytes(), value.as_bytes()])
}

/// A resource as its row holds it.
#[derive(Debug)]
pub struct ResourceRow {
    /// Address.
    pub address: String,
    /// Word of the status.
    pub status: &'static str,
    /// Digest of the input.
    pub input_digest: String,
    /// Revision of the renderer.
    pub render_revision: u32,
    /// `prevent_destroy`.
    pub protect: bool,
    /// JSON list of addresses.
    pub needs: String,
    /// JSON.
    pub facts: String,
}

impl ResourceRow {
    /// Its checksum; `row_version` is not covered.
    pub fn sum(&self) -> i64 {
        checksum(&[
            self.address.as_bytes(),
            self.status.as_bytes(),
            self.input_digest.as_bytes(),
            &self.render_revision.to_le_bytes(),
            &[u8::from(self.protect)],
            self.needs.as_bytes(),
            self.facts.as_bytes(),
        ])
    }
}

/// An object as its row holds it.
#[derive(Debug)]
pub struct ObjectRow {
    /// Identity.
    pub key: ObjectKey,
    /// Owner.
    pub resource: String,
    /// uid.
    pub uid: String,
    /// `apiVersion`.
    pub api_version: String,
    /// JSON.
    pub applied: String,
}

impl ObjectRow {
    /// The key's columns: plane, group, kind, namespace (empty: none), name.
    pub fn key_columns(key: &ObjectKey) -> [String; 5] {
        [key.plane.to_string(), key.group.clone(), key.kind.clone(), key.namespace.clone().unwrap_or_default(), key.name.clone()]
    }

    /// Its checksum.
    pub fn sum(&self) -> i64 {
        let key = Self::key_columns(&self.key);
        let mut fields: Vec<&[u8]> = key.iter().map(String::as_bytes).collect();
        fields.extend([self.resource.as_bytes(), self.uid.as_bytes(), self.api_version.as_bytes(), self.applied.as_bytes()]);
        checksum(&fields)
    }
}

/// Word of a status.
pub fn status_word(status: ResourceStatus) -> &'static str {
    match status {
        ResourceStatus::Absent => "absent",
        ResourceStatus::Creating => "creating",
        ResourceStatus::Ready => "ready",
        ResourceStatus::Deleting => "deleting",
    }
}

fn parse_status(word: &str) -> Option<ResourceStatus> {
    [ResourceStatus::Absent, ResourceStatus::Creating, ResourceStatus::Ready, ResourceStatus::Deleting]
        .into_iter()
        .find(|status| status_word(*status) == word)
}

/// Reads everything, in one snapshot.
pub fn load(connection: &Connection) -> Result<(Meta, Recorded, Vec<PastRun>), Fault> {
    let transaction = connection.unchecked_transaction()?;
    let meta = load_meta(&transaction)?;
    let (past, unfinished) = runs::load(&transaction)?;
    let recorded = Recorded {
        lineage: meta.lineage.clone(),
        serial: meta.serial,
        planes: load_planes(&transaction)?,
        resources: load_resources(&transaction)?,
        objects: load_objects(&transaction)?,
        outputs: load_outputs(&transaction)?,
        machines: load_machines(&transaction)?,
        unfinished,
    };
    Ok((meta, recorded, past))
}

/// Reads `meta`.
pub fn load_meta(connection: &Connection) -> Result<Meta, Fault> {
    let fault = || Fault::Row("its row `meta` is not what was written".to_owned());
    let row: Option<(i64, String, i64, Vec<u8>, i64)> = connection
        .query_row("SELECT format, lineage, serial, digest_key, sum FROM meta WHERE one = 1", [], |row| {
            Ok((row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?, row.get(4)?))
        })
        .optional()?;
    let (format, lineage, serial, key, sum) = row.ok_or_else(fault)?;
    if sum != meta_sum(format, &lineage, serial, &key) {
        return Err(fault());
    }
    let key: [u8; 32] = key.try_into().map_err(|_| fault())?;
    Ok(Meta { lineage, serial: u64::try_from(serial).map_err(|_| fault())?, digest_key: DigestKey::new(key) })
}

fn load_planes(connection: &Connection) -> Result<BTreeMap<Address, RecordedPlane>, Fault> {
    let mut query = connection.prepare("SELECT address, uid, sum FROM planes")?;
    let mut rows = query.query([])?;
    let mut planes = BTreeMap::new();
    while let Some(row) = rows.next()? {
        let (address, uid): (String, String) = (row.get(0)?, row.get(1)?);
        let fault = || Fault::row("plane", &address);
        if row.get::<_, i64>(2)? != plane_sum(&address, &uid) {
            return Err(fault());
        }
        planes.insert(address.parse().map_err(|_| fault())?, RecordedPlane { uid });
    }
    Ok(planes)
}

fn load_resources(connection: &Connection) -> Result<BTreeMap<Address, RecordedResource>, Fault> {
    let mut query =
        connection.prepare("SELECT address, status, input_digest, render_revision, protect, needs, facts, sum FROM resources")?;
    let mut rows = query.query([])?;
    let mut resources = BTreeMap::new();
    while let Some(row) = rows.next()? {
        let address: String = row.get(0)?;
        let fault = || Fault::row("resource", &address);
        let status = parse_status(&row.get::<_, String>(1)?).ok_or_else(fault)?;
        let held = ResourceRow {
            address: address.clone(),
            status: status_word(status),
            input_digest: row.get(2)?,
            render_revision: u32::try_from(row.get::<_, i64>(3)?).map_err(|_| fault())?,
            protect: row.get(4)?,
            needs: row.get(5)?,
            facts: row.get(6)?,
        };
        if row.get::<_, i64>(7)? != held.sum() {
            return Err(fault());
        }
        let resource = RecordedResource {
            status,
            needs: serde_json::from_str::<BTreeSet<Address>>(&held.needs).map_err(|_| fault())?,
            facts: serde_json::from_str(&held.facts).map_err(|_| fault())?,
            input_digest: held.input_digest,
            render_revision: held.render_revision,
            protect: held.protect,
        };
        resources.insert(address.parse().map_err(|_| fault())?, resource);
    }
    Ok(resources)
}

fn load_objects(connection: &Connection) -> Result<BTreeMap<ObjectKey, RecordedObject>, Fault> {
    let columns = r#"plane, "group", kind, namespace, name, resource, uid, api_version, applied, sum"#;
    let mut query = connection.prepare(&format!("SELECT {columns} FROM objects"))?;
    let mut rows = query.query([])?;
    let mut objects = BTreeMap::new();
    while let Some(row) = rows.next()? {
        let name: String = row.get(4)?;
        let fault = || Fault::row("object", &name);
        let namespace = Some(row.get::<_, String>(3)?).filter(|namespace| !namespace.is_empty());
        let plane = row.get::<_, String>(0)?.parse().map_err(|_| fault())?;
        let key = ObjectKey { plane, group: row.get(1)?, kind: row.get(2)?, namespace, name: name.clone() };
        let held = ObjectRow { key, resource: row.get(5)?, uid: row.get(6)?, api_version: row.get(7)?, applied: row.get(8)? };
        if row.get::<_, i64>(9)? != held.sum() {
            return Err(fault());
        }
        let object = RecordedObject {
            resource: held.resource.parse().map_err(|_| fault())?,
            uid: held.uid,
            api_version: held.api_version,
            applied: serde_json::from_str(&held.applied).map_err(|_| fault())?,
        };
        objects.insert(held.key, object);
    }
    Ok(objects)
}

fn load_outputs(connection: &Connection) -> Result<BTreeMap<String, serde_json::Value>, Fault> {
    let mut query = connection.prepare("SELECT name, value, sum FROM outputs")?;
    let mut rows = query.query([])?;
    let mut outputs = BTreeMap::new();
    while let Some(row) = rows.next()? {
        let (name, value): (String, String) = (row.get(0)?, row.get(1)?);
        let fault = || Fault::row("output", &name);
        if row.get::<_, i64>(2)? != output_sum(&name, &value) {
            return Err(fault());
        }
        let value = serde_json::from_str(&value).map_err(|_| fault())?;
        outputs.insert(name, value);
    }
    Ok(outputs)
}

fn load_machines(connection: &Connection) -> Result<BTreeMap<Address, BTreeSet<String>>, Fault> {
    let mut machines: BTreeMap<Address, BTreeSet<String>> = BTreeMap::new();
    let version: i32 = connection.pragma_query_value(None, "user_version", |row| row.get(0))?;
    if version < WITH_MACHINES {
        return Ok(machines);
    }
    let mut query = connection.prepare("SELECT cluster, provider_id, sum FROM machines")?;
    let mut rows = query.query([])?;
    while let Some(row) = rows.next()? {
        let (cluster, id): (String, String) = (row.get(0)?, row.get(1)?);
        let fault = || Fault::row("machine", &id);
        if row.get::<_, i64>(2)? != machine_sum(&cluster, &id) {
            return Err(fault());
        }
        machines.entry(cluster.parse().map_err(|_| fault())?).or_default().insert(id);
    }
    Ok(machines)
}
