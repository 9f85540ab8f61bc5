//! `Pivot`: the CAPI objects of a cluster move; see [`crate::pivot`].

use windlass_core::plan::PivotSpec;
use windlass_run::ports::{Outcome, StepError};

use crate::work::Work;

pub async fn run(work: &Work<'_>, pivot: &PivotSpec) -> Result<Outcome, StepError> {
    crate::pivot::run::run(work, pivot).await
}
