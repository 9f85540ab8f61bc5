//! One file for each variant of `Action`; the only place that knows them all is the match in [`run`].

mod apply_layer;
mod apply_objects;
mod collect_templates;
mod delete_layer;
mod delete_objects;
pub mod ensure_provider;
mod make_way;
mod open_plane;
mod pivot;
mod pivot_preflight;
mod publish_layer;
pub mod refresh_access;
mod release_cloud_resources;
mod remove_leftovers;
mod store_outputs;
mod verify_pivot;
pub mod wait_agent;
mod wait_for;
pub mod wait_nodes;

use windlass_core::plan::Action;
use windlass_run::ports::{Outcome, StepError};

use crate::work::Work;

/// Carries out a step: looks, acts, looks.
pub async fn run(work: &Work<'_>) -> Result<Outcome, StepError> {
    match &work.step.action {
        Action::EnsureProvider { plane, provider, objects, takeovers } => {
            Box::pin(ensure_provider::run(work, plane, provider, objects, takeovers)).await
        }
        Action::Apply { plane, objects, takeovers, prune } => Box::pin(apply_objects::run(work, plane, objects, takeovers, prune)).await,
        Action::Wait { plane, conditions } => Box::pin(wait_for::run(work, plane, conditions)).await,
        Action::OpenPlane { plane, access } => Box::pin(open_plane::run(work, plane, access)).await,
        Action::WaitNodes { plane, machines, access, nodes } => Box::pin(wait_nodes::run(work, plane, machines, access, *nodes)).await,
        Action::ApplyLayer { plane, layer } => Box::pin(apply_layer::run(work, plane, layer)).await,
        Action::PublishLayer { plane, layer, repair } => Box::pin(publish_layer::run(work, plane, layer, repair.as_deref())).await,
        Action::DeleteLayer { plane, layer, objects, later } => Box::pin(delete_layer::run(work, plane, layer, objects, later)).await,
        Action::WaitAgent { plane } => Box::pin(wait_agent::run(work, plane)).await,
        Action::PivotPreflight { pivot } => Box::pin(pivot_preflight::run(work, pivot)).await,
        Action::Pivot { pivot } => Box::pin(pivot::run(work, pivot)).await,
        Action::VerifyPivot { pivot } => Box::pin(verify_pivot::run(work, pivot)).await,
        Action::RefreshAccess { access, source } => Box::pin(refresh_access::run(work, access, source)).await,
        Action::ReleaseCloudResources { plane, objects } => Box::pin(release_cloud_resources::run(work, plane, objects)).await,
        Action::Delete { plane, objects } => Box::pin(delete_objects::run(work, plane, objects)).await,
        Action::MakeWay { plane, objects } => Box::pin(make_way::run(work, plane, objects)).await,
        Action::CollectTemplates { plane, objects } => Box::pin(collect_templates::run(work, plane, objects)).await,
        Action::RemoveLeftovers { plane, objects } => Box::pin(remove_leftovers::run(work, plane, objects)).await,
        Action::StoreOutputs { outputs, removed } => Box::pin(store_outputs::run(work, outputs, removed)).await,
        Action::Record => Ok(Outcome::default()),
    }
}
