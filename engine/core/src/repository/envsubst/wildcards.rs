//! The wildcards of `${A#p}`. Knows texts alone.

use std::iter::Peekable;
use std::str::Chars;

use super::expression::Extent;

/// A pattern of literal characters, `?`, `*`, `[a-z]`, `[^a-z]`, and `\` before a character that stands for itself.
pub(super) struct Wildcards(Vec<Wildcard>);

enum Wildcard {
    Literal(char),
    One,
    /// Any number of characters, slashes too.
    Any,
    OneIn(Vec<(char, char)>),
    OneNotIn(Vec<(char, char)>),
}

impl Wildcards {
    /// `None` when the pattern is not well-formed.
    pub(super) fn parse(pattern: &str) -> Option<Wildcards> {
        let mut wildcards = Vec::new();
        let mut characters = pattern.chars().peekable();
        while let Some(character) = characters.next() {
            wildcards.push(match character {
                '*' => Wildcard::Any,
                '?' => Wildcard::One,
                '\\' => Wildcard::Literal(characters.next()?),
                '[' if characters.next_if_eq(&'^').is_some() => Wildcard::OneNotIn(class(&mut characters)?),
                '[' => Wildcard::OneIn(class(&mut characters)?),
                _ => Wildcard::Literal(character),
            });
        }
        Some(Wildcards(wildcards))
    }

    /// The length in bytes of the shortest or longest begin of at least one character that matches, 0 if none does.
    ///
    /// Goes through the value once with all places of the pattern where the match can be by then, the last of them its end.
    pub(super) fn matched_prefix(&self, value: &str, extent: Extent) -> usize {
        let mut matched = 0;
        let mut places = self.step(&[], None);
        for (at, character) in value.char_indices() {
            places = self.step(&places, Some(character));
            if places.last() == Some(&true) {
                matched = at + character.len_utf8();
                if extent == Extent::Shortest {
                    break;
                }
            }
            if !places.contains(&true) {
                break;
            }
        }
        matched
    }

    /// The places that can be reached from these by a character, or from the begin without any.
    fn step(&self, places: &[bool], character: Option<char>) -> Vec<bool> {
        let mut reached = character.is_none();
        let mut next = Vec::with_capacity(self.0.len() + 1);
        for (index, wildcard) in self.0.iter().enumerate() {
            let was_here = places.get(index).copied().unwrap_or_default();
            if matches!(wildcard, Wildcard::Any) {
                reached |= was_here;
                next.push(reached);
            } else {
                next.push(reached);
                reached = was_here && character.is_some_and(|character| wildcard.takes(character));
            }
        }
        next.push(reached);
        next
    }
}

impl Wildcard {
    fn takes(&self, character: char) -> bool {
        let is_in = |ranges: &[(char, char)]| ranges.iter().any(|(low, high)| (*low..=*high).contains(&character));
        match self {
            Wildcard::Literal(literal) => *literal == character,
            Wildcard::One | Wildcard::Any => true,
            Wildcard::OneIn(ranges) => is_in(ranges),
            Wildcard::OneNotIn(ranges) => !is_in(ranges),
        }
    }
}

/// The ranges of a class up to its `]`; `None` unless there is one at least, and all are well-formed.
fn class(characters: &mut Peekable<Chars<'_>>) -> Option<Vec<(char, char)>> {
    let mut ranges = Vec::new();
    while ranges.is_empty() || characters.next_if_eq(&']').is_none() {
        let low = class_member(characters)?;
        let high = if characters.next_if_eq(&'-').is_some() { class_member(characters)? } else { low };
        ranges.push((low, high));
    }
    Some(ranges)
}

fn class_member(characters: &mut Peekable<Chars<'_>>) -> Option<char> {
    match characters.next()? {
        '-' | ']' => None,
        '\\' => characters.next(),
        character => Some(character),
    }
}
