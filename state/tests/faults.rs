//! Files that are no usable state: each is refused with what is wrong and what to do, and not one byte of it changes.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use futures::executor::block_on;
use serde_json::json;
use windlass_core::addr::{Address, Instance, Part};
use windlass_core::object::ObjectKey;
use windlass_core::recorded::{Effect, Phase, RecordedObject, RecordedResource, ResourceStatus};
use windlass_run::ports::{Store, StoreError};
use windlass_state::{DigestKey, FileSystem, Opening, StateFile, create, read};

/// A closed state with a bit of everything in it.
fn filled(path: &Path) {
    create(path, "4b6f", &DigestKey::new([9; 32])).unwrap();
    let state = StateFile::open(path, &Opening::new("test")).unwrap();
    let shop = Address::cluster(Instance::new("shop"));
    block_on(async {
        state.begin("run", &"a plan ".repeat(50), "sha256:1").await.unwrap();
        for number in 0..20 {
            let address = shop.with(Part::Layer(format!("l{number}")));
            let key = ObjectKey {
                plane: shop.clone(),
                group: String::new(),
                kind: "ConfigMap".into(),
                namespace: Some("n".into()),
                name: format!("o{number}"),
            };
            let resource = RecordedResource {
                status: ResourceStatus::Ready,
                input_digest: "d".into(),
                render_revision: 1,
                protect: false,
                needs: [shop.clone()].into(),
                facts: json!({"number": number}),
            };
            let applied = json!({"data": {"k": "v".repeat(300)}});
            let object = RecordedObject { resource: address.clone(), uid: "u".into(), api_version: "v1".into(), applied };
            let effects = vec![Effect::Resource { address, resource }, Effect::Object { key, object }];
            state.journal("run", "s", Phase::Done, json!({"n": number}), effects).await.unwrap();
        }
        let plane = Effect::PlaneKnown { address: shop, uid: "k".into() };
        let output = Effect::Output { name: "o".into(), value: Some(json!([1, 2])) };
        let machines =
            Effect::Machines { cluster: Address::cluster(Instance::new("shop")), provider_ids: ["aws:///a/i-1".to_owned()].into() };
        state.journal("run", "s", Phase::Done, json!(null), vec![plane, output, machines]).await.unwrap();
    });
    state.close().unwrap();
}

fn open(path: &Path) -> Result<StateFile, StoreError> {
    StateFile::open(path, &Opening::new("test"))
}

/// Format 1 knew no machines. Reading it changes nothing; the first to write it brings it up to date.
#[test]
fn a_state_of_an_older_format_is_read_as_it_is_and_grows_when_it_is_written() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("s.wlstate");
    filled(&path);
    let whole = read(&path).unwrap().recorded;
    assert_eq!(whole.machines.len(), 1);
    let old = rusqlite::Connection::open(&path).unwrap();
    old.execute_batch("DROP TABLE machines; PRAGMA user_version = 1; PRAGMA wal_checkpoint(TRUNCATE);").unwrap();
    drop(old);

    let before = fs::read(&path).unwrap();
    let found = read(&path).unwrap().recorded;
    assert!(found.machines.is_empty());
    assert_eq!((found.objects, found.outputs), (whole.objects, whole.outputs));
    assert!(fs::read(&path).unwrap() == before, "reading writes nothing");

    let state = open(&path).unwrap();
    let machines = Effect::Machines { cluster: Address::cluster(Instance::new("shop")), provider_ids: ["aws:///a/i-2".to_owned()].into() };
    block_on(state.journal("run", "s", Phase::Done, json!(null), vec![machines])).unwrap();
    state.close().unwrap();
    let now = read(&path).unwrap().recorded.machines;
    assert_eq!(now.into_values().flatten().collect::<Vec<_>>(), ["aws:///a/i-2"]);
}

