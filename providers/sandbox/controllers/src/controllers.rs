//! The list of control loops of a plane. A new one is one file and one line here.

use std::sync::{Arc, Mutex};

use futures::FutureExt;
use futures::future::BoxFuture;

use crate::aws::{AwsClusters, AwsMachines};
use crate::capi::{Clusters, ControlPlanes, KubeadmConfigs, MachineController, MachineDeployments, MachineSets};
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
        Registered::new(Clusters),
        Registered::new(MachineController),
        Registered::new(MachineSets),
        Registered::new(MachineDeployments),
        Registered::new(KubeadmConfigs),
        Registered::new(ControlPlanes),
        Registered::new(AwsClusters),
        Registered::new(AwsMachines),
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
