//! `metadata.yaml` of a release: which contract of Cluster API each series of versions keeps (clusterctl.cluster.x-k8s.io/v1alpha3 Metadata).

use serde::Deserialize;

use crate::diag::{Code, Diagnostic, Span};
use crate::plan::ProviderSpec;

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Metadata {
    #[serde(default)]
    release_series: Vec<Series>,
}

#[derive(Deserialize)]
struct Series {
    major: u64,
    minor: u64,
    contract: String,
}

/// What is wrong with a version by its metadata.
pub(super) fn check(spec: &ProviderSpec, metadata: &[u8], named: Span) -> Option<Diagnostic> {
    let what = format!("metadata.yaml of {} {}", spec.label, spec.version);
    let refused = |told: String, hint: &str| Some(Diagnostic::error(Code::COMPONENTS, format!("{what} {told}")).at(named).hint(hint));
    let text = std::str::from_utf8(metadata).unwrap_or_default();
    let Ok(read) = serde_saphyr::from_str::<Metadata>(text) else {
        return refused("is no list of release series".to_owned(), "it has `releaseSeries` with `major`, `minor` and `contract`");
    };
    let mut numbers = spec.version.trim_start_matches('v').split(['.', '-']).map(str::parse::<u64>);
    let (Some(Ok(major)), Some(Ok(minor))) = (numbers.next(), numbers.next()) else { return None };
    let Some(series) = read.release_series.iter().find(|series| (series.major, series.minor) == (major, minor)) else {
        return refused(format!("does not know the series {major}.{minor}"), "the folder holds the files of another version");
    };
    if series.contract == spec.contract {
        return None;
    }
    refused(
        format!("says contract {}, this release of windlass speaks {}", series.contract, spec.contract),
        "the folder holds the files of another version, or the provider needs another windlass",
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_contract_of_the_series_counts() {
        let spec = ProviderSpec {
            name: "aws".to_owned(),
            label: "infrastructure-aws".to_owned(),
            r#type: "InfrastructureProvider".to_owned(),
            version: "v2.11.1".to_owned(),
            contract: "v1beta1".to_owned(),
            namespace: String::new(),
            deployment: String::new(),
            image: String::new(),
            facts: String::new(),
            groups: Vec::new(),
            install: true,
        };
        let series = |text: &str| format!("apiVersion: clusterctl.cluster.x-k8s.io/v1alpha3\nkind: Metadata\nreleaseSeries:\n{text}");
        for (text, told) in [
            (series("- {major: 2, minor: 10, contract: v1alpha4}\n- {major: 2, minor: 11, contract: v1beta1}\n"), None),
            (series("- {major: 2, minor: 11, contract: v1beta2}\n"), Some("says contract v1beta2")),
            (series("- {major: 1, minor: 11, contract: v1beta1}\n"), Some("does not know the series 2.11")),
            ("releaseSeries: 1".to_owned(), Some("is no list")),
            ("\u{0}".to_owned(), Some("is no list")),
        ] {
            let found = check(&spec, text.as_bytes(), Span::default());
            assert_eq!(found.is_some(), told.is_some(), "{text}: {found:?}");
            assert!(found.is_none_or(|found| found.summary.contains(told.unwrap_or_default())), "{text}");
        }
    }
}
