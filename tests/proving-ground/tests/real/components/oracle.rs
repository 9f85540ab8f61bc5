//! clusterctl installs from the same repository: the layout and the components are what a release would have.

use std::process::Command;
use std::time::Instant;

use serde_json::{Value as Json, json};
use windlass_proving_ground::{ComponentRepository, Ground, Plane, RepositoryFlavour};

use super::apply::{DEPLOYMENTS, until};
use super::webhooks::answer_webhooks;
use super::{begin, cluster_api_is_ready, hosted};
use crate::aws::aws;

/// Where clusterctl finds all of it.
fn configuration(repository: &ComponentRepository) -> Json {
    let provider = |name: &str, kind: &str, label: &str| {
        let file = repository.components(label).expect("a provider");
        json!({"name": name, "type": kind, "url": format!("file://{}", file.display())})
    };
    let cert_manager = repository.cert_manager().expect("cert-manager");
    let version = cert_manager.parent().and_then(|folder| folder.file_name()).expect("a folder").to_string_lossy().into_owned();
    json!({
        "providers": [
            provider("cluster-api", "CoreProvider", "cluster-api"),
            provider("kubeadm", "BootstrapProvider", "bootstrap-kubeadm"),
            provider("kubeadm", "ControlPlaneProvider", "control-plane-kubeadm"),
            provider("aws", "InfrastructureProvider", "infrastructure-aws"),
        ],
        "cert-manager": {"url": cert_manager.display().to_string(), "version": version},
        "EXP_MACHINE_POOL": "false",
        "AWS_B64ENCODED_CREDENTIALS": "bm9ib2R5Cg==",
    })
}

fn init(ground: &Ground, plane: &Plane, repository: &ComponentRepository) {
    let home = ground.data_folder("clusterctl").expect("a folder");
    let file = home.join("clusterctl.json");
    std::fs::write(&file, configuration(repository).to_string()).expect("written");
    let mut command = Command::new(ground.components().program("clusterctl"));
    command.env_clear().env("HOME", &home).env("XDG_CONFIG_HOME", &home).env("CLUSTERCTL_DISABLE_VERSIONCHECK", "true");
    command.args(["init", "--core=cluster-api", "--bootstrap=kubeadm", "--control-plane=kubeadm", "--infrastructure=aws"]);
    command.arg("--wait-providers").arg("--config").arg(&file).arg("--kubeconfig").arg(plane.kubeconfig_file());
    // The runner works meanwhile.
    let output = tokio::task::block_in_place(|| command.output()).expect("it runs");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs real servers: cargo xtask proving-ground test"]
async fn clusterctl_installs_from_the_repository() {
    let (runner, plane, ground) = begin("components-clusterctl").await;
    let mut repository = ComponentRepository::make(&ground, RepositoryFlavour::Upstream).unwrap();
    repository.add(&aws()).unwrap();
    let begun = Instant::now();
    init(&ground, &plane, &repository);
    println!("proving ground: clusterctl init in {:.1} s", begun.elapsed().as_secs_f64());
    cluster_api_is_ready(&runner, &plane).await;
    answer_webhooks(&plane).await;
    // What it was told of the variable is what the process was told.
    let (namespace, name) = DEPLOYMENTS[0];
    let line = until(30, "a command line", || async {
        let line = super::command_line(hosted::process(&runner, &plane, namespace, name));
        if line.is_empty() { Err(line) } else { Ok(line) }
    })
    .await;
    assert!(line.contains("--feature-gates=MachinePool=false,"), "{line}");
}
