//! What the planes' answers mean before anything is planned: which clusters are left out, which answers forbid planning.

use std::collections::BTreeSet;

use super::Unplanned;
use super::access::no_kubeconfig;
use super::demands::{planes, without_api};
use super::published::unready_layers;
use crate::addr::Address;
use crate::desired::Desired;
use crate::diag::{Code, Diagnostic, Diagnostics};
use crate::facts::{Facts, PlaneFact};
use crate::marks::AGENT_STALE_SECONDS;
use crate::recorded::{Recorded, ResourceStatus};

/// Days before the end of an access certificate from which on it is said.
const CERTIFICATE_DAYS: i64 = 60;
/// Why nothing is planned for a cluster whatever it says itself.
const MANAGEMENT_SILENT: &str = "its management plane does not answer";

/// What can be planned.
#[derive(Debug, Default)]
pub(super) struct Reach {
    /// Left out, with the reason.
    pub(super) unplanned: Vec<Unplanned>,
    blocked: BTreeSet<Address>,
    management: bool,
}

impl Reach {
    /// Whether a cluster (or with its own address a cloud or management plane) can be planned.
    pub(super) fn is_planned(&self, root: &Address) -> bool {
        self.management && !self.blocked.contains(root)
    }
}

/// Errors if a plane that answers is not the one that the state was made with, or has seen a newer state.
pub fn other_planes(recorded: &Recorded, facts: &Facts) -> Diagnostics {
    let mut diagnostics = Diagnostics::new();
    for (address, fact) in &facts.planes {
        let PlaneFact::Reachable(identity) = fact else { continue };
        if let Some(known) = recorded.planes.get(address).filter(|known| known.uid != identity.uid) {
            diagnostics.push(other_plane(address, &identity.uid, &known.uid));
        }
        if let Some(seen) = identity.last_serial.filter(|seen| *seen > recorded.serial) {
            diagnostics.push(old_state(address, seen, recorded.serial));
        }
    }
    diagnostics
}

/// A plane that answers is another one than the state or the plan was made with; by uids of namespace kube-system.
pub fn other_plane(address: &Address, now: &str, known: &str) -> Diagnostic {
    Diagnostic::error(Code::OTHER_PLANE, format!("{address} is not the plane that this state was made with"))
        .detail(format!("Its identity (uid of namespace kube-system) is {now}, the state says {known}."))
        .hint("check the kubeconfig; a state belongs to its planes")
}

/// A plane was written with a later serial of the state than the one at hand.
pub fn old_state(address: &Address, seen: u64, serial: u64) -> Diagnostic {
    Diagnostic::error(Code::OLD_STATE, format!("this state is older than the one that {address} has seen"))
        .detail(format!("The plane has seen serial {seen}, this state has serial {serial}."))
        .hint("use the newest copy of the state file")
}

/// Which clusters can be planned. Planes that are not the recorded ones, states that are older than a plane has seen, and refused
/// questions are errors; planes that do not answer are not.
pub(super) fn reach(desired: &Desired, recorded: &Recorded, facts: &Facts, diagnostics: &mut Diagnostics) -> Reach {
    diagnostics.extend(other_planes(recorded, facts));
    for (question, reason) in &facts.failed {
        diagnostics.push(
            Diagnostic::error(Code::UNANSWERED, format!("{question} could not be read"))
                .detail(format!("The plane answered: {reason}."))
                .hint("the kubeconfig's user needs get and list on it; nothing is planned on half the facts"),
        );
    }
    refuse_other_management(desired, recorded, diagnostics);
    let mut reach = Reach { management: true, ..Reach::default() };
    let all = planes(desired, recorded);
    for address in all.iter().filter(|(_, access)| access.is_none()).map(|(address, _)| address) {
        if let Some(reason) = silent(recorded, facts, address) {
            reach.management = false;
            reach.unplanned.push(Unplanned { address: address.clone(), reason });
        }
    }
    for address in all.iter().filter(|(_, access)| access.is_some()).map(|(address, _)| address) {
        let known = recorded.planes.contains_key(address);
        let going = recorded.resources.get(address).is_some_and(|resource| resource.status == ResourceStatus::Deleting);
        match silent(recorded, facts, address) {
            Some(reason) if known && !going => {
                reach.blocked.insert(address.clone());
                reach.unplanned.push(Unplanned { address: address.clone(), reason });
            }
            _ if !reach.management => {
                reach.unplanned.push(Unplanned { address: address.clone(), reason: MANAGEMENT_SILENT.to_owned() });
            }
            _ => {}
        }
    }
    for address in without_api(desired, recorded).into_iter().filter(|_| !reach.management) {
        reach.unplanned.push(Unplanned { address, reason: MANAGEMENT_SILENT.to_owned() });
    }
    reach
}

/// A state belongs to one management plane; another one in the configuration would make everything anew beside what there is.
fn refuse_other_management(desired: &Desired, recorded: &Recorded, diagnostics: &mut Diagnostics) {
    let Some(wanted) = &desired.management else { return };
    let known: BTreeSet<Address> =
        recorded.planes.keys().chain(recorded.resources.keys()).filter(|address| address.is_management()).map(Address::root).collect();
    for other in known.into_iter().filter(|known| known != &wanted.address) {
        let mut diagnostic =
            Diagnostic::error(Code::OTHER_PLANE, format!("this state belongs to {other}, the configuration asks for {}", wanted.address))
                .hint("destroy with the old configuration first, or use another state file");
        diagnostic.primary = wanted.span;
        diagnostics.push(diagnostic);
    }
}

/// Why a plane says nothing; `None`: it answers.
fn silent(recorded: &Recorded, facts: &Facts, plane: &Address) -> Option<String> {
    match facts.planes.get(plane) {
        Some(PlaneFact::Reachable(_)) => None,
        Some(PlaneFact::Unreachable { reason }) => Some(reason.clone()),
        Some(PlaneFact::Absent) => Some(no_kubeconfig(recorded, plane)),
        None => Some("it was not asked".to_owned()),
    }
}

/// What a reviewer should know of planes that answer.
pub(super) fn warnings(recorded: &Recorded, facts: &Facts) -> Vec<String> {
    let mut warnings = Vec::new();
    for (address, fact) in &facts.planes {
        let PlaneFact::Reachable(identity) = fact else { continue };
        let agent = address.with(crate::addr::Part::Agent);
        if recorded.resources.get(&agent).is_some_and(|resource| resource.status == ResourceStatus::Ready) {
            match identity.agent_heartbeat_age {
                Some(age) if age > AGENT_STALE_SECONDS => {
                    warnings.push(format!("{agent}: its last heartbeat is {age} s old; layers stay as they are until it runs again"))
                }
                None => warnings.push(format!("{agent}: there is no heartbeat of it; layers stay as they are until it runs again")),
                Some(_) => {}
            }
        }
        if let Some(days) = identity.certificate_days.filter(|days| *days < CERTIFICATE_DAYS) {
            warnings.push(format!("{address}: the certificate in its access Secret ends in {days} days"));
        }
    }
    warnings.extend(unready_layers(recorded, facts));
    warnings
}
