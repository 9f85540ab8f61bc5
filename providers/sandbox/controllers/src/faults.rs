//! Which instances are refused, never boot or boot late and which managers restart: a pure function of a seed. Knows no object.

use std::str::FromStr;

use sha2::{Digest, Sha256};

/// Fault probabilities in percent, drawn from `seed` by name, so that the same seed gives the same faults.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Faults {
    /// Seed of every draw.
    pub seed: u64,
    /// Instances that the cloud refuses to start, now and later.
    pub no_capacity: u8,
    /// Instances whose machine never registers a node.
    pub never_boot: u8,
    /// Instances that take ten times as long.
    pub late_boot: u8,
    /// Reconciles of a provider's manager after which it restarts and looks at everything again.
    pub manager_restart: u8,
}

impl Faults {
    /// No fault at all.
    pub const NONE: Self = Self { seed: 0, no_capacity: 0, never_boot: 0, late_boot: 0, manager_restart: 0 };

    /// Late boots and restarting managers, which a run must survive; machines that never boot are asked for by name.
    pub fn seeded(seed: u64) -> Self {
        Self { seed, late_boot: 20, manager_restart: 3, ..Self::NONE }
    }

    /// Whether the cloud refuses to start this instance.
    pub fn lacks_capacity(&self, instance: &str) -> bool {
        self.draw("no-capacity", instance) < self.no_capacity
    }

    /// Whether this instance never registers a node.
    pub fn never_boots(&self, instance: &str) -> bool {
        self.draw("never-boot", instance) < self.never_boot
    }

    /// Whether this instance boots ten times slower.
    pub fn boots_late(&self, instance: &str) -> bool {
        self.draw("late-boot", instance) < self.late_boot
    }

    /// Whether this manager restarts after its `nth` reconcile.
    pub fn restarts(&self, manager: &str, nth: u64) -> bool {
        self.manager_restart > 0 && self.draw("restart", &format!("{manager}/{nth}")) < self.manager_restart
    }

    /// A number below 100.
    fn draw(&self, what: &str, name: &str) -> u8 {
        let digest = Sha256::digest(format!("{}/{what}/{name}", self.seed));
        let mut number = [0u8; 8];
        number.copy_from_slice(&digest[..8]);
        (u64::from_le_bytes(number) % 100) as u8
    }
}

/// Names of the faults, as [`Faults::from_str`] reads them, besides `seed`.
pub const FAULT_NAMES: [&str; 4] = ["no-capacity", "never-boot", "late-boot", "manager-restart"];

/// `seed=7` ([`Faults::seeded`]), `seed=7,never-boot=5,late-boot=20`: percentages by name; the empty text is no fault.
impl FromStr for Faults {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let mut faults = Self::NONE;
        let mut only_seed = true;
        for part in text.split(',').map(str::trim).filter(|part| !part.is_empty()) {
            let (key, value) = part.split_once('=').ok_or_else(|| format!("{part:?} is not of the form name=number"))?;
            let percent = || match value.parse::<u8>() {
                Ok(number) if number <= 100 => Ok(number),
                _ => Err(format!("{key}: {value:?} is no percentage from 0 to 100")),
            };
            only_seed &= key == "seed";
            match key {
                "seed" => faults.seed = value.parse().map_err(|_| format!("seed: {value:?} is no whole number"))?,
                "no-capacity" => faults.no_capacity = percent()?,
                "never-boot" => faults.never_boot = percent()?,
                "late-boot" => faults.late_boot = percent()?,
                "manager-restart" => faults.manager_restart = percent()?,
                _ => return Err(format!("there is no fault {key:?}")),
            }
        }
        Ok(if only_seed && !text.trim().is_empty() { Self::seeded(faults.seed) } else { faults })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_seed_gives_the_same_faults() {
        let late = |seed| {
            let faults = Faults { seed, late_boot: 50, ..Faults::NONE };
            (0..64).map(|n| faults.boots_late(&format!("i-{n}"))).collect::<Vec<_>>()
        };
        assert_eq!(late(7), late(7));
        assert_ne!(late(7), late(8));
        assert!(late(7).contains(&true) && late(7).contains(&false));
        assert!(!Faults::NONE.never_boots("i-1") && !Faults::NONE.restarts("capa", 3));
    }

    #[test]
    fn texts() {
        assert_eq!("".parse(), Ok(Faults::NONE));
        assert_eq!("seed=7".parse(), Ok(Faults::seeded(7)));
        assert_eq!("seed=7,never-boot=100".parse(), Ok(Faults { seed: 7, never_boot: 100, ..Faults::NONE }));
        assert!("never-boot=101".parse::<Faults>().is_err());
        assert!("oops".parse::<Faults>().is_err());
        assert!("oops=1".parse::<Faults>().is_err());
        for name in FAULT_NAMES {
            assert_ne!(format!("{name}=50").parse(), Ok(Faults::NONE), "{name}");
        }
    }
}
