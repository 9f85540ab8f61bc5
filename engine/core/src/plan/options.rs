//! What the user says about a plan beside the configuration.

use super::Mode;
use crate::addr::Address;
use crate::encode::DigestKey;

/// Arguments of [`plan`](super::make::plan).
#[derive(Debug, Clone, Copy)]
pub struct PlanOptions<'a> {
    /// Apply or destroy.
    pub mode: Mode,
    /// Version of the tool, for the plan's head.
    pub tool_version: &'a str,
    /// The state's key.
    pub key: &'a DigestKey,
    /// `-replace=ADDR`.
    pub replace: &'a [Address],
    /// `-release-foreign`: load balancers and volumes of a destroyed cluster go even if they are not from our layers.
    pub release_foreign: bool,
    /// `-abandon=ADDR`: these clusters, which do not answer, are forgotten, and nothing else is done.
    pub abandon: &'a [Address],
}
