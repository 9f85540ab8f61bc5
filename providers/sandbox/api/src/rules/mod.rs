//! What a write may contain and what the server adds to it, kind by kind.

mod admit;
mod defaults;
mod definition;
mod fields;
mod immutable;
mod initial;
mod metadata;
mod names;
mod pods;
mod quantities;
mod required;
mod roles;
mod services;
mod webhooks;

pub(crate) use admit::{Admission, Outcome, admit_new, admit_update, done};
pub(crate) use fields::Validation;
pub(crate) use names::{label_key, label_value};
pub(crate) use services::{ClusterIps, SERVICE_NETWORK, network_address};
