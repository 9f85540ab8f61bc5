//! The attributes of machines in memory, and what changing each of them does; no code.
//!
//! `on_change`: the webhook of DevMachineTemplate lets nothing of `spec.template.spec` change.

use windlass_core::schema::{Attribute, AttributeType as T, BlockSchema, OnChange as C, Presence as P, attribute};

/// Body of `machine`.
pub static MACHINE: BlockSchema = BlockSchema {
    attributes: &[
        startup("vm_startup", P::Default("0s"), "How long a machine takes to be there, as Go writes it: `10s`, `1m30s`."),
        startup("node_startup", P::Default("0s"), "How long its node takes to be Ready after that."),
        startup(
            "api_server_startup",
            P::Optional,
            "How long its API server takes after the node, no time without it; control planes only.",
        ),
        startup("etcd_startup", P::Optional, "How long its etcd member takes after the node, no time without it; control planes only."),
    ],
    blocks: &[],
};

const fn startup(name: &'static str, presence: P, doc: &'static str) -> Attribute {
    attribute(name, T::String, presence, C::Repave, doc)
}
