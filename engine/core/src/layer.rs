//! Kinds of layers and how the saga treats them.

/// Kinds of layers that hold objects (`os` and `kubernetes` hold none).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum LayerKind {
    /// CNI, applied before the agent.
    Network,
    /// Cloud-controller-manager, applied before the agent.
    CloudController,
    /// CSI.
    Storage,
    /// Anything else.
    Addon,
}

impl LayerKind {
    /// Whether the engine applies it at step 6, before an agent exists.
    pub fn before_agent(self) -> bool {
        matches!(self, LayerKind::Network | LayerKind::CloudController)
    }

    /// Whether destroy deletes it on its own; the others must live while machines drain.
    pub fn deleted_alone(self) -> bool {
        matches!(self, LayerKind::Addon)
    }
}
