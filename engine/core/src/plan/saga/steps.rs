//! The growing list of steps with what is shown of it.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::json;
use sha2::{Digest, Sha256};

use crate::addr::Address;
use crate::encode::canonical_text;
use crate::plan::{Action, Step};
use crate::recorded::Effect;

/// A plan while it is made.
#[derive(Default)]
pub(in crate::plan) struct Draft {
    pub(in crate::plan) steps: Vec<Step>,
    /// Step after which a resource is ready, for those that the plan works on.
    pub(in crate::plan) ready: BTreeMap<Address, u32>,
    /// Step after which a cluster's API answers, for those that the plan opens.
    pub(in crate::plan) opened: BTreeMap<Address, u32>,
    ids: BTreeSet<String>,
}

impl Draft {
    /// Adds a step; its needs must have been added before.
    pub(super) fn add(&mut self, address: &Address, action: Action, needs: impl IntoIterator<Item = u32>, timeout_seconds: u64) -> u32 {
        let index = u32::try_from(self.steps.len()).unwrap_or(u32::MAX);
        let unique: BTreeSet<u32> = needs.into_iter().filter(|need| *need < index).collect();
        let id = self.id(address, &action);
        self.steps.push(Step {
            id,
            address: address.clone(),
            action,
            needs: unique.into_iter().collect(),
            expects: Vec::new(),
            timeout_seconds,
            on_start: Vec::new(),
            on_done: Vec::new(),
        });
        index
    }

    /// The state changes like this when the step starts.
    pub(super) fn on_start(&mut self, step: u32, effect: Effect) {
        if let Some(step) = self.steps.get_mut(step as usize) {
            step.on_start.push(effect);
        }
    }

    /// The state changes like this when the step is done.
    pub(super) fn on_done(&mut self, step: u32, effect: Effect) {
        if let Some(step) = self.steps.get_mut(step as usize) {
            step.on_done.push(effect);
        }
    }

    /// A step that only changes the state.
    pub(in crate::plan) fn record(&mut self, address: &Address, effects: Vec<Effect>, needs: impl IntoIterator<Item = u32>) -> u32 {
        let mut action_needs: Vec<u32> = needs.into_iter().collect();
        action_needs.sort_unstable();
        let step = self.add(address, Action::Record, action_needs, 60);
        for effect in effects {
            self.on_done(step, effect);
        }
        step
    }

    /// A step that stores outputs.
    pub(in crate::plan) fn outputs(&mut self, address: &Address, action: Action, needs: impl IntoIterator<Item = u32>) -> u32 {
        self.add(address, action, needs, 600)
    }

    /// Hash of address, action and parameters in base32; a number is added where the very same step stands twice.
    fn id(&mut self, address: &Address, action: &Action) -> String {
        let text = canonical_text(&json!({"address": address, "action": action}));
        let hash = data_encoding::BASE32_NOPAD.encode(&Sha256::digest(text.as_bytes())).to_ascii_lowercase();
        let stem: String = hash.chars().take(24).collect();
        let mut id = stem.clone();
        let mut count = 1;
        while !self.ids.insert(id.clone()) {
            count += 1;
            id = format!("{stem}-{count}");
        }
        id
    }
}
