//! Where Terraform's `yamldecode` reads a YAML text otherwise than the crate does: dates and times, which become RFC 3339 texts,
//! numbers in forms that it does not know, and what it refuses. Knows texts only, no values.

use std::borrow::Cow;
use std::ops::RangeInclusive;

use serde_saphyr::granit_parser::{Event, Parser, ScalarStyle};

/// What Terraform does not read though the crate does: a tab where the first token should begin, and the tag `!`.
pub(super) fn refused(source: &str) -> Option<String> {
    for (number, line) in source.lines().enumerate() {
        if line.trim_start_matches(' ').starts_with('\t') {
            return Some(format!("line {}: a tab stands where the text should begin", number + 1));
        }
        if !matches!(line.trim(), "" | "---") && !line.trim_start().starts_with('#') {
            break;
        }
    }
    if !source.contains('!') {
        return None;
    }
    // What is wrong with the rest of the text is told by who reads it.
    let bare = Parser::new_from_str(source).map_while(Result::ok).any(|(event, _)| match event {
        Event::Scalar(.., tag) | Event::SequenceStart(.., tag) | Event::MappingStart(.., tag) => {
            tag.is_some_and(|tag| tag.original() == "!")
        }
        _ => false,
    });
    bare.then(|| "the tag `!` has no name".to_owned())
}

/// The text with every date, every time and every number that is none to Terraform as it is to be read, in quotes. Only what
/// stands there bare and without a tag is one.
pub(super) fn with_times(source: &str) -> Cow<'_, str> {
    let begins = |w: &[u8]| matches!(w, [a, b, c, d, b'-', e] if [a, b, c, d, e].into_iter().all(u8::is_ascii_digit));
    let marked = |w: &[u8]| matches!(w, [b'0', mark] if b"bBoOxX".contains(mark));
    let bytes = source.as_bytes();
    if !bytes.windows(6).any(begins) && !bytes.windows(2).any(marked) {
        return Cow::Borrowed(source);
    }
    let (mut output, mut done) = (String::with_capacity(source.len() + 16), 0);
    for event in Parser::new_from_str(source) {
        // What is wrong with the text is told by who reads it.
        let Ok((event, span)) = event else { return Cow::Borrowed(source) };
        let Event::Scalar(text, ScalarStyle::Plain, _, None) = event else { continue };
        let Some((begin, time)) = span.start.byte_offset().zip(time(&text).or_else(|| no_number(&text))) else { continue };
        let end = begin + text.len();
        if begin < done || source.get(begin..end) != Some(&*text) {
            continue;
        }
        output.push_str(source.get(done..begin).unwrap_or_default());
        output.push_str(&format!("\"{time}\""));
        done = end;
    }
    if done == 0 {
        return Cow::Borrowed(source);
    }
    output.push_str(source.get(done..).unwrap_or_default());
    Cow::Owned(output)
}

/// A number in base 2, with a capital mark of its base, or with a sign before that mark, as the text that it is to Terraform.
fn no_number(text: &str) -> Option<String> {
    let unsigned = text.strip_prefix(['-', '+']);
    let marked = unsigned.unwrap_or(text).strip_prefix('0')?;
    let foreign =
        if unsigned.is_some() { marked.starts_with(['b', 'B', 'o', 'O', 'x', 'X']) } else { marked.starts_with(['b', 'B', 'O', 'X']) };
    (foreign && text.bytes().skip(1).all(|c| c.is_ascii_alphanumeric())).then(|| text.to_owned())
}

/// A date or time as RFC 3339. The forms are those of Go's YAML reader: a date; with `T` a time and its zone; with a space a time without one.
/// Parts of seconds are dropped.
fn time(text: &str) -> Option<String> {
    let (year, rest) = text.split_at_checked(4)?;
    let year: u32 = year.bytes().all(|c| c.is_ascii_digit()).then(|| year.parse().ok())??;
    let (month, rest) = number(rest.strip_prefix('-')?, 1..=12)?;
    let (day, rest) = number(rest.strip_prefix('-')?, 1..=days(year, month))?;
    if rest.is_empty() {
        return Some(format!("{year:04}-{month:02}-{day:02}T00:00:00Z"));
    }
    let zoned = rest.starts_with(['T', 't']);
    let (hour, rest) = number(rest.strip_prefix(['T', 't', ' '])?, 0..=23)?;
    let (minute, rest) = number(rest.strip_prefix(':')?, 0..=59)?;
    let (second, rest) = number(rest.strip_prefix(':')?, 0..=59)?;
    let rest = without_parts(rest)?;
    let zone = match (zoned, rest) {
        (true, rest) => zone(rest)?,
        (false, "") => "Z",
        (false, _) => return None,
    };
    Some(format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}{zone}"))
}

