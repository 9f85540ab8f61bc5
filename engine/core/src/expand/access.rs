//! Clouds as resources: identity objects and the Secrets they refer to.

use std::collections::BTreeSet;

use crate::addr::Part;
use crate::config::Model;
use crate::desired::{Desired, DesiredResource, Home};
use crate::diag::Diagnostics;

use super::RENDER_REVISION;
use super::mark::Marker;
use super::needed::release;

/// Adds one resource for each cloud.
pub fn expand(model: &Model, marker: &Marker, desired: &mut Desired, diagnostics: &mut Diagnostics) {
    let plane = &model.management.address;
    // What could not be read of a cloud has been told, and its objects would lack it.
    for (address, cloud) in model.clouds.iter().filter(|(_, cloud)| !cloud.input.body.value.contains_unknown()) {
        // An unknown version has been reported with the providers.
        let Ok(release) = release(model, cloud.provider) else { continue };
        let objects = cloud
            .provider
            .identity(&cloud.input, release)
            .iter()
            .filter_map(|rendered| marker.mark(&rendered.object, address, Home::Management, plane, cloud.input.body.span, diagnostics))
            .collect();
        let resource = DesiredResource {
            fixed: cloud.provider.schema().cloud.fixed("").into_iter().collect(),
            address: address.clone(),
            input: cloud.input.body.value.clone(),
            render_revision: RENDER_REVISION,
            objects,
            needs: BTreeSet::from([plane.with(Part::Provider(cloud.provider.name().to_owned()))]),
            prevent_destroy: false,
            span: cloud.input.body.span,
            places: cloud.input.body.spans.iter().cloned().collect(),
        };
        desired.resources.insert(address.clone(), resource);
    }
}
