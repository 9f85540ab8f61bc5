//! kubectl as a person uses it.

use std::path::{Path, PathBuf};

use serde_json::Value as Json;
use tokio::process::Command;

/// kubectl with a kubeconfig.
pub struct Kubectl {
    program: PathBuf,
    kubeconfig: PathBuf,
}

impl Kubectl {
    pub fn new(program: PathBuf, kubeconfig: &Path) -> Kubectl {
        Kubectl { program, kubeconfig: kubeconfig.to_path_buf() }
    }

    /// Runs it, and gives what it printed.
    pub async fn run(&self, arguments: &[&str]) -> String {
        let mut command = Command::new(&self.program);
        command.arg("--kubeconfig").arg(&self.kubeconfig).args(arguments);
        let output = command.output().await.expect("kubectl starts");
        let (stdout, stderr) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
        assert!(output.status.success(), "kubectl {arguments:?}: {stderr}");
        stdout.into_owned()
    }

    /// One object.
    pub async fn get(&self, kind: &str, namespace: &str, name: &str) -> Json {
        let text = self.run(&["-n", namespace, "get", kind, name, "-o", "json"]).await;
        serde_json::from_str(&text).expect("JSON")
    }

    /// Names of the objects of a kind in a namespace.
    pub async fn list(&self, kind: &str, namespace: &str) -> Vec<String> {
        names(&self.run(&["-n", namespace, "get", kind, "-o", "name"]).await)
    }

    /// Names of the objects of a kind that lives in no namespace.
    pub async fn list_all(&self, kind: &str) -> Vec<String> {
        names(&self.run(&["get", kind, "-o", "name"]).await)
    }
}

fn names(text: &str) -> Vec<String> {
    text.lines().filter_map(|line| line.rsplit('/').next()).map(str::to_owned).collect()
}
