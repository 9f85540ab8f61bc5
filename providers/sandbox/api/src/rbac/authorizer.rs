//! Answers whether somebody may do something, from an index that follows the plane's roles and bindings: nothing is read again
//! that did not change.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{PoisonError, RwLock};

use super::policy::Policy;
use super::{Attributes, Rule};
use crate::access::Identity;
use crate::world::{EventKind, GroupResource, Since, World};

/// API group of roles and bindings.
pub(crate) const GROUP: &str = "rbac.authorization.k8s.io";
/// Its members may do everything, whatever the roles say.
const MASTERS: &str = "system:masters";

/// Whether no rule is asked for what somebody does.
pub(crate) fn is_superuser(who: &Identity) -> bool {
    who.groups.iter().any(|group| group == MASTERS)
}

/// The decision about a wish.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Verdict {
    pub allowed: bool,
    /// The rule's source, or what is wrong with bindings; mostly empty.
    pub reason: String,
}

/// The authorizer of one plane.
#[derive(Debug, Default)]
pub(crate) struct Authorizer {
    /// Counts the writes of roles and bindings.
    written: AtomicU64,
    index: RwLock<Index>,
}

#[derive(Debug, Default)]
struct Index {
    policy: Policy,
    /// Writes and resourceVersion that the policy knows; `None`: nothing was read yet.
    known: Option<(u64, u64)>,
}

impl Authorizer {
    /// Tells that a role or binding was written.
    pub fn note_write(&self) {
        self.written.fetch_add(1, Ordering::SeqCst);
    }

    /// Whether `who` may do what it wishes.
    pub fn decide(&self, world: &World, who: &Identity, wish: &Attributes) -> Verdict {
        if is_superuser(who) {
            return Verdict { allowed: true, reason: String::new() };
        }
        let mut reason = String::new();
        let found = self.with(world, |policy| {
            policy.find(who, wish.namespace(), |granted| {
                let allowed = granted.rule.allows(wish);
                if allowed {
                    reason = format!("RBAC: allowed by {}", granted.source());
                }
                allowed
            })
        });
        match found {
            Ok(()) => Verdict { allowed: true, reason },
            Err(missing) => {
                let reason = match missing.as_slice() {
                    [] => String::new(),
                    [one] => format!("RBAC: {one}"),
                    many => format!("RBAC: [{}]", many.join(", ")),
                };
                Verdict { allowed: false, reason }
            }
        }
    }

    /// Every rule that `who` has in a namespace, and what is wrong with bindings.
    pub fn rules(&self, world: &World, who: &Identity, namespace: &str) -> (Vec<Rule>, Vec<String>) {
        let mut rules = Vec::new();
        let found = self.with(world, |policy| {
            policy.find(who, namespace, |granted| {
                rules.push(granted.rule.clone());
                false
            })
        });
        (rules, found.err().unwrap_or_default())
    }

    fn with<T>(&self, world: &World, ask: impl FnOnce(&Policy) -> T) -> T {
        let written = self.written.load(Ordering::SeqCst);
        {
            let index = self.index.read().unwrap_or_else(PoisonError::into_inner);
            if index.known.is_some_and(|(known, _)| known >= written) {
                return ask(&index.policy);
            }
        }
        let mut index = self.index.write().unwrap_or_else(PoisonError::into_inner);
        if index.known.is_none_or(|(known, _)| known < written) {
            index.follow(world, written);
        }
        ask(&index.policy)
    }
}

impl Index {
    /// Takes in what was written since the last look, or everything if the history is too short.
    fn follow(&mut self, world: &World, written: u64) {
        let present = world.version();
        let followed = self.known.is_some_and(|(_, version)| KINDS.iter().all(|kind| self.take_events(world, version, kind)));
        if !followed {
            self.policy = Policy::default();
            for (plural, role) in KINDS {
                for stored in world.list(&GroupResource::new(GROUP, plural), "", None).0 {
                    if *role { self.policy.put_role(&stored) } else { self.policy.put_binding(&stored) }
                }
            }
        }
        self.known = Some((written, present));
    }

    /// False if the history does not reach so far back. What comes after the version that is noted is taken in twice, which does no harm: each
    /// event holds the whole object, and they come in order.
    fn take_events(&mut self, world: &World, version: u64, (plural, role): &(&str, bool)) -> bool {
        let (Since::Events(events), _) = world.since(version, &GroupResource::new(GROUP, plural)) else { return false };
        for event in events {
            match (event.kind, role) {
                (EventKind::Deleted, true) => self.policy.remove_role(&event.object.key),
                (EventKind::Deleted, false) => self.policy.remove_binding(&event.object.key),
                (_, true) => self.policy.put_role(&event.object),
                (_, false) => self.policy.put_binding(&event.object),
            }
        }
        true
    }
}

/// Plural names, and whether they are roles.
const KINDS: &[(&str, bool)] = &[("clusterroles", true), ("roles", true), ("clusterrolebindings", false), ("rolebindings", false)];
