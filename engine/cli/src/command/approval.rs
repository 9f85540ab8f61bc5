//! Who must say what before a plan is carried out. Knows no terminal: the question goes out, and the answer comes back, as text.

use windlass_core::addr::Address;
use windlass_core::diag::Code;
use windlass_core::plan::kept_facts::{KeptCluster, kept};
use windlass_core::plan::{ChangeAction, Mode, Plan};
use windlass_core::recorded::Recorded;

use crate::failure::Failure;

const QUESTION: &str = "\nDo you want to perform these actions?\n  Windlass will perform the actions described above.\n  Only 'yes' will be accepted to approve.\n\n  Enter a value: ";

/// What was said on the command line.
#[derive(Debug, Clone, Copy)]
pub struct Given<'a> {
    /// `-auto-approve`.
    pub auto_approve: bool,
    /// `-allow-destroy=ADDR`.
    pub allowed: &'a [Address],
}

/// A cluster that the plan takes away.
struct Doomed {
    address: Address,
    name: String,
    what: &'static str,
}

/// Puts a question and gives the answer; `None`: nobody can answer.
pub type Ask<'a> = &'a mut dyn FnMut(&str) -> Result<Option<String>, Failure>;

/// Refuses unless everything that needs a word has it.
pub fn approve(plan: &Plan, recorded: &Recorded, given: Given<'_>, ask: Ask<'_>) -> Result<(), Failure> {
    let doomed = doomed(plan, recorded);
    if given.auto_approve {
        let missing = doomed.iter().map(|doomed| &doomed.address).find(|address| !given.allowed.contains(address));
        return match missing {
            Some(first) if plan.mode == Mode::Apply => {
                Err(Failure::new(Code::NOT_APPROVED, format!("the plan destroys {first}, which -auto-approve does not cover"))
                    .hint(format!("-allow-destroy='{first}' allows it; or save the plan, have it reviewed, and apply the file")))
            }
            _ => Ok(()),
        };
    }
    let nobody = || {
        Failure::new(Code::NOT_APPROVED, "the plan needs approval, and nobody can answer")
            .hint("-auto-approve approves it; or save the plan with -out and apply the file")
    };
    for Doomed { address, name, what } in &doomed {
        let question = format!("\nThis {what} {address}. Type the cluster's name, {name}, or its address to confirm: ");
        let answer = ask(&question)?.ok_or_else(nobody)?;
        if answer != *name && answer != address.to_string() {
            return Err(Failure::new(Code::NOT_APPROVED, format!("{address} was not confirmed; nothing has been changed"))
                .hint(format!("the answer is the cluster's Kubernetes name, `{name}`, or its address, `{address}`")));
        }
    }
    if doomed.is_empty() && ask(QUESTION)?.ok_or_else(nobody)? != "yes" {
        return Err(Failure::new(Code::NOT_APPROVED, "apply cancelled; nothing has been changed"));
    }
    Ok(())
}

fn doomed(plan: &Plan, recorded: &Recorded) -> Vec<Doomed> {
    let clusters = plan.changes.iter().filter(|change| change.address.is_cluster() && change.address.part.is_none());
    let doom = |action| match action {
        ChangeAction::Delete => Some("destroys"),
        ChangeAction::Replace => Some("destroys and creates anew"),
        ChangeAction::Forget => Some("forgets, with all that runs in it,"),
        _ => None,
    };
    let doomed = clusters.filter_map(|change| {
        let kept = recorded.resources.get(&change.address).and_then(kept::<KeptCluster>);
        let name = kept.map_or_else(|| change.address.to_string(), |kept| kept.kind.name);
        Some(Doomed { address: change.address.clone(), name, what: doom(change.action)? })
    });
    doomed.collect()
}

#[cfg(test)]
#[path = "approval_tests.rs"]
mod tests;
