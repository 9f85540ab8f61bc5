//! Questions about wishes that are answered without facts: digest, validity.

use std::collections::BTreeMap;

use super::validate::validate_objects;
use super::wish::wishes;
use crate::desired::Desired;
use crate::diag::Diagnostics;
use crate::encode::DigestKey;

/// Digest of a wish, as it stands in [`super::Plan::desired_digest`]. It does not depend on what is known of living clusters.
pub fn desired_digest(desired: &Desired, key: &DigestKey) -> String {
    wishes(desired, None, key, BTreeMap::new(), &mut Diagnostics::new()).desired_digest
}

/// What is wrong with the rendered objects by the facts about their kinds.
pub fn validate(desired: &Desired) -> Diagnostics {
    let mut diagnostics = Diagnostics::new();
    // Nothing of the placeholder form leaves this function, so that any key will do.
    let wishes = wishes(desired, None, &DigestKey([0; 32]), BTreeMap::new(), &mut diagnostics);
    validate_objects(&wishes, &mut diagnostics);
    diagnostics
}
