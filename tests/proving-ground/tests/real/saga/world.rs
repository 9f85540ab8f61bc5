//! A management plane without anything on it, the process cloud, and whoever runs what is installed.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use windlass_core::agent_objects::AGENT_LABEL;
use windlass_core::marks::{AGENT_NAME, SYSTEM_NAMESPACE};
use windlass_proving_ground::{
    ComponentRepository, DeploymentRunner, Ground, HostCommand, Plane, PlaneSpec, ProcessCloud, RepositoryFlavour,
};

use super::kubectl::Kubectl;
use super::windlass::binary;
use crate::aws::aws;

/// Image of the agent in every configuration that names none.
const AGENT: &str = "ghcr.io/windlass-dev/windlass:";

/// Everything, in the order in which it ends.
pub struct World {
    _runner: DeploymentRunner,
    pub cloud: ProcessCloud,
    pub repository: ComponentRepository,
    pub management: Plane,
    pub ground: Arc<Ground>,
}

impl World {
    pub async fn begin(name: &str, flavour: RepositoryFlavour) -> World {
        let ground = Arc::new(Ground::begin(name).expect("a ground"));
        let management = Plane::start(&ground, PlaneSpec::named("management").expect("keys")).await.expect("a plane");
        management.add_node("node-1").await.expect("a node");
        let cloud = ProcessCloud::new(&ground).expect("a cloud");
        cloud.watch(&management);
        let kubectl = ground.components().program("kubectl");
        let runner = DeploymentRunner::new(&ground).expect("a runner").with_program(AGENT, move |_| agent(&kubectl));
        runner.follow(&management);
        runner.follow_cloud(&cloud);
        let mut repository = ComponentRepository::make(&ground, flavour).expect("a repository");
        repository.add(&aws()).expect("AWS's components");
        World { _runner: runner, cloud, repository, management, ground }
    }

    /// kubectl on a plane, as its administrator.
    pub fn kubectl(&self, plane: &Plane) -> Kubectl {
        Kubectl::new(self.ground.components().program("kubectl"), plane.kubeconfig_file())
    }
}

/// The agent as its Deployment runs it. A container's host name is its pod's name, by which windlass knows that this agent is of a pod that
/// runs now.
fn agent(kubectl: &Path) -> HostCommand {
    let script = format!(
        "name=; until [ -n \"$name\" ]; do \
         name=$({kubectl} --kubeconfig \"$KUBECONFIG\" -n {SYSTEM_NAMESPACE} get pods -l {AGENT_LABEL}={AGENT_NAME} \
         -o 'jsonpath={{.items[0].metadata.name}}' 2>/dev/null); sleep 0.1; done; \
         HOSTNAME=$name exec {windlass} agent -kubeconfig \"$KUBECONFIG\"",
        kubectl = kubectl.display(),
        windlass = binary().display(),
    );
    HostCommand { program: "/bin/sh".into(), arguments: vec!["-c".to_owned(), script], environment: BTreeMap::new() }
}