#[test]
fn what_is_no_state_is_refused_with_a_hint_and_left_alone() {
    type Spoil = fn(&Path);
    let table: &[(&str, Spoil, &str, &str)] = &[
        ("missing", |path| fs::remove_file(path).unwrap(), "does not exist", "creates it"),
        ("empty", |path| fs::write(path, b"").unwrap(), "is empty (0 bytes)", "never taken for an empty world"),
        ("text", |path| fs::write(path, "{\"version\": 4}".repeat(20)).unwrap(), "is not a windlass state", "the right file"),
        ("stub", |path| fs::write(path, b"SQLite for").unwrap(), "it ends after 10 bytes", "put back a copy"),
        ("header only", |path| shorten(path, 100), "it has 100 bytes of", "put back a copy"),
        ("last page lost", |path| shorten(path, fs::metadata(path).unwrap().len() - 4096), "bytes of", "put back a copy"),
        ("half a page lost", |path| shorten(path, fs::metadata(path).unwrap().len() - 100), "bytes of", "put back a copy"),
        ("foreign database", |path| overwrite(path, 68, &[0; 4]), "but not a windlass state", "the right file"),
        ("newer format", |path| overwrite(path, 60, &[0, 0, 0, 77]), "has format 77", "or a newer one"),
        ("page of zeroes", |path| overwrite(path, 4096, &[0; 4096]), "is damaged", "put back a copy"),
        ("page of noise", |path| overwrite(path, 8192, &[0xa5; 4096]), "is damaged", "put back a copy"),
        (
            "directory",
            |path| {
                fs::remove_file(path).unwrap();
                fs::create_dir(path).unwrap();
            },
            "is not a file",
            "names the state file itself",
        ),
    ];
    for (name, spoil, reason, hint) in table {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("s.wlstate");
        filled(&path);
        spoil(&path);
        let before = fs::read(&path).ok();
        for error in [open(&path).unwrap_err(), read(&path).unwrap_err()] {
            let StoreError::Unusable { reason: told, hint: helped } = &error else { panic!("{name}: {error:?}") };
            assert!(told.contains(reason), "{name}: {told}");
            assert!(helped.contains(hint), "{name}: {helped}");
        }
        assert_eq!(fs::read(&path).ok(), before, "{name}");
        let names: Vec<_> = fs::read_dir(folder.path()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
        assert!(names.iter().all(|name| !name.to_string_lossy().ends_with("-wal")), "{name}: {names:?}");
    }
}

#[test]
fn a_state_without_one_of_its_tables_is_damaged() {
    for spoil in ["DROP TABLE objects", "DROP TABLE runs", "ALTER TABLE outputs RENAME COLUMN value TO other"] {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("s.wlstate");
        filled(&path);
        let spoiled = rusqlite::Connection::open(&path).unwrap();
        spoiled.execute_batch(&format!("{spoil}; PRAGMA wal_checkpoint(TRUNCATE);")).unwrap();
        drop(spoiled);
        let error = read(&path).unwrap_err();
        let StoreError::Unusable { reason, hint } = &error else { panic!("{spoil}: {error:?}") };
        assert!(reason.contains("is damaged: no such") && hint.contains("put back a copy"), "{spoil}: {reason}, {hint}");
    }
}

#[test]
fn a_state_that_others_may_read_is_made_private_when_it_is_opened() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("s.wlstate");
    filled(&path);
    let mode = || fs::metadata(&path).unwrap().permissions().mode() & 0o777;
    fs::set_permissions(&path, fs::Permissions::from_mode(0o644)).unwrap();
    read(&path).unwrap();
    assert_eq!(mode(), 0o644, "reading changes nothing");
    open(&path).unwrap().close().unwrap();
    assert_eq!(mode(), 0o600);
}

fn shorten(path: &Path, length: u64) {
    fs::OpenOptions::new().write(true).open(path).unwrap().set_len(length).unwrap();
}

fn overwrite(path: &Path, at: usize, bytes: &[u8]) {
    let mut all = fs::read(path).unwrap();
    all[at..at + bytes.len()].copy_from_slice(bytes);
    fs::write(path, all).unwrap();
}

#[test]
fn a_wrong_byte_anywhere_is_found_or_harmless() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("s.wlstate");
    filled(&path);
    let sound = fs::read(&path).unwrap();
    let expected = read(&path).unwrap();
    let mut found = 0;
    // 41 is coprime to the page size, so that every kind of place is met; the first page's head is met whole.
    for at in (0..108).chain((108..sound.len()).step_by(41)) {
        let mut bytes = sound.clone();
        bytes[at] ^= 0x11;
        fs::write(&path, &bytes).unwrap();
        match read(&path) {
            Err(_) => found += 1,
            Ok(snapshot) => {
                assert_eq!(snapshot.recorded, expected.recorded, "byte {at}");
                assert_eq!(snapshot.digest_key, expected.digest_key, "byte {at}");
                assert_eq!(snapshot.runs, expected.runs, "byte {at}");
            }
        }
        assert!(fs::read(&path).unwrap() == bytes, "byte {at} led to a write");
    }
    assert!(found > 100, "{found}");
}

#[test]
fn network_file_systems_are_refused_before_anything_is_touched() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("s.wlstate");
    filled(&path);
    let lock = windlass_state::lock_path(&path);
    fs::remove_file(&lock).unwrap();
    let opening = Opening { file_system: Some(FileSystem::Network("NFS")), ..Opening::new("test") };
    let error = StateFile::open(&path, &opening).unwrap_err().to_string();
    assert!(error.contains("is on a network file system (NFS)"), "{error}");
    assert!(!lock.exists());
}

#[test]
fn a_state_is_for_its_user_only_and_never_made_twice() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("s.wlstate");
    create(&path, "one", &DigestKey::new([1; 32])).unwrap();
    assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
    let error = create(&path, "two", &DigestKey::new([2; 32])).unwrap_err().to_string();
    assert!(error.contains("exists already"), "{error}");
    let snapshot = read(&path).unwrap();
    assert_eq!((snapshot.recorded.lineage.as_str(), snapshot.recorded.serial), ("one", 0));
    assert_eq!(snapshot.digest_key.bytes(), &[1; 32]);
    assert!(!format!("{snapshot:?}").contains("1, 1, 1"));

    let planted = folder.path().join("planted");
    std::os::unix::fs::symlink(folder.path().join("elsewhere"), &planted).unwrap();
    assert!(create(&planted, "three", &DigestKey::new([3; 32])).is_err());
    assert!(!folder.path().join("elsewhere").exists());

    let error = create(&folder.path().join("no/such/folder"), "x", &DigestKey::new([0; 32])).unwrap_err().to_string();
    assert!(error.contains("does not exist"), "{error}");
}

#[test]
fn files_without_permission_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("s.wlstate");
    filled(&path);
    fs::set_permissions(&path, fs::Permissions::from_mode(0o000)).unwrap();
    if fs::File::open(&path).is_ok() {
        return; // root may open everything
    }
    for error in [open(&path).unwrap_err(), read(&path).unwrap_err()] {
        assert!(error.to_string().contains("permission denied"), "{error}");
    }
}