/// One or two digits.
fn number(text: &str, range: RangeInclusive<u32>) -> Option<(u32, &str)> {
    let length = text.bytes().take(2).take_while(u8::is_ascii_digit).count();
    let (digits, rest) = text.split_at_checked(length)?;
    let number = digits.parse().ok()?;
    range.contains(&number).then_some((number, rest))
}

/// What stands behind `.123`.
fn without_parts(text: &str) -> Option<&str> {
    let Some(parts) = text.strip_prefix(['.', ',']) else { return Some(text) };
    let rest = parts.trim_start_matches(|c: char| c.is_ascii_digit());
    (rest.len() < parts.len()).then_some(rest)
}

/// `Z`, or an offset such as `+02:00`.
fn zone(text: &str) -> Option<&str> {
    if text == "Z" {
        return Some("Z");
    }
    let (hours, minutes) = text.strip_prefix(['+', '-'])?.split_once(':')?;
    let part = |digits: &str, most: u32| {
        let well = digits.len() == 2 && digits.bytes().all(|c| c.is_ascii_digit());
        well.then(|| digits.parse().ok()).flatten().filter(|number: &u32| *number <= most)
    };
    let offset = part(hours, 24)? * 60 + part(minutes, 59)?;
    Some(if offset == 0 { "Z" } else { text })
}

fn days(year: u32, month: u32) -> u32 {
    let leap = year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400));
    match month {
        2 if leap => 29,
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Read off `terraform console` 1.11.4.
    #[test]
    fn times_are_what_terraform_takes_for_one() {
        for (text, expected) in [
            ("2020-01-01", Some("2020-01-01T00:00:00Z")),
            ("2020-1-1", Some("2020-01-01T00:00:00Z")),
            ("2020-02-29", Some("2020-02-29T00:00:00Z")),
            ("2020-01-01T10:20:30Z", Some("2020-01-01T10:20:30Z")),
            ("2020-01-01t10:20:30Z", Some("2020-01-01T10:20:30Z")),
            ("2020-1-1T1:2:3Z", Some("2020-01-01T01:02:03Z")),
            ("2020-01-01T10:20:30.123456789Z", Some("2020-01-01T10:20:30Z")),
            ("2020-01-01T10:20:30,1234567891Z", Some("2020-01-01T10:20:30Z")),
            ("2020-01-01T10:20:60Z", None),
            ("2020-01-01T10:20:30+02:00", Some("2020-01-01T10:20:30+02:00")),
            ("2020-01-01T10:20:30-00:30", Some("2020-01-01T10:20:30-00:30")),
            ("2020-01-01T10:20:30+00:00", Some("2020-01-01T10:20:30Z")),
            ("2020-01-01 10:20:30", Some("2020-01-01T10:20:30Z")),
            ("2020-01-01 10:20:30Z", None),
            ("2020-01-01 10:20:30.5 +02:00", None),
            ("2020-01-01T10:20:30", None),
            ("2020-13-01", None),
            ("2021-02-29", None),
            ("2020-01-01x", None),
            ("2020-01", None),
            ("20200101", None),
            ("", None),
        ] {
            assert_eq!(time(text).as_deref(), expected, "{text}");
        }
    }

    #[test]
    fn only_bare_scalars_are_rewritten() {
        for (text, expected) in [
            (
                "a: 2020-01-01 # 2020-01-01\nb: [2020-1-2, x]\n",
                "a: \"2020-01-01T00:00:00Z\" # 2020-01-01\nb: [\"2020-01-02T00:00:00Z\", x]\n",
            ),
            ("ü: 2020-01-01\n2020-01-01: x\n", "ü: \"2020-01-01T00:00:00Z\"\n\"2020-01-01T00:00:00Z\": x\n"),
            ("a: 0b11\nb: [0X1F, -0o7, 0x1F, 0o7, 0bird]\n", "a: \"0b11\"\nb: [\"0X1F\", \"-0o7\", 0x1F, 0o7, \"0bird\"]\n"),
            ("a: &t 2020-01-01\nb: *t\n", "a: &t \"2020-01-01T00:00:00Z\"\nb: *t\n"),
        ] {
            assert_eq!(with_times(text), expected);
        }
        for text in [
            "a: \"2020-01-01\"\n",
            "a: '2020-01-01'\n",
            "a: |\n  2020-01-01\n",
            "a: !!str 2020-01-01\n",
            "a: on 2020-01-01\n",
            "a: [2020-01-01",
        ] {
            assert_eq!(with_times(text), text);
        }
    }
}
