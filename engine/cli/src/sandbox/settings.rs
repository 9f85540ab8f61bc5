//! What the environment asks of the sandbox process: its speed and the faults that it makes on purpose. Starts nothing.

use windlass_core::diag::Code;
use windlass_sandbox_api as api;
use windlass_sandbox_controllers as controllers;

use crate::failure::Failure;

/// Factor by which simulated delays are shortened; 0: none at all.
const SPEED: &str = "WL_SANDBOX_SPEED";
/// Faults that are made on purpose: a seed, or `name=percent` parts.
const FAULTS: &str = "WL_SANDBOX_FAULTS";
/// Names of faults of the API server begin so; the others are the simulated cloud's.
const API: &str = "api-";

/// How the sandbox runs.
#[derive(Debug, Clone, PartialEq)]
pub struct Settings {
    /// Delays are divided by it; 0 = no delay at all.
    pub speed: f64,
    /// What goes wrong in the simulated cloud.
    pub faults: controllers::Faults,
    /// What goes wrong with requests.
    pub api_faults: Option<api::Faults>,
}

impl Settings {
    /// Reads the environment. A value that nothing can be made of is an error, before a process is started with it.
    pub fn from_environment() -> Result<Self, Failure> {
        Self::read(|name| std::env::var(name).ok()).map_err(|wrong| Failure::new(Code::USAGE, wrong.words).hint(wrong.hint))
    }

    fn read(variable: impl Fn(&str) -> Option<String>) -> Result<Self, Wrong> {
        let speed = match variable(SPEED) {
            None => 1.0,
            Some(text) => match text.trim().parse::<f64>() {
                Ok(number) if number.is_finite() && number >= 0.0 => number,
                _ => {
                    let hint = "10 is ten times as fast, 0 does not wait at all".to_owned();
                    return Err(Wrong { words: format!("{SPEED} must be a number from 0, not {text:?}"), hint });
                }
            },
        };
        let (faults, api_faults) = faults(&variable(FAULTS).unwrap_or_default())
            .map_err(|why| Wrong { words: format!("{FAULTS}: {why}"), hint: format!("a seed, or percentages: seed=7,{}", example()) })?;
        Ok(Self { speed, faults, api_faults })
    }
}

struct Wrong {
    words: String,
    hint: String,
}

/// All names that there are, each with a number.
fn example() -> String {
    let names: Vec<String> = controllers::FAULT_NAMES.iter().chain(&api::FAULT_NAMES).map(|name| format!("{name}=5")).collect();
    names.join(",")
}

/// Each part goes to who makes it; the seed goes to both.
fn faults(text: &str) -> Result<(controllers::Faults, Option<api::Faults>), String> {
    let text = text.trim();
    if let Ok(seed) = text.parse::<u64>() {
        return Ok((controllers::Faults::seeded(seed), None));
    }
    let parts: Vec<&str> = text.split(',').map(str::trim).filter(|part| !part.is_empty()).collect();
    let (of_api, of_cloud): (Vec<&str>, Vec<&str>) = parts.iter().partition(|part| part.starts_with(API));
    let seed = parts.iter().filter(|part| part.starts_with("seed=")).copied();
    let api_faults = match of_api.is_empty() {
        true => None,
        false => Some(of_api.iter().copied().chain(seed).collect::<Vec<_>>().join(",").parse::<api::Faults>()?),
    };
    let only_seed = of_cloud.iter().all(|part| part.starts_with("seed="));
    let mut cloud = of_cloud.join(",").parse::<controllers::Faults>()?;
    if only_seed && api_faults.is_some() {
        // A seed beside faults of the API is theirs, and asks for none of the cloud's.
        cloud = controllers::Faults { seed: cloud.seed, ..controllers::Faults::NONE };
    }
    Ok((cloud, api_faults))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(speed: Option<&str>, faults: Option<&str>) -> Result<Settings, String> {
        let variable = |name: &str| if name == SPEED { speed } else { faults }.map(str::to_owned);
        Settings::read(variable).map_err(|wrong| format!("{} ({})", wrong.words, wrong.hint))
    }

    #[test]
    fn nothing_said_is_speed_one_without_faults() {
        assert_eq!(read(None, None), Ok(Settings { speed: 1.0, faults: controllers::Faults::NONE, api_faults: None }));
        assert_eq!(read(Some("0"), Some(" ")).map(|settings| (settings.speed, settings.faults)), Ok((0.0, controllers::Faults::NONE)));
    }

    #[test]
    fn faults_go_to_who_makes_them() {
        assert_eq!(read(None, Some("7")).map(|settings| settings.faults), Ok(controllers::Faults::seeded(7)));
        assert_eq!(read(None, Some("seed=7")), read(None, Some("7")));
        let both = read(None, Some("seed=7,never-boot=50,api-error=5")).expect("settings");
        assert_eq!(both.faults, controllers::Faults { seed: 7, never_boot: 50, ..controllers::Faults::NONE });
        assert_eq!(both.api_faults.map(|faults| (faults.seed, faults.internal_error)), Some((7, 0.05)));
        let requests = read(None, Some("seed=7,api-lost=1")).expect("settings");
        assert_eq!(requests.faults, controllers::Faults { seed: 7, ..controllers::Faults::NONE });
    }

    #[test]
    fn what_cannot_be_read_is_named_with_what_there_is() {
        for (faults, words) in [
            ("never-boots=5", "there is no fault \"never-boots\""),
            ("api-oops=5", "there is no fault \"api-oops\""),
            ("never-boot=200", "never-boot: \"200\" is no percentage from 0 to 100"),
            ("api-error=x", "api-error: \"x\" is no percentage from 0 to 100"),
            ("-3", "\"-3\" is not of the form name=number"),
            ("seed=x", "seed: \"x\" is no whole number"),
        ] {
            let error = read(None, Some(faults)).expect_err(faults);
            assert!(error.starts_with(&format!("WL_SANDBOX_FAULTS: {words}")) && error.contains("late-boot=5"), "{error}");
        }
        assert!(read(Some("fast"), None).expect_err("no number").contains("WL_SANDBOX_SPEED must be a number from 0, not \"fast\""));
        assert!(read(Some("-1"), None).is_err());
    }

    #[test]
    fn the_page_of_the_sandbox_names_each_setting() {
        let page = include_str!("../../../../docs/reference/sandbox.md");
        for name in [SPEED, FAULTS, "seed"].iter().chain(&controllers::FAULT_NAMES).chain(&api::FAULT_NAMES) {
            assert!(page.contains(&format!("| `{name}` |")), "{name} is missing");
        }
    }
}
