//! `windlass { required_version = ">= 0.1, < 0.3" }`: constraints as Terraform's, on versions as semver.org 2.0 orders them.
//!
//! Operators: `=` (or none), `!=`, `>`, `>=`, `<`, `<=`, `~>`; all that stand between commas must hold. A pre-release fits only a
//! constraint that names exactly it, as in Terraform.

use std::cmp::Ordering;

/// A version; parts that were not written are 0.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Version {
    numbers: [u64; 3],
    /// How many numbers were written.
    written: usize,
    pre_release: Option<String>,
}

/// Whether `version` fulfils the constraints.
///
/// # Errors
/// The part that is no constraint.
pub fn fulfils(constraints: &str, version: &str) -> Result<bool, String> {
    let version = parse(version).ok_or_else(|| version.to_owned())?;
    let mut all = true;
    for constraint in constraints.split(',') {
        let (operator, wanted) = split(constraint).ok_or_else(|| constraint.trim().to_owned())?;
        all &= holds(&version, operator, &wanted);
    }
    Ok(all)
}

fn split(constraint: &str) -> Option<(&'static str, Version)> {
    const OPERATORS: [&str; 7] = ["!=", ">=", "<=", "~>", "=", ">", "<"];
    let text = constraint.trim();
    let operator = OPERATORS.into_iter().find(|operator| text.starts_with(operator));
    let rest = operator.map_or(text, |operator| text.strip_prefix(operator).unwrap_or(text));
    Some((operator.unwrap_or("="), parse(rest.trim())?))
}

fn parse(text: &str) -> Option<Version> {
    let text = text.strip_prefix('v').unwrap_or(text);
    // Build metadata has no meaning for the order.
    let text = text.split_once('+').map_or(text, |(version, _)| version);
    let (numbers, pre_release) = match text.split_once('-') {
        Some((numbers, pre_release)) => (numbers, Some(pre_release.to_owned())),
        None => (text, None),
    };
    let allowed = |c: char| c.is_ascii_alphanumeric() || c == '-';
    if pre_release.as_ref().is_some_and(|pre| pre.split('.').any(|part| part.is_empty() || !part.chars().all(allowed))) {
        return None;
    }
    let mut version = Version { numbers: [0; 3], written: 0, pre_release };
    for number in numbers.split('.') {
        if number.is_empty() || !number.bytes().all(|byte| byte.is_ascii_digit()) {
            return None;
        }
        *version.numbers.get_mut(version.written)? = number.parse().ok()?;
        version.written += 1;
    }
    Some(version)
}

fn holds(version: &Version, operator: &str, wanted: &Version) -> bool {
    let order = compare(version, wanted);
    // What was released for trying out is asked for by its whole name, or not at all.
    if version.pre_release.is_some() && !(wanted.pre_release.is_some() && version.numbers == wanted.numbers) {
        return operator == "!=";
    }
    match operator {
        "!=" => order != Ordering::Equal,
        ">" => order == Ordering::Greater,
        ">=" => order != Ordering::Less,
        "<" => order == Ordering::Less,
        "<=" => order != Ordering::Greater,
        // All but the last written number stay as they are; with one number only the first may grow.
        "~>" => {
            let fixed = wanted.written.saturating_sub(1);
            order != Ordering::Less && version.numbers.iter().zip(&wanted.numbers).take(fixed).all(|(have, want)| have == want)
        }
        _ => order == Ordering::Equal,
    }
}

fn compare(a: &Version, b: &Version) -> Ordering {
    a.numbers.cmp(&b.numbers).then_with(|| match (&a.pre_release, &b.pre_release) {
        (None, None) => Ordering::Equal,
        (None, Some(_)) => Ordering::Greater,
        (Some(_), None) => Ordering::Less,
        (Some(a), Some(b)) => compare_pre_releases(a, b),
    })
}

/// semver.org 2.0, item 11: numbers by value and before words, words by their bytes, fewer parts before more.
fn compare_pre_releases(a: &str, b: &str) -> Ordering {
    let number = |part: &str| part.parse::<u64>().ok();
    let mut pairs = a.split('.').zip(b.split('.')).map(|(a, b)| match (number(a), number(b)) {
        (Some(a), Some(b)) => a.cmp(&b),
        (Some(_), None) => Ordering::Less,
        (None, Some(_)) => Ordering::Greater,
        (None, None) => a.cmp(b),
    });
    let different = pairs.find(|order| *order != Ordering::Equal);
    different.unwrap_or_else(|| a.split('.').count().cmp(&b.split('.').count()))
}

#[cfg(test)]
mod tests {
    use super::fulfils;

    #[test]
    fn constraints_are_terraforms() {
        for (constraints, version, expected) in [
            ("0.1.0", "0.1.0", Ok(true)),
            ("= 0.1", "0.1.0", Ok(true)),
            ("v0.1.0", "0.1.0", Ok(true)),
            ("0.1.1", "0.1.0", Ok(false)),
            (">= 0.1", "0.1.0", Ok(true)),
            (">=0.2", "0.1.9", Ok(false)),
            ("> 0.1.0", "0.1.0", Ok(false)),
            ("< 0.2", "0.1.99", Ok(true)),
            ("<= 0.1.0", "0.1.0", Ok(true)),
            ("!= 0.1.0", "0.1.0", Ok(false)),
            ("!= 0.1.1", "0.1.0", Ok(true)),
            ("~> 0.1", "0.9.3", Ok(true)),
            ("~> 0.1", "1.0.0", Ok(false)),
            ("~> 0.1.2", "0.1.9", Ok(true)),
            ("~> 0.1.2", "0.1.1", Ok(false)),
            ("~> 0.1.2", "0.2.0", Ok(false)),
            ("~> 1", "7.0.0", Ok(true)),
            (">= 0.1, < 0.3, != 0.2.1", "0.2.0", Ok(true)),
            (">= 0.1, < 0.3, != 0.2.1", "0.2.1", Ok(false)),
            (">= 0.1, < 0.3", "0.3.0", Ok(false)),
            (">= 0.10", "0.9.0", Ok(false)),
            (">= 0.1", "0.2.0-rc.1", Ok(false)),
            (">= 0.2.0-alpha", "0.2.0-rc.1", Ok(true)),
            (">= 0.2.0-rc.10", "0.2.0-rc.9", Ok(false)),
            ("0.2.0-rc.1", "0.2.0-rc.1", Ok(true)),
            ("0.2.0-rc.1", "0.2.0", Ok(false)),
            ("!= 0.1", "0.2.0-rc.1", Ok(true)),
            (">= 0.2.0-rc.1", "0.2.0", Ok(true)),
            ("0.1.0+build", "0.1.0", Ok(true)),
            ("", "0.1.0", Err("")),
            (">=", "0.1.0", Err(">=")),
            (">= 0.1,", "0.1.0", Err("")),
            (">= 0.x", "0.1.0", Err(">= 0.x")),
            ("=> 0.1", "0.1.0", Err("=> 0.1")),
            ("^0.1", "0.1.0", Err("^0.1")),
            ("1.2.3.4", "0.1.0", Err("1.2.3.4")),
            ("0.1.0-", "0.1.0", Err("0.1.0-")),
            ("99999999999999999999", "0.1.0", Err("99999999999999999999")),
        ] {
            assert_eq!(fulfils(constraints, version), expected.map_err(str::to_owned), "{version} by {constraints:?}");
        }
    }
}
