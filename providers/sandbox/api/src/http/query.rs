//! Query strings. Knows no option's meaning.

use crate::status::Failure;

/// Decoded pairs in the order of the URL.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Query(Vec<(String, String)>);

impl Query {
    pub fn parse(text: &str) -> Query {
        let pairs = text.split('&').filter(|pair| !pair.is_empty());
        Query(
            pairs
                .map(|pair| {
                    let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
                    (percent_decode(name, true), percent_decode(value, true))
                })
                .collect(),
        )
    }

    /// The first value of an option; an empty one counts as not given.
    pub fn get(&self, name: &str) -> Option<&str> {
        self.0.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str()).filter(|value| !value.is_empty())
    }

    /// All values of an option.
    pub fn all<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a str> {
        self.0.iter().filter(move |(key, _)| key == name).map(|(_, value)| value.as_str())
    }

    /// A boolean as Kubernetes reads it from URLs: "", "0" and "false" are false, anything else is true.
    pub fn flag(&self, name: &str) -> bool {
        self.get(name).is_some_and(|value| !matches!(value, "0" | "false" | "False" | "FALSE" | "f" | "F"))
    }

    pub fn number(&self, name: &str) -> Result<Option<u64>, Failure> {
        self.get(name)
            .map(|text| {
                text.parse().map_err(|_| {
                    Failure::bad_request(format!(
                        "unable to convert query parameter {name:?}: strconv.ParseInt: parsing {text:?}: invalid syntax"
                    ))
                })
            })
            .transpose()
    }
}

/// Decodes %XX (and + where `plus` is a space); a broken escape stands for itself.
pub(crate) fn percent_decode(text: &str, plus: bool) -> String {
    String::from_utf8_lossy(&percent_bytes(text, plus).0).into_owned()
}

/// Decodes %XX; nothing if an escape is broken, or if what comes out is no text.
pub(super) fn percent_decode_exact(text: &str) -> Option<String> {
    let (bytes, whole) = percent_bytes(text, false);
    String::from_utf8(bytes).ok().filter(|_| whole)
}

/// The bytes, and whether every escape was one.
fn percent_bytes(text: &str, plus: bool) -> (Vec<u8>, bool) {
    let (mut bytes, mut whole) = (Vec::with_capacity(text.len()), true);
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        match byte {
            b'+' if plus => bytes.push(b' '),
            b'%' => {
                let mut ahead = rest.clone();
                let pair = ahead.next().zip(ahead.next()).and_then(|(high, low)| Some((hex(high)?, hex(low)?)));
                if let Some((high, low)) = pair {
                    bytes.push(high * 16 + low);
                    rest = ahead;
                } else {
                    bytes.push(b'%');
                    whole = false;
                }
            }
            other => bytes.push(other),
        }
    }
    (bytes, whole)
}

fn hex(byte: u8) -> Option<u8> {
    char::from(byte).to_digit(16).and_then(|digit| u8::try_from(digit).ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pairs_are_decoded_and_broken_escapes_kept() {
        let query = Query::parse("labelSelector=a%3Db%2Cc+in+%28x%29&watch&limit=5&bad=%zz%4&watch=1");
        assert_eq!(query.get("labelSelector"), Some("a=b,c in (x)"));
        assert_eq!(query.get("watch"), None, "the first, empty one counts as not given");
        assert_eq!(query.number("limit"), Ok(Some(5)));
        assert_eq!(query.get("bad"), Some("%zz%4"));
        assert!(query.number("bad").is_err());
    }
}
