//! The last known state of every watched object of a plane, with indexes by controller, node and cluster. Knows no API.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet, VecDeque};
use std::sync::Arc;

use crate::kinds::Kind;
use crate::object::{Fields, Key, Meta, Object};

/// Label that ties every object of a cluster to it.
pub const CLUSTER_LABEL: &str = "cluster.x-k8s.io/cluster-name";

/// Objects by kind, namespace and name. An older version of an object never replaces a newer one.
#[derive(Debug, Default)]
pub struct Cache {
    objects: BTreeMap<Kind, BTreeMap<Key, Arc<Object>>>,
    owned: HashMap<(Kind, String), BTreeSet<Key>>,
    on_node: HashMap<String, BTreeSet<Key>>,
    of_cluster: HashMap<(Kind, Key), BTreeSet<Key>>,
    synced: BTreeSet<Kind>,
    gone: HashSet<String>,
    gone_in_order: VecDeque<String>,
}

/// How many uids of objects that are gone are remembered: an answer that comes late must not bring one back.
const REMEMBERED: usize = 10_000;

impl Cache {
    /// Takes an object in; `false` if what is there is as new, or it is known to be gone.
    pub fn put(&mut self, kind: Kind, object: Arc<Object>) -> bool {
        if self.gone.contains(object.uid()) {
            return false;
        }
        let key = object.key();
        if let Some(old) = self.objects.get(&kind).and_then(|all| all.get(&key)) {
            if !is_newer(old, &object) {
                return false;
            }
            let old = old.clone();
            self.unindex(kind, &old);
        }
        self.index(kind, &object);
        self.objects.entry(kind).or_default().insert(key, object);
        true
    }

    /// Takes an object out; a later incarnation (another uid) stays.
    pub fn remove(&mut self, kind: Kind, key: &Key, uid: &str) -> Option<Arc<Object>> {
        let all = self.objects.get_mut(&kind)?;
        if all.get(key).is_some_and(|there| !uid.is_empty() && there.uid() != uid) {
            return None;
        }
        let object = all.remove(key)?;
        self.unindex(kind, &object);
        self.remember_gone(object.uid());
        Some(object)
    }

    /// Keys of a kind.
    pub fn keys(&self, kind: Kind) -> Vec<Key> {
        self.objects.get(&kind).into_iter().flat_map(BTreeMap::keys).cloned().collect()
    }

    /// One object.
    pub fn get(&self, kind: Kind, key: &Key) -> Option<Arc<Object>> {
        self.objects.get(&kind)?.get(key).cloned()
    }

    /// All objects of a kind, by key.
    pub fn all(&self, kind: Kind) -> Vec<Arc<Object>> {
        self.objects.get(&kind).into_iter().flat_map(BTreeMap::values).cloned().collect()
    }

    /// Objects whose controller has this uid, by key.
    pub fn owned(&self, kind: Kind, uid: &str) -> Vec<Arc<Object>> {
        self.pick(kind, self.owned.get(&(kind, uid.to_owned())))
    }

    /// Pods or ReplicaSets that have no controller, by key.
    pub fn uncontrolled(&self, kind: Kind) -> Vec<Arc<Object>> {
        self.owned(kind, "")
    }

    /// Pods bound to a node (`""`: to none).
    pub fn pods_on(&self, node: &str) -> Vec<Arc<Object>> {
        self.pick(Kind::Pod, self.on_node.get(node))
    }

    /// Objects of a kind labelled with a cluster's name, in its namespace.
    pub fn of_cluster(&self, kind: Kind, cluster: &Key) -> Vec<Arc<Object>> {
        self.pick(kind, self.of_cluster.get(&(kind, cluster.clone())))
    }

    /// Marks that the first list of a kind is in; `true` if it was not before.
    pub fn set_synced(&mut self, kind: Kind) -> bool {
        self.synced.insert(kind)
    }

    /// Forgets a kind whose definition is gone.
    pub fn drop_kind(&mut self, kind: Kind) {
        self.synced.remove(&kind);
        for object in self.objects.remove(&kind).unwrap_or_default().into_values() {
            self.unindex(kind, &object);
        }
    }

    /// Whether the first list of each kind is in.
    pub fn synced(&self, kinds: &[Kind]) -> bool {
        kinds.iter().all(|kind| self.synced.contains(kind))
    }

    fn pick(&self, kind: Kind, keys: Option<&BTreeSet<Key>>) -> Vec<Arc<Object>> {
        let all = self.objects.get(&kind);
        keys.into_iter().flatten().filter_map(|key| all?.get(key).cloned()).collect()
    }

