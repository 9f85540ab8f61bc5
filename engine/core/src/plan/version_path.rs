//! From one Kubernetes version to another: which ways a living cluster may go (reference/cluster-api.md 3.1 and 3.5). Judges; makes no step.

use super::verdict::View;
use super::wish::Hop;
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

/// Minors that workers may be behind their control plane (https://kubernetes.io/releases/version-skew-policy/, since 1.28).
const SKEW: u64 = 3;

impl<'a> View<'a> {
    /// The versions that a control plane which is whole passes through on its way to the one that is wished, or what is wrong with that way.
    /// It begins at the version that was applied last, which is another one than that of the state if a change was broken off.
    pub(super) fn version_path(&self, cluster: &DesiredCluster) -> Result<Vec<&'a Hop>, Box<Diagnostic>> {
        let (Some(now), wanted) = (self.applied_version(cluster), cluster.kubernetes_version.as_str()) else { return Ok(Vec::new()) };
        let (Some(from), Some(to)) = (numbers(now), numbers(wanted)) else { return Ok(Vec::new()) };
        if to < from {
            let text = format!("Kubernetes {now} does not go back to {wanted}");
            let hint = format!("ask for {now} or newer; a control plane's data are written by the newer one already");
            return Err(self.refused(cluster, text, hint));
        }
        if from.0 != to.0 {
            let text = format!("Kubernetes {now} does not go to {wanted}");
            return Err(self.refused(cluster, text, "ask for a version of the same major".to_owned()));
        }
        let known: Vec<(&'a Hop, (u64, u64, u64))> =
            self.wishes.hops.get(&cluster.address).into_iter().flatten().filter_map(|hop| Some((hop, numbers(&hop.version)?))).collect();
        let mut path = Vec::new();
        for minor in from.1 + 1..to.1 {
            let of_minor = known.iter().filter(|(_, version)| (version.0, version.1) == (from.0, minor));
            let Some((hop, _)) = of_minor.max_by_key(|(_, version)| *version) else {
                let text = format!("Kubernetes {now} goes to {wanted} by way of {}.{minor}, for which no version is given", from.0);
                let hint =
                    format!("a control plane takes one minor at a time: name a patch version, as in `hops = [\"{}.{minor}.0\"]`", from.0);
                return Err(self.refused(cluster, text, hint));
            };
            if let Some(fault) = hop.faults.first() {
                let mut fault = fault.clone();
                fault.summary = format!("{}, for its way through Kubernetes {}", fault.summary, hop.version);
                return Err(Box::new(fault));
            }
            path.push(*hop);
        }
        if to.1 - from.1 > SKEW {
            let text = format!("Kubernetes {now} goes to {wanted}, and workers may be {SKEW} minors behind at most");
            let hint = format!("go to {}.{} first, and on from there", from.0, from.1 + SKEW);
            return Err(self.refused(cluster, text, hint));
        }
        Ok(path)
    }

    /// The version that a control plane was applied with last, without `v`.
    fn applied_version(&self, cluster: &DesiredCluster) -> Option<&'a str> {
        let key = ObjectKey {
            plane: self.final_home(cluster),
            group: "controlplane.cluster.x-k8s.io".to_owned(),
            kind: "KubeadmControlPlane".to_owned(),
            namespace: Some(cluster.namespace.clone()),
            name: marks::control_plane(&cluster.name),
        };
        let version = self.recorded.made(&key)?.applied.pointer("/spec/version")?.as_str()?;
        Some(version.trim_start_matches('v'))
    }

    fn refused(&self, cluster: &DesiredCluster, text: String, hint: String) -> Box<Diagnostic> {
        let mut diagnostic = Diagnostic::error(Code::VERSION_PATH, format!("{}: {text}", cluster.address)).hint(hint);
        let resource = self.wishes.resources.get(&cluster.address);
        diagnostic.primary = resource.and_then(|wish| wish.resource.place_of("kubernetes_version")).or(cluster.span);
        Box::new(diagnostic)
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
