//! Real values of secret leaves, for apply: found by the same walk that wrote their placeholders.

use std::collections::BTreeMap;

use serde_json::Value as Json;

use super::digest::DigestKey;
use super::object::{Encoder, is_secret_object};
use crate::desired::Desired;
use crate::diag::Diagnostics;

/// The real value of every secret leaf of every object, by the `source` of its placeholder.
///
/// The answer holds clear text: it goes to the request encoder and nowhere else.
pub fn collect_secrets(desired: &Desired, key: &DigestKey) -> BTreeMap<String, Json> {
    let encoder = Encoder { key };
    let mut found = BTreeMap::new();
    let mut ignored = Diagnostics::new();
    let of_resources =
        desired.resources.values().flat_map(|resource| resource.objects.iter().map(move |object| (&resource.address, object)));
    let of_providers = desired.providers.iter().flat_map(|provider| provider.objects.iter().map(move |object| (&provider.address, object)));
    for (owner, object) in of_resources.chain(of_providers).filter(|(_, object)| is_secret_object(&object.key)) {
        encoder.whole_object(object, owner, true, None, &mut ignored, Some(&mut found));
    }
    found
}
