//! Arguments of a container, made those of a process of this host. Pure.

use std::collections::BTreeMap;
use std::path::PathBuf;

/// A text of a pod with `$(NAME)` replaced by what the environment has, as Kubernetes does; `$$(NAME)` is `$(NAME)`, and a name that
/// is not there stays.
pub(super) fn expanded(text: &str, environment: &BTreeMap<String, String>) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some((before, from)) = rest.split_once('$') {
        out.push_str(before);
        let name = from.strip_prefix('(').and_then(|from| from.split_once(')'));
        rest = match (from.strip_prefix('$'), name) {
            (Some(after), _) => {
                out.push('$');
                after
            }
            (None, Some((name, after))) if environment.contains_key(name) => {
                out.push_str(environment.get(name).map(String::as_str).unwrap_or_default());
                after
            }
            _ => {
                out.push('$');
                from
            }
        };
    }
    out + rest
}

/// A text with every path of a mount replaced by the folder of this host that stands for it.
pub(super) fn on_this_host(text: &str, mounts: &BTreeMap<String, PathBuf>) -> String {
    // The longest first: one mount may lie in another.
    let mut paths: Vec<(&String, &PathBuf)> = mounts.iter().collect();
    paths.sort_by_key(|(path, _)| std::cmp::Reverse(path.len()));
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    'next: while let Some(first) = rest.chars().next() {
        for (path, folder) in &paths {
            if let Some(after) = rest.strip_prefix(path.as_str()).filter(|after| !after.starts_with(is_part_of_a_name)) {
                out.push_str(&folder.display().to_string());
                rest = after;
                continue 'next;
            }
        }
        out.push(first);
        rest = rest.split_at(first.len_utf8()).1;
    }
    out
}

fn is_part_of_a_name(next: char) -> bool {
    next.is_alphanumeric() || matches!(next, '-' | '_' | '.')
}

/// A container's own flags, without those that are set here, and then these.
pub(super) fn with_flags(own: &[String], set: &[(&str, String)]) -> Vec<String> {
    let mut kept = Vec::new();
    let mut own = own.iter().peekable();
    while let Some(argument) = own.next() {
        let name = argument.split_once('=').map_or(argument.as_str(), |(name, _)| name);
        if !set.iter().any(|(flag, _)| *flag == name) {
            kept.push(argument.clone());
        } else if name == argument {
            // Its value is the next word, unless it is a switch.
            own.next_if(|next| !next.starts_with('-'));
        }
    }
    kept.extend(set.iter().map(|(flag, value)| format!("{flag}={value}")));
    kept
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(text: &str) -> Vec<String> {
        text.split_whitespace().map(str::to_owned).collect()
    }

    #[test]
    fn names_are_replaced_as_kubernetes_does() {
        let environment = [("A", "one"), ("B", "")].map(|(name, value)| (name.to_owned(), value.to_owned())).into();
        for (text, expected) in
            [("--name=x.$(A).svc", "--name=x.one.svc"), ("$(A)$(B)$(A)", "oneone"), ("$$(A) $(C) $A $", "$(A) $(C) $A $"), ("$(A", "$(A")]
        {
            assert_eq!(expanded(text, &environment), expected, "{text}");
        }
    }

    #[test]
    fn a_path_of_a_mount_is_a_folder_of_this_host() {
        let mounts = [("/etc/a", "/host/a"), ("/etc/a/b", "/host/b")].map(|(path, folder)| (path.to_owned(), folder.into())).into();
        for (text, expected) in [
            ("--file=/etc/a/tls.crt", "--file=/host/a/tls.crt"),
            ("/etc/a/b/x,/etc/a", "/host/b/x,/host/a"),
            ("/etc/ab", "/etc/ab"),
            ("/etc", "/etc"),
        ] {
            assert_eq!(on_this_host(text, &mounts), expected, "{text}");
        }
    }

    #[test]
    fn flags_that_are_set_here_win_however_they_were_written() {
        let set = [("--port", "1".to_owned()), ("--leader-elect", "false".to_owned())];
        for own in ["--port=9 --leader-elect -v 2", "--port 9 --leader-elect=true -v 2", "--leader-elect -v 2"] {
            assert_eq!(with_flags(&words(own), &set), words("-v 2 --port=1 --leader-elect=false"), "{own}");
        }
        assert_eq!(with_flags(&words("--port-range=9 --gates=A=true"), &set[..1]), words("--port-range=9 --gates=A=true --port=1"));
    }
}
