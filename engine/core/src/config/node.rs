//! Labels and taints of nodes, and the keys of their users: what Kubernetes, the kubelet and sshd would refuse, said before a machine exists.
//! Knows their syntax and no cloud.

use std::collections::BTreeSet;

use crate::diag::{Code, Diagnostic, Diagnostics, Span};
use crate::kube_names::{KEY_FORM, VALUE_FORM, is_label_value, is_qualified_name};
use crate::provider::Body;
use crate::value::Value;

/// Effects of taints (core/v1 Taint).
const EFFECTS: [&str; 3] = ["NoSchedule", "PreferNoSchedule", "NoExecute"];
/// Labels of Kubernetes' own prefixes that a kubelet may set (`k8s.io/kubelet/pkg/apis/well_known_labels.go`).
const KUBELET_LABELS: [&str; 11] = [
    "kubernetes.io/hostname",
    "kubernetes.io/os",
    "kubernetes.io/arch",
    "node.kubernetes.io/instance-type",
    "topology.kubernetes.io/zone",
    "topology.kubernetes.io/region",
    "failure-domain.beta.kubernetes.io/zone",
    "failure-domain.beta.kubernetes.io/region",
    "beta.kubernetes.io/instance-type",
    "beta.kubernetes.io/os",
    "beta.kubernetes.io/arch",
];
/// Prefixes of Kubernetes' own under which a kubelet may set any label, theirs and those below them (same file).
const KUBELET_PREFIXES: [&str; 2] = ["kubelet.kubernetes.io", "node.kubernetes.io"];
/// First words of OpenSSH public keys (`sshd(8)`, AUTHORIZED_KEYS FILE FORMAT).
const KEY_TYPES: [&str; 8] = [
    "ssh-ed25519",
    "ssh-rsa",
    "ssh-dss",
    "ecdsa-sha2-nistp256",
    "ecdsa-sha2-nistp384",
    "ecdsa-sha2-nistp521",
    "sk-ssh-ed25519@openssh.com",
    "sk-ecdsa-sha2-nistp256@openssh.com",
];

/// A taint: key, value, effect.
pub type Taint = (String, Option<String>, String);

/// Checks the labels of a group of nodes. They are joined by commas on the kubelet's command line.
pub fn labels<'l>(labels: impl Iterator<Item = (&'l str, &'l str)>, what: &str, place: Span, diagnostics: &mut Diagnostics) {
    let mut refuse = |summary: String, hint: &str| {
        diagnostics.push(Diagnostic::error(Code::INVALID_VALUE, format!("{summary} in `labels` of {what}")).at(place).hint(hint));
    };
    for (key, value) in labels {
        if !is_qualified_name(key) {
            refuse(format!("{key:?} is no key of a label"), KEY_FORM);
        } else if is_refused_by_kubelet(key) {
            refuse(
                format!("no kubelet may set the label {key:?}"),
                "under kubernetes.io and k8s.io only node.kubernetes.io/…, kubelet.kubernetes.io/… and the well-known labels are allowed; use a prefix of your own",
            );
        }
        if !is_label_value(value) {
            refuse(format!("{value:?} is no value of label {key:?}"), VALUE_FORM);
        }
    }
}

