//! Conflicts of server-side apply, in the server's words.

use std::collections::BTreeMap;
use std::fmt::Write;

use windlass_kubeschema::fieldpath::{FieldPath, Operation};

/// One field that another manager owns with another value.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Conflict {
    /// The owner's name.
    pub manager: String,
    /// How it wrote.
    pub operation: Operation,
    /// In which version.
    pub api_version: String,
    /// Through which subresource; empty for the object itself.
    pub subresource: String,
    /// The field.
    pub path: FieldPath,
}

impl Conflict {
    /// What the server sorts managers by.
    pub(super) fn owner_key(&self) -> (&str, Operation, &str, &str) {
        (&self.manager, self.operation, &self.api_version, &self.subresource)
    }

    fn owner(&self) -> String {
        let mut out = format!("{:?}", self.manager);
        // Writing to a String cannot fail.
        if !self.subresource.is_empty() {
            let _ = write!(out, " with subresource {:?}", self.subresource);
        }
        if self.operation == Operation::Update {
            let _ = write!(out, " using {}", self.api_version);
        }
        out
    }
}

/// One entry of a Status' `details.causes`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConflictCause {
    /// Always `FieldManagerConflict`.
    pub reason: &'static str,
    /// `conflict with "kubectl-edit" using apps/v1`.
    pub message: String,
    /// `.spec.replicas`.
    pub field: String,
}

/// The causes of a Conflict status, in the order of the conflicts.
pub fn conflict_causes(conflicts: &[Conflict]) -> Vec<ConflictCause> {
    let causes = conflicts.iter().map(|conflict| ConflictCause {
        reason: "FieldManagerConflict",
        message: format!("conflict with {}", conflict.owner()),
        field: conflict.path.to_string(),
    });
    causes.collect()
}

/// The message of a Conflict status.
pub fn conflict_message(conflicts: &[Conflict]) -> String {
    if let [only] = conflicts {
        return format!("Apply failed with 1 conflict: conflict with {}: {}", only.owner(), only.path);
    }
    let mut by_owner: BTreeMap<_, Vec<&Conflict>> = BTreeMap::new();
    for conflict in conflicts {
        by_owner.entry(conflict.owner_key()).or_default().push(conflict);
    }
    let mut lines = Vec::new();
    for group in by_owner.values() {
        if let Some(first) = group.first() {
            lines.push(format!("conflicts with {}:", first.owner()));
        }
        lines.extend(group.iter().map(|conflict| format!("- {}", conflict.path)));
    }
    format!("Apply failed with {} conflicts: {}", conflicts.len(), lines.join("\n"))
}
