//! Label selectors as `k8s.io/apimachinery/pkg/labels` reads them: the same tokens, the same grammar, the same words of refusal.

use std::collections::BTreeSet;
use std::iter::Peekable;
use std::vec::IntoIter;

use crate::rules::{label_key, label_value};

/// One condition on one label.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Requirement {
    pub key: String,
    pub test: Test,
}

/// What is asked of a label.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Test {
    Exists,
    Missing,
    In(BTreeSet<String>),
    NotIn(BTreeSet<String>),
    Greater(i64),
    Less(i64),
}

impl Requirement {
    /// Whether a label's value (`None`: there is no such label) is as asked.
    pub fn holds(&self, label: Option<&str>) -> bool {
        match &self.test {
            Test::Exists => label.is_some(),
            Test::Missing => label.is_none(),
            Test::In(values) => label.is_some_and(|label| values.contains(label)),
            Test::NotIn(values) => label.is_none_or(|label| !values.contains(label)),
            Test::Greater(bound) => label.and_then(|label| label.parse::<i64>().ok()).is_some_and(|n| n > *bound),
            Test::Less(bound) => label.and_then(|label| label.parse::<i64>().ok()).is_some_and(|n| n < *bound),
        }
    }
}

/// Reads a selector; the error is the real parser's.
pub(crate) fn parse(text: &str) -> Result<Vec<Requirement>, String> {
    let mut parser = Parser { tokens: scan(text).into_iter().peekable() };
    let mut requirements = Vec::new();
    loop {
        let token = parser.look();
        if token.is_empty() {
            return Ok(requirements);
        }
        if !opens(token) {
            return Err(format!("found '{token}', expected: !, identifier, or 'end of string'"));
        }
        requirements.push(parser.requirement().map_err(|why| format!("unable to parse requirement: {why}"))?);
        match parser.take() {
            "" => return Ok(requirements),
            "," if opens(parser.look()) => {}
            "," => return Err(format!("found '{}', expected: identifier after ','", parser.look())),
            other => return Err(format!("found '{other}', expected: ',' or 'end of string'")),
        }
    }
}

/// Tokens one after the other; the end of the text is an empty one.
struct Parser<'a> {
    tokens: Peekable<IntoIter<&'a str>>,
}

impl<'a> Parser<'a> {
    fn look(&mut self) -> &'a str {
        self.tokens.peek().copied().unwrap_or_default()
    }

    fn take(&mut self) -> &'a str {
        self.tokens.next().unwrap_or_default()
    }

    fn requirement(&mut self) -> Result<Requirement, String> {
        let first = self.take();
        let key = if first == "!" { self.take() } else { first };
        if !is_word(key) {
            return Err(format!("found '{key}', expected: identifier"));
        }
        let wrong = label_key(key);
        if !wrong.is_empty() {
            // The real parser has no path for a key.
            return Err(format!("<nil>: Invalid value: {key:?}: {}", wrong.join("; ")));
        }
        let test = match self.look() {
            _ if first == "!" => Test::Missing,
            "" | "," => Test::Exists,
            _ => self.comparison(key)?,
        };
        Ok(Requirement { key: key.to_owned(), test })
    }

    fn comparison(&mut self, key: &str) -> Result<Test, String> {
        let operator = self.take();
        let values = match operator {
            "in" | "notin" => self.values()?,
            "=" | "==" | "!=" | ">" | "<" => BTreeSet::from([self.value()?]),
            other => return Err(format!("found '{other}', expected: in, notin, =, ==, !=, gt, lt")),
        };
        let bound: Option<i64> = values.first().and_then(|value| value.parse().ok());
        let mut wrong = Vec::new();
        if matches!(operator, ">" | "<") && bound.is_none() {
            let value = values.first().copied().unwrap_or_default();
            wrong.push(format!("values[0]: Invalid value: {value:?}: for 'Gt', 'Lt' operators, the value must be an integer"));
        }
        for (index, value) in values.iter().enumerate() {
            wrong.extend(label_value(value).map(|why| format!("values[{index}][{key}]: Invalid value: {value:?}: {why}")));
        }
        match wrong.as_slice() {
            [] => {}
            [one] => return Err(one.clone()),
            several => return Err(format!("[{}]", several.join(", "))),
        }
        let values = values.into_iter().map(str::to_owned).collect();
        Ok(match (operator, bound) {
            (">", Some(bound)) => Test::Greater(bound),
            ("<", Some(bound)) => Test::Less(bound),
            ("!=" | "notin", _) => Test::NotIn(values),
            _ => Test::In(values),
        })
    }

    /// The values between parentheses; an empty place is the empty value.
    fn values(&mut self) -> Result<BTreeSet<&'a str>, String> {
        let open = self.take();
        if open != "(" {
            return Err(format!("found '{open}' expected: '('"));
        }
        let values = match self.look() {
            ")" => BTreeSet::from([""]),
            first if first == "," || is_word(first) => self.list()?,
            other => return Err(format!("found '{other}', expected: ',', ')' or identifier")),
        };
        // The closing parenthesis: a list ends nowhere else.
        self.take();
        Ok(values)
    }

    fn list(&mut self) -> Result<BTreeSet<&'a str>, String> {
        let mut values = BTreeSet::new();
        loop {
            let token = self.take();
            let next = self.look();
            if is_word(token) {
                values.insert(token);
                match next {
                    "," => continue,
                    ")" => return Ok(values),
                    other => return Err(format!("found '{other}', expected: ',' or ')'")),
                }
            }
            if token != "," {
                return Err(format!("found '{token}', expected: ',', or identifier"));
            }
            if values.is_empty() || matches!(next, ")" | ",") {
                values.insert("");
            }
            if next == ")" {
                return Ok(values);
            }
        }
    }

    /// The one value behind a sign; nothing is the empty value.
    fn value(&mut self) -> Result<&'a str, String> {
        if matches!(self.look(), "" | ",") {
            return Ok("");
        }
        let value = self.take();
        if is_word(value) { Ok(value) } else { Err(format!("found '{value}', expected: identifier")) }
    }
}