/// The taints of a group of nodes, checked.
pub fn taints(body: &Body, span: Span, what: &str, diagnostics: &mut Diagnostics) -> Vec<Taint> {
    let mut taints: Vec<Taint> = Vec::new();
    let mut seen = BTreeSet::new();
    for (i, taint) in body.value.get("taint").and_then(Value::as_elements).unwrap_or_default().iter().enumerate() {
        let text = |key: &str| taint.get(key).and_then(Value::as_str).map(str::to_owned);
        let place = |key: &str| body.span_of(&format!("taint[{i}].{key}")).unwrap_or(span);
        let mut refuse = |key: &str, summary: String, hint: &str| {
            let error = Diagnostic::error(Code::INVALID_VALUE, summary).at(place(key)).detail(format!("In {what}."));
            diagnostics.push(error.hint(hint));
        };
        let (Some(key), Some(effect)) = (text("key"), text("effect")) else { continue };
        if !EFFECTS.contains(&effect.as_str()) {
            refuse("effect", format!("{effect:?} is no effect of a taint"), &format!("effects are {}", EFFECTS.join(", ")));
        }
        if !is_qualified_name(&key) {
            refuse("key", format!("{key:?} is no key of a taint"), KEY_FORM);
        }
        let value = text("value");
        if let Some(value) = value.as_deref().filter(|value| !is_label_value(value)) {
            refuse("value", format!("{value:?} is no value of a taint"), VALUE_FORM);
        }
        if !seen.insert((key.clone(), effect.clone())) {
            refuse("key", format!("the taint {key}:{effect} stands twice"), "a node has one taint of a key and an effect");
        }
        taints.push((key, value, effect));
    }
    taints
}

/// Checks the keys by position: what somebody took for a public key may be a secret, and is not repeated.
pub fn authorized_keys(keys: &[String], what: &str, place: Span, diagnostics: &mut Diagnostics) {
    for (i, _) in keys.iter().enumerate().filter(|(_, key)| !is_public_key(key)) {
        let error = Diagnostic::error(Code::INVALID_VALUE, format!("`ssh_authorized_keys[{i}]` of {what} is no OpenSSH public key"));
        diagnostics.push(error.at(place).hint("give the one line of a `.pub` file: `ssh-ed25519 AAAA… comment`"));
    }
}

/// Options, a key type and base64 on one line.
fn is_public_key(text: &str) -> bool {
    let words: Vec<&str> = text.split(' ').filter(|word| !word.is_empty()).collect();
    let Some(at) = words.iter().position(|word| KEY_TYPES.contains(word)) else { return false };
    let base64 = |word: &&str| data_encoding::BASE64.decode(word.as_bytes()).is_ok_and(|bytes| !bytes.is_empty());
    !text.chars().any(char::is_control) && words.get(at + 1).is_some_and(base64)
}

fn is_refused_by_kubelet(key: &str) -> bool {
    let Some((prefix, _)) = key.split_once('/') else { return false };
    let under = |domain: &str| prefix == domain || prefix.strip_suffix(domain).is_some_and(|rest| rest.ends_with('.'));
    let own = under("kubernetes.io") || under("k8s.io");
    own && !KUBELET_LABELS.contains(&key) && !KUBELET_PREFIXES.iter().any(|allowed| under(allowed))
}

#[cfg(test)]
mod tests {
    use super::{is_public_key, is_refused_by_kubelet};

    #[test]
    fn the_kubelet_sets_few_labels_of_kubernetes_own() {
        for key in
            ["tier", "example.com/a", "topology.kubernetes.io/zone", "x.node.kubernetes.io/a", "kubelet.kubernetes.io/a", "notk8s.io/a"]
        {
            assert!(!is_refused_by_kubelet(key), "{key}");
        }
        for key in ["kubernetes.io/a", "node-role.kubernetes.io/worker", "k8s.io/a", "x.k8s.io/a", "node-restriction.kubernetes.io/a"] {
            assert!(is_refused_by_kubelet(key), "{key}");
        }
    }

    #[test]
    fn public_keys_are_told_from_other_texts() {
        for key in ["ssh-ed25519 AAAA me@host", "ssh-rsa AAAAB3Nz", "no-pty,command=\"a b\" ssh-ed25519 AAAA"] {
            assert!(is_public_key(key), "{key}");
        }
        for key in ["", "ssh-ed25519", "ssh-ed25519 !", "AAAA", "ssh-ed25519 AAAA\nssh-rsa AAAA", "-----BEGIN OPENSSH PRIVATE KEY-----"] {
            assert!(!is_public_key(key), "{key}");
        }
    }
}
