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
        version: "v1.14.2",
        digest: "sha256:53c8f940eadd5f6f90d1d91931c43414be664fbafe9eea0182f064776c29b7c3",
        bytes: include_bytes!("../facts/cluster-api-v1.14.2.json.zst"),
    },
    FactsFile {
        name: "clusterctl",
        version: "v1.14.2",
        digest: "sha256:1599649dea7fca242eff29b1d67dc7ccea50446ade317fd8fa18cb9d197d25bb",
        bytes: include_bytes!("../facts/clusterctl-v1.14.2.json.zst"),
    },
    FactsFile {
        name: "dev",
        version: "v1.14.2",
        digest: "sha256:75adf1db4166e4b79f13abed33f764700165d950862b4536c7c1adff31a2fb97",
        bytes: include_bytes!("../facts/dev-v1.14.2.json.zst"),
    },
    FactsFile {
        name: "kubernetes",
        version: "v1.36.3",
        digest: "sha256:f21f9b6a89661e520369cb3721f381db501be48a36960b2209eac7d18813bb7a",
        bytes: include_bytes!("../facts/kubernetes-v1.36.3.json.zst"),
    },
];
