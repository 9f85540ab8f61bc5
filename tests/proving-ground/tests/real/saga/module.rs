//! The quickstart's folder, changed as little as a real plane and a process cloud ask for.

use std::path::{Path, PathBuf};

use windlass_proving_ground::{Authority, KeyAndCertificate, workspace_root};

use super::windlass::{Done, run};
use super::world::World;

/// The database's password: it may stand on planes only.
const PASSWORD: &str = "canary-of-the-database";

/// A module folder. It goes with its ground.
pub struct Module {
    folder: PathBuf,
    client: KeyAndCertificate,
}

impl Module {
    /// The example as it is checked in, with a `management` block, and the etcd that the process cloud does not manage.
    pub fn quickstart(world: &World) -> Module {
        let folder = world.ground.data_folder("module").expect("a folder");
        copy(&workspace_root().join("examples/quickstart"), &folder);
        let authority = Authority::generate().expect("an authority");
        let client = authority.client("kube-apiserver-etcd-client", "").expect("a certificate");
        for (name, text) in [("etcd-ca.crt", authority.certificate()), ("etcd-client.crt", &client.certificate)] {
            std::fs::write(folder.join(name), text).expect("written");
        }
        std::fs::write(folder.join("management.kubeconfig"), world.management.kubeconfig()).expect("written");
        let management = format!(
            "variable \"etcd_key\" {{\n  type      = string\n  sensitive = true\n}}\n\nmanagement \"ground\" {{\n  \
             kubeconfig           = \"management.kubeconfig\"\n  component_repository = {:?}\n}}\n",
            world.repository.folder()
        );
        std::fs::write(folder.join("ground.wl.hcl"), management).expect("written");
        let main = folder.join("main.wl.hcl");
        let text = std::fs::read_to_string(&main).expect("the example");
        let etcd = "  control_plane {\n    etcd {\n      external {\n        endpoints          = [\"https://127.0.0.1:2379\"]\n        \
                    ca_certificate     = file(\"${path.module}/etcd-ca.crt\")\n        \
                    client_certificate = file(\"${path.module}/etcd-client.crt\")\n        client_key         = var.etcd_key\n      }\n    }\n";
        assert!(text.contains("  control_plane {\n"));
        std::fs::write(&main, text.replacen("  control_plane {\n", etcd, 1)).expect("written");
        Module { folder, client }
    }

    /// Puts one text in the place of another that stands there once.
    pub fn replace(&self, from: &str, to: &str) {
        let main = self.folder.join("main.wl.hcl");
        let text = std::fs::read_to_string(&main).expect("readable");
        assert_eq!(text.matches(from).count(), 1, "{from}");
        std::fs::write(&main, text.replace(from, to)).expect("written");
    }

    /// Runs windlass in it.
    pub async fn windlass(&self, arguments: &[&str]) -> Done {
        let variables = [("WL_VAR_etcd_key", self.client.key.as_str()), ("WL_VAR_database_password", PASSWORD), ("WL_STABLE_SECONDS", "1")];
        run(&self.folder, arguments, &variables).await
    }

    /// No file of the module holds a secret: not the state, not the plan.
    pub fn holds_no_secret(&self) {
        let key: Vec<&str> = self.client.key.lines().filter(|line| line.len() > 40).collect();
        assert!(!key.is_empty());
        for file in files(&self.folder) {
            let bytes = std::fs::read(&file).expect("readable");
            let text = String::from_utf8_lossy(&bytes);
            let holds = key.iter().copied().chain([PASSWORD]).find(|secret| text.contains(secret));
            assert_eq!(holds, None, "{}", file.display());
        }
    }
}

fn copy(from: &Path, to: &Path) {
    for file in files(from) {
        let target = to.join(file.strip_prefix(from).expect("below it"));
        std::fs::create_dir_all(target.parent().expect("a folder")).expect("a folder");
        std::fs::copy(&file, target).expect("copied");
    }
}

/// Files below a folder, without those that windlass keeps for itself.
fn files(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).expect("a folder").flatten() {
        let path = entry.path();
        if path.is_dir() && entry.file_name() != ".windlass" {
            found.extend(files(&path));
        } else if path.is_file() {
            found.push(path);
        }
    }
    found
}
