//! The law of the tables: effects change them as `Recorded::apply` changes the memory copy, whatever the effects are.

use std::collections::BTreeSet;

use futures::executor::block_on;
use proptest::prelude::*;
use serde_json::{Value as Json, json};
use windlass_core::addr::{Address, Instance, Part};
use windlass_core::object::ObjectKey;
use windlass_core::recorded::{Effect, JournalRecord, Phase, Recorded, RecordedObject, RecordedResource, ResourceStatus, UnfinishedRun};
use windlass_run::ports::{RunEnd, Store};
use windlass_state::{DigestKey, Opening, StateFile, create, read};

fn plane() -> impl Strategy<Value = Address> {
    prop_oneof![
        Just(Address::management("m")),
        Just(Address::cluster(Instance::new("shop"))),
        Just(Address::cluster(Instance { name: "shop".into(), key: Some("e\"u\n".into()) })),
    ]
}

fn resource() -> impl Strategy<Value = Address> {
    let part = prop_oneof![Just(Part::Layer("a".into())), Just(Part::ControlPlane)];
    (plane(), part).prop_map(|(plane, part)| if plane.is_cluster() { plane.with(part) } else { plane.with(Part::Provider("aws".into())) })
}

fn value() -> impl Strategy<Value = Json> {
    let leaf = prop_oneof![
        Just(Json::Null),
        any::<bool>().prop_map(Json::from),
        any::<i64>().prop_map(Json::from),
        any::<u64>().prop_map(Json::from),
        (-1000_i32..1000).prop_map(|n| json!(f64::from(n) / 8.0)),
        "\\PC{0,8}".prop_map(Json::from),
    ];
    leaf.prop_recursive(2, 8, 3, |inner| {
        prop_oneof![
            proptest::collection::vec(inner.clone(), 0..3).prop_map(Json::from),
            proptest::collection::btree_map("[a-c$]{0,2}", inner, 0..3).prop_map(|map| Json::Object(map.into_iter().collect())),
        ]
    })
}

fn key() -> impl Strategy<Value = ObjectKey> {
    (plane(), "(|apps)", "(Secret|Node)", proptest::option::of("[ab]"), "[xy]")
        .prop_map(|(plane, group, kind, namespace, name)| ObjectKey { plane, group, kind, namespace, name })
}

fn recorded_resource() -> impl Strategy<Value = RecordedResource> {
    let status = prop_oneof![
        Just(ResourceStatus::Absent),
        Just(ResourceStatus::Creating),
        Just(ResourceStatus::Ready),
        Just(ResourceStatus::Deleting)
    ];
    (status, "\\PC{0,6}", any::<u32>(), any::<bool>(), proptest::collection::btree_set(resource(), 0..3), value()).prop_map(
        |(status, input_digest, render_revision, protect, needs, facts)| RecordedResource {
            status,
            input_digest,
            render_revision,
            protect,
            needs: needs.into_iter().collect::<BTreeSet<_>>(),
            facts,
        },
    )
}

fn effect() -> impl Strategy<Value = Effect> {
    let object = (resource(), "\\PC{0,6}", "[a-z/0-9]{0,6}", value()).prop_map(|(resource, uid, api_version, applied)| RecordedObject {
        resource,
        uid,
        api_version,
        applied,
    });
    prop_oneof![
        1 => (plane(), "[a-z]{0,4}").prop_map(|(address, uid)| Effect::PlaneKnown { address, uid }),
        1 => plane().prop_map(|address| Effect::PlaneGone { address }),
        2 => (resource(), recorded_resource()).prop_map(|(address, resource)| Effect::Resource { address, resource }),
        1 => resource().prop_map(|address| Effect::ResourceGone { address }),
        6 => (key(), object).prop_map(|(key, object)| Effect::Object { key, object }),
        1 => key().prop_map(|key| Effect::ObjectGone { key }),
        4 => (key(), plane(), "[a-z]{1,4}").prop_map(|(key, plane, uid)| Effect::ObjectMoved { key, plane, uid }),
        2 => (prop_oneof![plane(), resource()], proptest::collection::btree_set("\\PC{0,3}", 0..3))
            .prop_map(|(cluster, provider_ids)| Effect::Machines { cluster, provider_ids }),
        1 => ("[pq]", proptest::option::of(value())).prop_map(|(name, value)| Effect::Output { name, value }),
    ]
}

fn phase() -> impl Strategy<Value = Phase> {
    prop_oneof![Just(Phase::Started), Just(Phase::Progress), Just(Phase::Done), Just(Phase::Failed)]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn tables_and_memory_agree(records in proptest::collection::vec((phase(), value(), proptest::collection::vec(effect(), 0..8)), 1..8)) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("s.wlstate");
        create(&path, "lineage", &DigestKey::new([1; 32])).unwrap();
        let state = StateFile::open(&path, &Opening::new("test")).unwrap();
        let mut memory = Recorded { lineage: "lineage".into(), serial: 1, ..Recorded::default() };
        let mut journal = Vec::new();
        assert_eq!(block_on(state.begin("r", "the plan", "d")).unwrap(), 1);
        for (seq, (phase, evidence, effects)) in (1..).zip(records) {
            effects.iter().for_each(|effect| memory.apply(effect));
            prop_assert_eq!(block_on(state.journal("r", "step", phase, evidence.clone(), effects)).unwrap(), seq);
            journal.push(JournalRecord { seq, step: "step".into(), phase, evidence });
        }
        memory.unfinished = Some(UnfinishedRun { id: "r".into(), plan_digest: "d".into(), plan: "the plan".into(), journal });
        prop_assert_eq!(&block_on(state.load()).unwrap(), &memory);
        prop_assert_eq!(&read(&path).unwrap().recorded, &memory, "read beside the writer");
        block_on(state.end("r", RunEnd::Done)).unwrap();
        state.close().unwrap();
        memory.unfinished = None;
        prop_assert_eq!(&read(&path).unwrap().recorded, &memory, "read alone");
    }
}
