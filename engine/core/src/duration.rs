//! Durations as people write them: `90s`, `60m`, `2h`. Knows no clock.

/// Seconds of a text of digits and one unit (`s`, `m`, `h`); `None` if it is none, or longer than can be counted.
#[must_use]
pub fn seconds(text: &str) -> Option<u64> {
    let (digits, factor) = [('s', 1), ('m', 60), ('h', 3600)]
        .into_iter()
        .find_map(|(unit, factor)| Some((text.strip_suffix(unit)?, factor)))
        .filter(|(digits, _)| digits.bytes().all(|byte| byte.is_ascii_digit()))?;
    digits.parse::<u64>().ok()?.checked_mul(factor)
}

#[cfg(test)]
mod tests {
    use super::seconds;

    #[test]
    fn digits_and_one_unit() {
        for (text, expected) in [
            ("0s", Some(0)),
            ("90s", Some(90)),
            ("5m", Some(300)),
            ("2h", Some(7200)),
            ("", None),
            ("s", None),
            ("5", None),
            ("5 m", None),
            ("+5m", None),
            ("-5m", None),
            ("1.5h", None),
            ("1h30m", None),
            ("5d", None),
            ("5\u{fc}", None),
            ("18446744073709551615h", None),
            ("99999999999999999999s", None),
        ] {
            assert_eq!(seconds(text), expected, "{text:?}");
        }
    }
}
