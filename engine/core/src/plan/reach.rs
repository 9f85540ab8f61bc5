//! What an action touches: planes and objects, read off its parameters. Knows nothing of how it is carried out.

use crate::addr::Address;
use crate::marks;
use crate::object::ObjectKey;

use super::action::{Action, DoomedObject, LayerContent, PlannedObject};

impl Action {
    /// The planes that it talks to, without repetition; empty if it only changes the state.
    pub fn planes(&self) -> Vec<&Address> {
        let (first, second) = match self {
            Action::EnsureProvider { plane, .. }
            | Action::Apply { plane, .. }
            | Action::Wait { plane, .. }
            | Action::ApplyLayer { plane, .. }
            | Action::PublishLayer { plane, .. }
            | Action::DeleteLayer { plane, .. }
            | Action::WaitAgent { plane }
            | Action::ReleaseCloudResources { plane, .. }
            | Action::Delete { plane, .. }
            | Action::MakeWay { plane, .. }
            | Action::RemoveLeftovers { plane, .. }
            | Action::CollectTemplates { plane, .. } => (plane, None),
            Action::OpenPlane { plane, access } => (plane, Some(&access.management)),
            Action::WaitNodes { plane, machines, .. } => (plane, Some(machines)),
            Action::PivotPreflight { pivot } | Action::Pivot { pivot } | Action::VerifyPivot { pivot } => (&pivot.from, Some(&pivot.to)),
            Action::RefreshAccess { access, source } => (&access.management, Some(source)),
            Action::StoreOutputs { .. } | Action::Record => return Vec::new(),
        };
        std::iter::once(first).chain(second.filter(|second| *second != first)).collect()
    }

    /// The plane that exists only once this is done.
    pub fn opens(&self) -> Option<&Address> {
        match self {
            Action::OpenPlane { plane, .. } => Some(plane),
            _ => None,
        }
    }

    /// Whether it only looks until something is so; such a step takes no place among those that act.
    pub fn only_waits(&self) -> bool {
        matches!(
            self,
            Action::Wait { .. }
                | Action::OpenPlane { .. }
                | Action::WaitNodes { .. }
                | Action::WaitAgent { .. }
                | Action::VerifyPivot { .. }
        )
    }

    /// The objects that it names as its own to write or delete. What a pivot moves is not known before it runs.
    pub fn writes(&self) -> Vec<ObjectKey> {
        match self {
            Action::EnsureProvider { objects, .. } => planned(objects).collect(),
            Action::Apply { objects, prune, .. } => planned(objects).chain(doomed(prune)).collect(),
            Action::ApplyLayer { layer, plane } | Action::PublishLayer { layer, plane, .. } => layer_objects(layer, plane),
            Action::DeleteLayer { objects, .. }
            | Action::ReleaseCloudResources { objects, .. }
            | Action::Delete { objects, .. }
            | Action::MakeWay { objects, .. }
            | Action::RemoveLeftovers { objects, .. }
            | Action::CollectTemplates { objects, .. } => doomed(objects).collect(),
            Action::RefreshAccess { access, .. } => vec![access_secret(&access.management, &access.name)],
            Action::Pivot { pivot } => vec![access_secret(&pivot.access.management, &pivot.access.name)],
            Action::Wait { .. }
            | Action::OpenPlane { .. }
            | Action::WaitNodes { .. }
            | Action::WaitAgent { .. }
            | Action::PivotPreflight { .. }
            | Action::VerifyPivot { .. }
            | Action::StoreOutputs { .. }
            | Action::Record => Vec::new(),
        }
    }
}

fn planned(objects: &[PlannedObject]) -> impl Iterator<Item = ObjectKey> + '_ {
    objects.iter().map(|object| object.key.clone())
}

fn doomed(objects: &[DoomedObject]) -> impl Iterator<Item = ObjectKey> + '_ {
    objects.iter().map(|object| object.key.clone())
}

fn layer_objects(layer: &LayerContent, plane: &Address) -> Vec<ObjectKey> {
    let inventory = system_object(plane, "ConfigMap", marks::layer_inventory(&layer.name));
    planned(&layer.objects).chain(doomed(&layer.prune)).chain(std::iter::once(inventory)).collect()
}

pub(super) fn access_secret(plane: &Address, cluster: &str) -> ObjectKey {
    system_object(plane, "Secret", marks::access_secret(cluster))
}

fn system_object(plane: &Address, kind: &str, name: String) -> ObjectKey {
    ObjectKey {
        plane: plane.clone(),
        group: String::new(),
        kind: kind.to_owned(),
        namespace: Some(marks::SYSTEM_NAMESPACE.to_owned()),
        name,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::addr::Instance;
    use crate::facts::ClusterAccess;

    #[test]
    fn a_step_names_each_plane_once_and_pivots_name_both() {
        let management = Address::management("m");
        let shop = Address::cluster(Instance::new("shop"));
        let access = ClusterAccess { name: "shop".into(), namespace: "shop".into(), management: management.clone() };
        let nodes = |plane: &Address, machines: &Address| Action::WaitNodes {
            plane: plane.clone(),
            machines: machines.clone(),
            access: access.clone(),
            nodes: 1,
        };
        assert_eq!(nodes(&shop, &shop).planes(), [&shop]);
        assert_eq!(nodes(&shop, &management).planes(), [&shop, &management]);
        assert_eq!(Action::Record.planes(), Vec::<&Address>::new());
        let refresh = Action::RefreshAccess { access: access.clone(), source: shop.clone() };
        assert_eq!(refresh.planes(), [&management, &shop]);
        assert_eq!(
            refresh.writes().first().map(ToString::to_string).as_deref(),
            Some("Secret windlass-system/windlass-access-shop on management.m")
        );
    }
}
