//! How many resources a plan adds, changes, destroys and forgets, in Terraform's words. Knows no text and no JSON.

use super::{ChangeAction, Plan};

/// Numbers of resources. A replaced one is added and destroyed; a pivot is none of these.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Tally {
    /// Made.
    pub add: usize,
    /// Changed in place, repaved or adopted.
    pub change: usize,
    /// Destroyed.
    pub destroy: usize,
    /// Forgotten.
    pub forget: usize,
}

impl Tally {
    /// Of all changes of a plan.
    pub fn of(plan: &Plan) -> Self {
        let mut tally = Self::default();
        for change in &plan.changes {
            match change.action {
                ChangeAction::Create => tally.add += 1,
                ChangeAction::Update | ChangeAction::Repave | ChangeAction::Adopt => tally.change += 1,
                ChangeAction::Delete => tally.destroy += 1,
                ChangeAction::Replace => {
                    tally.add += 1;
                    tally.destroy += 1;
                }
                ChangeAction::Forget => tally.forget += 1,
                ChangeAction::NoOp | ChangeAction::Pivot => {}
            }
        }
        tally
    }
}
