//! Where each facts file comes from: the one table of pinned upstream versions.

use super::go_module::GoModule;

/// The Kubernetes whose built-in kinds are described.
pub const KUBERNETES: GoModule =
    GoModule { path: "k8s.io/kubernetes", version: "v1.36.3", sum: "h1:qDQdoMiluAE2Eab6Fa52YV+WjiGz9mZFFoagEA6cI+o=" };

const CLUSTER_API: GoModule =
    GoModule { path: "sigs.k8s.io/cluster-api", version: "v1.14.2", sum: "h1:o3GFNaeNFAOEEMpDPfhCK+2CjmV6gtQ8yLEcUwCg7bA=" };

/// Cluster API's own test module, in which the dev provider is.
const CLUSTER_API_TEST: GoModule =
    GoModule { path: "sigs.k8s.io/cluster-api/test", version: "v1.14.2", sum: "h1:nZ/Ql57cR7Huwqd7o3X+2AFSg5kcAmSTUZovLwzIhIs=" };

const AWS: GoModule = GoModule {
    path: "sigs.k8s.io/cluster-api-provider-aws/v2",
    version: "v2.11.1",
    sum: "h1:Z/H2UtjE9frE2syrDksLZy4ouvz8CaUZk4HoVDUgSbE=",
};

/// One facts file that is made of CRDs.
pub struct CrdSource {
    /// Name of the facts file.
    pub name: &'static str,
    /// The module that holds the CRDs; its version is the file's version.
    pub module: GoModule,
    /// Kustomize folders that list the CRDs, and for each the labels that `clusterctl` or a parent kustomization adds.
    pub folders: &'static [CrdFolder],
}

/// One `config/crd` folder of a module.
pub struct CrdFolder {
    /// Path inside the module.
    pub path: &'static str,
    /// Labels that all its CRDs carry once they are installed, beside those of its own kustomization.
    pub labels: &'static [(&'static str, &'static str)],
}

/// `clusterctl` puts it on every object of a provider (cmd/clusterctl/client/repository/components.go).
const CLUSTERCTL: (&str, &str) = ("clusterctl.cluster.x-k8s.io", "");

/// Every facts file made of CRDs. A new provider version is a new entry: old files stay, as recorded plans name them.
pub const CRDS: [CrdSource; 4] = [
    CrdSource {
        name: "aws",
        module: AWS,
        folders: &[CrdFolder { path: "config/crd", labels: &[CLUSTERCTL, ("cluster.x-k8s.io/provider", "infrastructure-aws")] }],
    },
    CrdSource {
        name: "cluster-api",
        module: CLUSTER_API,
        folders: &[
            CrdFolder { path: "core/config/crd", labels: &[CLUSTERCTL, ("cluster.x-k8s.io/provider", "cluster-api")] },
            CrdFolder { path: "bootstrap/kubeadm/config/crd", labels: &[CLUSTERCTL, ("cluster.x-k8s.io/provider", "bootstrap-kubeadm")] },
            CrdFolder {
                path: "controlplane/kubeadm/config/crd",
                labels: &[CLUSTERCTL, ("cluster.x-k8s.io/provider", "control-plane-kubeadm")],
            },
        ],
    },
    CrdSource {
        name: "clusterctl",
        module: CLUSTER_API,
        folders: &[CrdFolder {
            path: "cmd/clusterctl/config/crd",
            // cmd/clusterctl/client/cluster/inventory.go
            labels: &[("clusterctl.cluster.x-k8s.io/core", "inventory")],
        }],
    },
    CrdSource {
        name: "dev",
        module: CLUSTER_API_TEST,
        folders: &[CrdFolder {
            path: "infrastructure/docker/config/crd",
            labels: &[CLUSTERCTL, ("cluster.x-k8s.io/provider", "infrastructure-docker")],
        }],
    },
];
