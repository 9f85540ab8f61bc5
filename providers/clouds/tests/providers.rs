//! What holds for every cloud: names, releases and the facts that belong to them.

use std::collections::BTreeSet;

use windlass_clouds::{PROVIDERS, provider};
use windlass_core::object::split_api_version;
use windlass_core::schema::BlockSchema;
use windlass_kubeschema::facts_table::bundle;

#[test]
fn clouds_are_found_by_their_names_which_are_sorted() {
    let names: Vec<&str> = PROVIDERS.iter().map(|provider| provider.name()).collect();
    let sorted: BTreeSet<&str> = names.iter().copied().collect();
    assert_eq!(names, sorted.into_iter().collect::<Vec<_>>());
    for name in names {
        assert_eq!(provider(name).map(|provider| provider.name()), Some(name));
    }
    assert!(provider("nowhere").is_none());
}

/// The CRDs of a release carry the contract that the table says, for the version that is rendered.
#[test]
fn each_release_has_facts_that_agree_with_it() {
    for provider in PROVIDERS {
        assert!(!provider.releases().is_empty(), "{}", provider.name());
        for release in provider.releases() {
            let facts = bundle(release.facts, release.version).expect("a facts file").expect("readable");
            let (group, version) = split_api_version(release.api_version);
            let kinds: Vec<_> = facts.kinds.iter().filter(|kind| kind.group == group && kind.version == version).collect();
            assert!(!kinds.is_empty(), "{} {}", provider.name(), release.version);
            for kind in kinds {
                let served = kind.labels.get(&format!("cluster.x-k8s.io/{}", release.contract)).expect("the contract's label");
                assert!(served.split('_').any(|each| each == version), "{}: {served}", kind.kind);
            }
            let (oldest, newest) = release.kubernetes;
            assert!(oldest <= newest);
        }
    }
}

fn names(schema: &BlockSchema, found: &mut Vec<String>) {
    let own: Vec<&str> =
        schema.attributes.iter().map(|attribute| attribute.name).chain(schema.blocks.iter().map(|block| block.name)).collect();
    let distinct: BTreeSet<&str> = own.iter().copied().collect();
    assert_eq!(own.len(), distinct.len(), "{own:?}");
    found.extend(own.into_iter().map(str::to_owned));
    for attribute in schema.attributes {
        assert!(attribute.doc.ends_with('.') && !attribute.doc.contains('\n'), "{}", attribute.name);
    }
    schema.blocks.iter().for_each(|block| names(block.body, found));
}

#[test]
fn attributes_have_names_of_one_form_and_a_line_of_documentation() {
    for provider in PROVIDERS {
        let schema = provider.schema();
        let mut found = Vec::new();
        [schema.cloud, schema.cluster, schema.machine].into_iter().for_each(|block| names(block, &mut found));
        for name in found {
            assert!(name.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_'), "{name}");
        }
    }
}
