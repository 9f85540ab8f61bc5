//! From one Kubernetes version to another: which ways a living cluster may go (reference/cluster-api.md 3.1 and 3.5). Judges; makes no step.

use super::verdict::View;
use crate::desired::DesiredCluster;
use crate::diag::{Code, Diagnostic};
use crate::marks;
use crate::object::ObjectKey;

/// `MAJOR.MINOR.PATCH`, with or without `v`, as numbers; what follows is left out.
fn numbers(version: &str) -> Option<(u64, u64, u64)> {
    let mut parts = version.trim_start_matches('v').splitn(3, '.');
    let mut next = || {
        let part = parts.next()?;
        let digits = part.find(|c: char| !c.is_ascii_digit()).and_then(|end| part.get(..end)).unwrap_or(part);
        digits.parse().ok()
    };
    Some((next()?, next()?, next()?))
}

impl View<'_> {
    /// What is wrong with the way of a control plane that is whole to the version that is wished. It begins at the version that was applied
    /// last, which is another one than that of the state if a change was broken off.
    pub(super) fn refuse_version(&self, cluster: &DesiredCluster) -> Option<Diagnostic> {
        let key = ObjectKey {
            plane: self.final_home(cluster),
            group: "controlplane.cluster.x-k8s.io".to_owned(),
            kind: "KubeadmControlPlane".to_owned(),
            namespace: Some(cluster.namespace.clone()),
            name: marks::control_plane(&cluster.name),
        };
        let applied = self.recorded.made(&key)?.applied.pointer("/spec/version")?.as_str()?;
        let (now, wanted) = (applied.trim_start_matches('v'), cluster.kubernetes_version.as_str());
        let refused = |text: String, hint: String| {
            let mut diagnostic = Diagnostic::error(Code::VERSION_PATH, format!("{}: {text}", cluster.address)).hint(hint);
            let resource = self.wishes.resources.get(&cluster.address);
            diagnostic.primary = resource.and_then(|wish| wish.resource.place_of("kubernetes_version")).or(cluster.span);
            Some(diagnostic)
        };
        let (from, to) = (numbers(now)?, numbers(wanted)?);
        if to < from {
            return refused(
                format!("Kubernetes {now} does not go back to {wanted}"),
                format!("ask for {now} or newer; a control plane's data are written by the newer one already"),
            );
        }
        if from.0 != to.0 || to.1 > from.1 + 1 {
            let next = format!("{}.{}", from.0, from.1 + 1);
            return refused(
                format!("Kubernetes {now} goes to {wanted} by way of {next}"),
                format!("a control plane takes one minor at a time: apply a version of {next} first, with images for it"),
            );
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::numbers;

    #[test]
    fn versions_are_numbers() {
        for (text, expected) in [
            ("1.34.3", Some((1, 34, 3))),
            ("v1.34.3", Some((1, 34, 3))),
            ("1.34.3+rke2r1", Some((1, 34, 3))),
            ("1.34.0-rc.1", Some((1, 34, 0))),
            ("1.34", None),
            ("", None),
        ] {
            assert_eq!(numbers(text), expected, "{text}");
        }
    }
}
