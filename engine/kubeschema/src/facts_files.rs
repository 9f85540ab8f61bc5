//! The facts files that are compiled in. Made by `cargo xtask crds`, not by hand.

use crate::facts_table::FactsFile;

/// Every facts file, sorted by name and version.
pub(crate) const FILES: &[FactsFile] = &[
    FactsFile {
        name: "aws",
        version: "v2.11.1",
        digest: "sha256:adb3e53e590c5d5e55bf2416dcfadc82e33ad29c92a85f2f3391395b617baa60",
        bytes: include_bytes!("../facts/aws-v2.11.1.json.zst"),
    },
    FactsFile {
        name: "cluster-api",
        version: "v1.14.0",
        digest: "sha256:7b164704120c148298c043676de4c657115bd263eec88b9a5eaecbd1e7e545dd",
        bytes: include_bytes!("../facts/cluster-api-v1.14.0.json.zst"),
    },
    FactsFile {
        name: "clusterctl",
        version: "v1.14.0",
        digest: "sha256:eae194f30b4c8a5daefe0a80cc4e3f1409815ed8389de4d8197b822a44b68e87",
        bytes: include_bytes!("../facts/clusterctl-v1.14.0.json.zst"),
    },
    FactsFile {
        name: "kubernetes",
        version: "v1.36.3",
        digest: "sha256:f21f9b6a89661e520369cb3721f381db501be48a36960b2209eac7d18813bb7a",
        bytes: include_bytes!("../facts/kubernetes-v1.36.3.json.zst"),
    },
];