/// Whether a requirement may begin with it.
fn opens(token: &str) -> bool {
    token == "!" || is_word(token)
}

fn is_word(token: &str) -> bool {
    !token.is_empty() && !token.starts_with(is_sign)
}

fn is_sign(c: char) -> bool {
    matches!(c, '=' | '!' | '(' | ')' | ',' | '>' | '<')
}

fn is_blank(c: char) -> bool {
    matches!(c, ' ' | '\t' | '\r' | '\n')
}

/// Words, `==`, `!=` and single signs.
fn scan(text: &str) -> Vec<&str> {
    let mut tokens = Vec::new();
    let mut rest = text.trim_start_matches(is_blank);
    while let Some(first) = rest.chars().next() {
        let length = match ["==", "!="].into_iter().find(|sign| rest.starts_with(*sign)) {
            Some(sign) => sign.len(),
            None if is_sign(first) => first.len_utf8(),
            None => rest.find(|c: char| is_sign(c) || is_blank(c)).unwrap_or(rest.len()),
        };
        let (token, after) = rest.split_at(length);
        tokens.push(token);
        rest = after.trim_start_matches(is_blank);
    }
    tokens
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Whether labels `tier=web`, `n=5`, `a.io/b=` are chosen; else the refusal.
    fn chosen(selector: &str) -> Result<bool, String> {
        let label = |key: &str| match key {
            "tier" => Some("web"),
            "n" => Some("5"),
            "a.io/b" => Some(""),
            _ => None,
        };
        parse(selector).map(|all| all.iter().all(|requirement| requirement.holds(label(&requirement.key))))
    }

    #[test]
    fn labels_select_as_in_kubernetes() {
        for (selector, expected) in [
            ("", true),
            ("  ", true),
            ("tier=web", true),
            ("tier==web", true),
            (" tier = web ", true),
            ("tier=db", false),
            ("tier!=db", true),
            ("missing!=x", true),
            ("missing=", false),
            ("tier in (db, web)", true),
            ("tier notin (db,web)", false),
            ("missing notin (x)", true),
            ("tier in(web)", true),
            ("a.io/b in ()", true),
            ("a.io/b in (,x)", true),
            ("a.io/b in (x,,y)", true),
            ("a.io/b in (x,)", true),
            ("tier in (in,notin)", false),
            ("in notin (in)", true),
            ("tier", true),
            ("!tier", false),
            ("!missing", true),
            ("! missing", true),
            ("n>4", true),
            ("n<5", false),
            ("a.io/b=", true),
            ("a.io/b=,tier", true),
            ("tier=web,n in (4,5),!x", true),
            ("tier=web,n in (4)", false),
        ] {
            assert_eq!(chosen(selector), Ok(expected), "{selector}");
        }
    }

    #[test]
    fn what_the_real_parser_refuses_is_refused_in_its_words() {
        for (selector, expected) in [
            ("a===b", "unable to parse requirement: found '=', expected: identifier"),
            ("a=!b", "unable to parse requirement: found '!', expected: identifier"),
            ("a!==b", "unable to parse requirement: found '=', expected: identifier"),
            ("a=b=c", "found '=', expected: ',' or 'end of string'"),
            ("a=b c", "found 'c', expected: ',' or 'end of string'"),
            ("!a=b", "found '=', expected: ',' or 'end of string'"),
            ("!a in (b)", "found 'in', expected: ',' or 'end of string'"),
            ("!!a", "unable to parse requirement: found '!', expected: identifier"),
            ("!", "unable to parse requirement: found '', expected: identifier"),
            ("=x", "found '=', expected: !, identifier, or 'end of string'"),
            ("((", "found '(', expected: !, identifier, or 'end of string'"),
            (",a", "found ',', expected: !, identifier, or 'end of string'"),
            ("a,", "found '', expected: identifier after ','"),
            ("a,,b", "found ',', expected: identifier after ','"),
            ("a b", "unable to parse requirement: found 'b', expected: in, notin, =, ==, !=, gt, lt"),
            ("in (x)", "unable to parse requirement: found '(', expected: in, notin, =, ==, !=, gt, lt"),
            ("tier in web", "unable to parse requirement: found 'web' expected: '('"),
            ("a in", "unable to parse requirement: found '' expected: '('"),
            ("a in (", "unable to parse requirement: found '', expected: ',', ')' or identifier"),
            ("a in (=", "unable to parse requirement: found '=', expected: ',', ')' or identifier"),
            ("a in (x", "unable to parse requirement: found '', expected: ',' or ')'"),
            ("a in (x y)", "unable to parse requirement: found 'y', expected: ',' or ')'"),
            ("a in (x,", "unable to parse requirement: found '', expected: ',', or identifier"),
            ("a in (x,(y))", "unable to parse requirement: found '(', expected: ',', or identifier"),
            ("a in (x)) ", "found ')', expected: ',' or 'end of string'"),
            ("n>x", "unable to parse requirement: values[0]: Invalid value: \"x\": for 'Gt', 'Lt' operators, the value must be an integer"),
            ("a/=x", "unable to parse requirement: <nil>: Invalid value: \"a/\": name part must be non-empty; name part must consist of "),
            ("t%=x", "unable to parse requirement: <nil>: Invalid value: \"t%\": name part must consist of "),
            ("a/b/c", "unable to parse requirement: <nil>: Invalid value: \"a/b/c\": a valid label key must consist of "),
            ("/a", "unable to parse requirement: <nil>: Invalid value: \"/a\": prefix part must be non-empty"),
            ("A_/a", "unable to parse requirement: <nil>: Invalid value: \"A_/a\": prefix part a lowercase RFC 1123 subdomain must "),
            ("a=b/c", "unable to parse requirement: values[0][a]: Invalid value: \"b/c\": a valid label must be an empty string or "),
            ("a in (b,-c)", "unable to parse requirement: values[0][a]: Invalid value: \"-c\": a valid label must be an empty string or "),
            (
                "n>-",
                "unable to parse requirement: [values[0]: Invalid value: \"-\": for 'Gt', 'Lt' operators, the value must be an integer, ",
            ),
        ] {
            let refused = chosen(selector).unwrap_err();
            assert!(refused.starts_with(expected), "{selector}: {refused}");
        }
        let long = "x".repeat(64);
        assert_eq!(
            chosen(&format!("a={long}")).unwrap_err(),
            format!("unable to parse requirement: values[0][a]: Invalid value: {long:?}: must be no more than 63 bytes")
        );
    }
}
