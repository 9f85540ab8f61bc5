//! What can go wrong with machines of the cloud, on demand. Pure.
//!
//! Other faults need nothing of the cloud: an API server or a manager (and with it its webhooks) is stopped and started again as
//! the [`Service`](crate::Service) that it is, and a machine that is there is taken away by
//! [`ProcessCloud::vanish`](super::ProcessCloud::vanish).

use std::collections::BTreeMap;
use std::time::Duration;

/// What happens to a machine that is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// It stays pending until the fault is taken back.
    NeverComes,
    /// It stays pending for this long.
    Slow(Duration),
}

/// Faults by the beginning of machines' names.
#[derive(Debug, Default)]
pub(super) struct Faults {
    by_prefix: BTreeMap<String, Fault>,
}

impl Faults {
    pub fn set(&mut self, prefix: &str, fault: Fault) {
        self.by_prefix.insert(prefix.to_owned(), fault);
    }

    pub fn clear(&mut self, prefix: &str) {
        self.by_prefix.remove(prefix);
    }

    /// The fault of a machine: of several, the one with the longest prefix.
    pub fn of(&self, machine: &str) -> Option<Fault> {
        let fitting = self.by_prefix.iter().filter(|(prefix, _)| machine.starts_with(prefix.as_str()));
        fitting.max_by_key(|(prefix, _)| prefix.len()).map(|(_, fault)| *fault)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_longest_prefix_wins() {
        let mut faults = Faults::default();
        faults.set("shop-", Fault::NeverComes);
        faults.set("shop-general-", Fault::Slow(Duration::from_secs(1)));
        assert_eq!(faults.of("shop-control-plane-x"), Some(Fault::NeverComes));
        assert_eq!(faults.of("shop-general-y"), Some(Fault::Slow(Duration::from_secs(1))));
        assert_eq!(faults.of("other"), None);
        faults.clear("shop-");
        assert_eq!(faults.of("shop-control-plane-x"), None);
    }
}
