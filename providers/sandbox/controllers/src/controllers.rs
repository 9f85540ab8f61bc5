//! The list of control loops of a plane. A new one is one file and one line here.

use std::sync::{Arc, Mutex};

use futures::FutureExt;
use futures::future::BoxFuture;

use crate::aws::{AWS_CLUSTERS, AWS_MACHINES};
use crate::capi::{CLUSTERS, CONTROL_PLANES, KUBEADM_CONFIGS, MACHINE_DEPLOYMENTS, MACHINE_SETS, MACHINES};
use crate::fleet::{Fleet, cluster_of};
use crate::kinds::Kind;
use crate::node::{MIRROR, Nodes, Pods};
use crate::object::{Key, Meta, Object};
use crate::plane::{Controller, Event, Next, Plane, Registered, Result, watch_custom};
use crate::workload::{Accounts, Claims, DaemonSets, Deployments, Jobs, ReplicaSets, Services, StatefulSets, Volumes};

/// All control loops of a plane.
pub fn of(_plane: &str) -> Vec<Arc<Registered>> {
    vec![
        Registered::new(Definitions::default()),
        Registered::new(Accounts),
        Registered::new(Nodes),
        Registered::new(Pods::default()),
        Registered::new(Deployments),
        Registered::new(ReplicaSets),
        Registered::new(DaemonSets),
        Registered::new(StatefulSets),
        Registered::new(Jobs),
        Registered::new(Services),
        Registered::new(Claims),
        Registered::new(Volumes),
        Registered::new(CLUSTERS),
        Registered::new(MACHINES),
        Registered::new(MACHINE_SETS),
        Registered::new(MACHINE_DEPLOYMENTS),
        Registered::new(KUBEADM_CONFIGS),
        Registered::new(CONTROL_PLANES),
        Registered::new(AWS_CLUSTERS),
        Registered::new(AWS_MACHINES),
        Registered::new(Bridge),
    ]
}

/// Starts and ends watches of custom kinds as their definitions come and go.
#[derive(Default)]
struct Definitions {
    watches: Arc<Mutex<std::collections::BTreeMap<Kind, tokio_util::sync::CancellationToken>>>,
}

impl Controller for Definitions {
    fn name(&self) -> &'static str {
        "definitions"
    }
    fn kind(&self) -> Kind {
        Kind::CustomResourceDefinition
    }
    fn needs(&self) -> &'static [Kind] {
        &[]
    }
    fn reconcile<'a>(&'a self, _fleet: &'a Arc<Fleet>, plane: &'a Arc<Plane>, key: &'a Key) -> BoxFuture<'a, Result<Next>> {
        async move {
            match plane.get(Kind::CustomResourceDefinition, key) {
                Some(definition) => watch_custom(plane, &self.watches, &definition, false),
                None => watch_custom(plane, &self.watches, &named(&key.1), true),
            }
            Ok(Next::Wait)
        }
        .boxed()
    }
}

fn named(name: &str) -> Object {
    Object::new(name, &Kind::CustomResourceDefinition.resource())
}

/// Tells CAPI's managers, on whatever plane they run, that nodes or static pods of their cluster changed.
struct Bridge;

impl Controller for Bridge {
    fn name(&self) -> &'static str {
        "bridge"
    }
    fn kind(&self) -> Kind {
        Kind::Node
    }
    fn needs(&self) -> &'static [Kind] {
        &[Kind::Node]
    }
    fn concerns(&self, _plane: &Plane, event: &Event) -> Vec<Key> {
        let mirror = event.kind == Kind::Pod && event.object.annotation(MIRROR).is_some();
        // All nodes are one subject: many changes at once tell once.
        if mirror { vec![(String::new(), "static-pods".to_owned())] } else { Vec::new() }
    }
    fn reconcile<'a>(&'a self, fleet: &'a Arc<Fleet>, plane: &'a Arc<Plane>, _key: &'a Key) -> BoxFuture<'a, Result<Next>> {
        async move {
            if let Some(cluster) = cluster_of(&plane.id) {
                fleet.tell_cluster(&cluster, &[Kind::Machine, Kind::KubeadmControlPlane]);
            }
            Ok(Next::Wait)
        }
        .boxed()
    }
}
