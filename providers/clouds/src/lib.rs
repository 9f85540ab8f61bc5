//! The clouds: one folder each, one line in [`PROVIDERS`] each.
//!
//! Pure: knows windlass-core only; no I/O, no clock, no randomness. The same input gives the same objects.

mod aws;
mod body;
mod dev;
mod object;

use windlass_core::provider::Provider;

/// Every cloud that this release knows, sorted by name.
pub const PROVIDERS: &[&dyn Provider] = &[&aws::Aws, &dev::Dev];

/// The cloud of this name, as in `cloud "<name>" "…"`.
#[must_use]
pub fn provider(name: &str) -> Option<&'static dyn Provider> {
    PROVIDERS.iter().copied().find(|provider| provider.name() == name)
}
