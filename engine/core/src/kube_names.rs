//! Rules of Kubernetes for names, keys and values (`k8s.io/apimachinery/pkg/util/validation`), each in this one place. Knows texts only.

/// What is said of keys that break [`is_qualified_name`].
pub const KEY_FORM: &str = "a key is `name` or `prefix/name`: the name has up to 63 letters, digits, `-`, `_` and `.`, and begins and ends with a letter or digit; the prefix is a DNS name";
/// What is said of values that break [`is_label_value`].
pub const VALUE_FORM: &str =
    "a value is empty or has up to 63 letters, digits, `-`, `_` and `.`, and begins and ends with a letter or digit";

/// RFC 1123 label, without its limit of 63.
pub fn is_dns_label(name: &str) -> bool {
    let inner = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit();
    !name.is_empty() && name.chars().all(|c| inner(c) || c == '-') && name.starts_with(inner) && name.ends_with(inner)
}

/// RFC 1123 subdomain: labels joined by dots, up to 253 characters.
pub fn is_subdomain(text: &str) -> bool {
    text.len() <= 253 && text.split('.').all(is_dns_label)
}

/// A name that may be a part of a path of the API (IsValidPathSegmentName).
pub fn is_path_segment(name: &str) -> bool {
    !matches!(name, "" | "." | "..") && !name.contains(['/', '%'])
}

/// `name` or `prefix/name` (IsQualifiedName).
pub fn is_qualified_name(key: &str) -> bool {
    match key.split_once('/') {
        Some((prefix, name)) => is_subdomain(prefix) && !name.is_empty() && is_label_value(name),
        None => !key.is_empty() && is_label_value(key),
    }
}

/// A key of a ConfigMap's or a Secret's data (IsConfigMapKey).
pub fn is_data_key(key: &str) -> bool {
    let known = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
    !key.is_empty() && key.len() <= 253 && key.chars().all(known) && key != "." && !key.starts_with("..")
}

/// Empty, or letters, digits, `-`, `_`, `.` between letters or digits (IsValidLabelValue).
pub fn is_label_value(value: &str) -> bool {
    let edge = |c: char| c.is_ascii_alphanumeric();
    value.is_empty()
        || value.len() <= 63
            && value.chars().all(|c| edge(c) || matches!(c, '-' | '_' | '.'))
            && value.starts_with(edge)
            && value.ends_with(edge)
}

#[cfg(test)]
mod tests {
    use super::{is_data_key, is_label_value, is_path_segment, is_qualified_name, is_subdomain};

    #[test]
    fn keys_and_values_are_those_of_kubernetes() {
        let long = "a".repeat(63);
        for key in ["tier", "a", "Tier_1.x", "example.com/tier", "node.kubernetes.io/x", &long] {
            assert!(is_qualified_name(key), "{key}");
        }
        for key in ["", "a,b", "a=b", "-a", "a-", "a b", "/a", "a/", "a/b/c", "Example.com/a", "a_b/c", "é", &format!("{long}a")] {
            assert!(!is_qualified_name(key), "{key}");
        }
        for (value, valid) in [("", true), ("web", true), ("a,b=c", false), ("-", false), ("a\n", false), (long.as_str(), true)] {
            assert_eq!(is_label_value(value), valid, "{value}");
        }
    }

    #[test]
    fn keys_of_data_are_those_of_kubernetes() {
        for (key, valid) in [("a.b_C-1", true), (".dockerconfigjson", true), ("a b/c", false), ("", false), (".", false), ("..a", false)] {
            assert_eq!(is_data_key(key), valid, "{key}");
        }
    }

    #[test]
    fn names_are_those_of_kubernetes() {
        for (name, subdomain, segment) in [
            ("a.b-c.1", true, true),
            ("system:node", false, true),
            ("A_b", false, true),
            ("a..b", false, true),
            ("a/b", false, false),
            ("..", false, false),
            ("", false, false),
        ] {
            assert_eq!((is_subdomain(name), is_path_segment(name)), (subdomain, segment), "{name}");
        }
    }
}
