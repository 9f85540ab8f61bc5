//! A layer whose step never said what it did: its inventory on the cluster tells what goes when it is applied again.

use serde_json::json;
use windlass_core::addr::Part;
use windlass_core::inventory::Entry;
use windlass_core::marks::{LABEL_LINEAGE, SYSTEM_NAMESPACE, layer_inventory};
use windlass_core::object::ObjectKey;
use windlass_core::plan::{Action, Mode, ObjectAction};

use crate::wish::{LINEAGE, Wanted, cluster, desired};
use crate::world::World;

#[test]
fn what_only_the_inventory_knows_is_named_before_it_goes() {
    for (agent, pivot) in [(true, true), (true, false), (false, false)] {
        let wish = desired(&[Wanted { agent, pivot, ..Wanted::new("shop") }]);
        let (whole, _) = World::empty().plan(&wish, Mode::Apply);
        let layer = cluster("shop").with(Part::Layer("spaces".into()));
        let applies = |action: &Action| matches!(action, Action::ApplyLayer { layer: content, .. } | Action::PublishLayer { layer: content, .. } if content.address == layer);
        let at = whole.steps.iter().position(|step| applies(&step.action)).expect("the layer has a step");
        let mut world = World::empty();
        world.apply(&whole, at);
        world.begin(&whole.steps[at]);
        let entry = |kind: &str, name: &str, uid: &str| {
            let [name, kind, uid, version, namespace] = [name, kind, uid, "v1", "kube-system"].map(str::to_owned);
            Entry { namespace: Some(namespace), name, group: String::new(), version, kind, uid }.written()
        };
        // What it still has, what it has no more, and what was not even sent.
        let listed = [entry("ConfigMap", "spaces", "u-1"), entry("PersistentVolumeClaim", "precious", "u-2"), entry("Secret", "meant", "")];
        let data: serde_json::Map<_, _> = listed.into_iter().map(|(key, value)| (key, json!(value))).collect();
        let (plane, namespace, name) = (cluster("shop"), Some(SYSTEM_NAMESPACE.to_owned()), layer_inventory("spaces"));
        let metadata = json!({"name": name, "namespace": SYSTEM_NAMESPACE, "uid": "u-0", "labels": {LABEL_LINEAGE: LINEAGE}});
        let key = ObjectKey { plane, group: String::new(), kind: "ConfigMap".to_owned(), namespace, name };
        world.objects.insert(key, json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata, "data": data}));

        let (plan, diagnostics) = world.plan(&wish, Mode::Apply);
        assert!(diagnostics.is_empty(), "{diagnostics:#?}");
        let gone = ["PersistentVolumeClaim kube-system/precious", "Secret kube-system/meant"];
        let change = plan.changes.iter().find(|change| change.address == layer).expect("it changes");
        let shown = change.objects.iter().filter(|object| object.action == ObjectAction::Delete).map(|object| object.key.short());
        assert_eq!(shown.collect::<Vec<_>>(), gone, "agent {agent}, pivot {pivot}");
        let mut prunes = plan.steps.iter().filter_map(|step| match &step.action {
            Action::ApplyLayer { layer: content, .. } | Action::PublishLayer { layer: content, .. } if content.address == layer => {
                Some(content.prune.iter().map(|object| (object.key.short(), object.uid.clone())).collect::<Vec<_>>())
            }
            _ => None,
        });
        let expected = [(gone[0].to_owned(), Some("u-2".to_owned())), (gone[1].to_owned(), None)];
        assert!(prunes.all(|pruned| pruned == expected), "agent {agent}, pivot {pivot}");
    }
}