    fn remember_gone(&mut self, uid: &str) {
        if !uid.is_empty() && self.gone.insert(uid.to_owned()) {
            self.gone_in_order.push_back(uid.to_owned());
        }
        if self.gone_in_order.len() > REMEMBERED
            && let Some(oldest) = self.gone_in_order.pop_front()
        {
            self.gone.remove(&oldest);
        }
    }

    fn index(&mut self, kind: Kind, object: &Object) {
        if let Some(uid) = controller(kind, object) {
            self.owned.entry((kind, uid.to_owned())).or_default().insert(object.key());
        }
        if kind == Kind::Pod {
            self.on_node.entry(object.text("/spec/nodeName").to_owned()).or_default().insert(object.key());
        }
        if let Some(cluster) = object.label(CLUSTER_LABEL) {
            let cluster = (object.namespace().to_owned(), cluster.to_owned());
            self.of_cluster.entry((kind, cluster)).or_default().insert(object.key());
        }
    }

    fn unindex(&mut self, kind: Kind, object: &Object) {
        let key = object.key();
        if let Some(uid) = controller(kind, object) {
            take_out(&mut self.owned, &(kind, uid.to_owned()), &key);
        }
        if kind == Kind::Pod {
            take_out(&mut self.on_node, &object.text("/spec/nodeName").to_owned(), &key);
        }
        if let Some(cluster) = object.label(CLUSTER_LABEL) {
            take_out(&mut self.of_cluster, &(kind, (object.namespace().to_owned(), cluster.to_owned())), &key);
        }
    }
}

/// Uid by which an object is found: its controller's, or none of those that can be adopted.
fn controller(kind: Kind, object: &Object) -> Option<&str> {
    object.controller_uid().or(matches!(kind, Kind::Pod | Kind::ReplicaSet).then_some(""))
}

fn take_out<K: std::hash::Hash + Eq>(index: &mut HashMap<K, BTreeSet<Key>>, of: &K, key: &Key) {
    if let Some(keys) = index.get_mut(of) {
        keys.remove(key);
        if keys.is_empty() {
            index.remove(of);
        }
    }
}

fn is_newer(old: &Object, new: &Object) -> bool {
    let version = |object: &Object| object.metadata.resource_version.as_deref().and_then(|text| text.parse::<u64>().ok());
    match (version(old), version(new)) {
        (Some(old), Some(new)) => new > old,
        _ => old.metadata.resource_version != new.metadata.resource_version,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pod(version: &str, node: &str) -> Arc<Object> {
        let json = serde_json::json!({"metadata": {"name": "p", "namespace": "n", "uid": "u", "resourceVersion": version}, "spec": {"nodeName": node}});
        Arc::new(serde_json::from_value(json).expect("pod"))
    }

    #[test]
    fn what_nobody_controls_is_found_until_it_is_adopted() {
        let mut cache = Cache::default();
        cache.put(Kind::Pod, pod("1", ""));
        assert_eq!(cache.uncontrolled(Kind::Pod).len(), 1);
        let mut adopted = serde_json::to_value(&*pod("2", "")).expect("json");
        adopted["metadata"]["ownerReferences"] =
            serde_json::json!([{"apiVersion": "apps/v1", "kind": "ReplicaSet", "name": "r", "uid": "owner", "controller": true}]);
        cache.put(Kind::Pod, Arc::new(serde_json::from_value(adopted).expect("pod")));
        assert!(cache.uncontrolled(Kind::Pod).is_empty());
        assert_eq!(cache.owned(Kind::Pod, "owner").len(), 1);
    }

    #[test]
    fn an_older_version_never_wins_and_indexes_follow() {
        let mut cache = Cache::default();
        assert!(cache.put(Kind::Pod, pod("9", "")));
        assert!(cache.put(Kind::Pod, pod("10", "node")));
        assert!(!cache.put(Kind::Pod, pod("9", "")));
        assert!(cache.pods_on("").is_empty());
        assert_eq!(cache.pods_on("node").len(), 1);
        let key = ("n".to_owned(), "p".to_owned());
        assert!(cache.remove(Kind::Pod, &key, "another").is_none());
        assert!(cache.remove(Kind::Pod, &key, "u").is_some());
        assert!(cache.pods_on("node").is_empty());
        assert!(!cache.put(Kind::Pod, pod("11", "node")), "an answer that comes late brings nothing back");
    }
}
