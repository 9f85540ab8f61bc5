//! `blocks.md`: every block with its attributes, from the schemas by which configurations are checked.

use std::fmt::Write;

use windlass_clouds::PROVIDERS;
use windlass_core::config::schema;
use windlass_core::provider::Provider;
use windlass_core::schema::{Attribute, AttributeType, BlockSchema, Count, NestedBlock, Presence};

const INTRODUCTION: &str = "# Blocks

All files `*.wl.hcl` of one folder form a module. This page lists every block with its attributes.

*On change* says what a changed value does to a cluster that lives:

| word | meaning |
|---|---|
| in-place | objects are updated, no machine is replaced |
| repave | every machine of the pool is replaced, one after the other |
| recreate | it needs another cluster: the plan refuses it while this one lives (WL0420) |
| forbidden | the plan refuses it while the cluster lives (WL0420) |

Some changes of a living cluster are recognised by this release and not made yet: `pivot`, `agent.enabled`, external etcd, layers
of the infrastructure that go. The plan refuses them by name (WL0403).

Beside the attributes below there are these:

| attribute | stands in | meaning |
|---|---|---|
| `for_each` | `cloud`, `cluster` | a map or set; one instance for each key, with `each.key` and `each.value` |
| `depends_on` | `cluster`, `network`, `storage`, `addon` | references to what must be ready before |
| `type` | `variable` | type constraint, as in Terraform |
| `default` | `variable` | value when none is given |
| `value` | `output` | the value |

`locals { … }` takes any attributes; they are read as `local.NAME`.
";

/// The page.
pub fn page() -> String {
    let mut page = INTRODUCTION.to_owned();
    for (name, block) in schema::ALL {
        section(&mut page, 2, &format!("`{name}`"), block, &listed());
    }
    let (listed, unlisted): (Vec<_>, Vec<_>) = PROVIDERS.iter().copied().partition(|provider| provider.is_listed());
    for provider in listed {
        let _ = write!(page, "\n## {}\n\nWhat the provider `{}` adds.\n", provider.title(), provider.name());
        added(&mut page, provider);
    }
    for provider in unlisted {
        let (title, name) = (provider.title(), provider.name());
        let _ = write!(page, "\n## For demos and tests: {title}\n\nWhat the provider `{name}` adds.{}\n", limits(provider));
        added(&mut page, provider);
    }
    page
}

/// What a provider adds to blocks.
fn added(page: &mut String, provider: &dyn Provider) {
    let added = provider.schema();
    section(page, 3, &format!("`cloud \"{}\"`", provider.name()), added.cloud, &[]);
    section(page, 3, &format!("`cluster` on {}", provider.title()), added.cluster, &[]);
    section(page, 3, &format!("`machine` on {}", provider.title()), added.machine, &[]);
}

/// What a provider's clusters cannot do that others can, as sentences.
fn limits(provider: &dyn Provider) -> String {
    let limits = [
        (provider.is_in_sandbox(), " It needs a `management` block: the embedded sandbox does not simulate it."),
        (
            provider.has_workload_api(),
            " Its clusters have `pivot = false`, no agent and no layers with objects: their API is a simulation that windlass never speaks to.",
        ),
    ];
    limits.into_iter().filter(|(can, _)| !can).map(|(_, sentence)| sentence).collect()
}

/// Blocks that have a section of their own.
fn listed() -> Vec<&'static BlockSchema> {
    schema::ALL.iter().map(|(_, block)| *block).collect()
}

fn section(page: &mut String, level: usize, title: &str, block: &BlockSchema, elsewhere: &[&BlockSchema]) {
    let _ = write!(page, "\n{} {title}\n", "#".repeat(level));
    if block.attributes.is_empty() && block.blocks.is_empty() {
        page.push_str("\nNothing.\n");
    }
    if !block.attributes.is_empty() {
        page.push_str("\n| attribute | type | default | on change | what it is |\n|---|---|---|---|---|\n");
        for attribute in block.attributes {
            let sensitive = if attribute.sensitive { " Sensitive." } else { "" };
            let _ = writeln!(
                page,
                "| `{}` | {} | {} | {} | {}{sensitive} |",
                attribute.name,
                attribute.ty.word(),
                presence(attribute),
                attribute.on_change.word(),
                attribute.doc
            );
        }
    }
    if !block.blocks.is_empty() {
        page.push_str("\n| block | how often | what it is |\n|---|---|---|\n");
        for nested in block.blocks {
            let _ = writeln!(page, "| {} | {} | {} |", header(nested), count(nested.count), nested.doc);
        }
    }
    for nested in block.blocks.iter().filter(|nested| !elsewhere.iter().any(|other| std::ptr::eq(*other, nested.body))) {
        section(page, level + 1, &format!("{} in {title}", header(nested)), nested.body, elsewhere);
    }
}

fn header(nested: &NestedBlock) -> String {
    nested.labels.iter().fold(format!("`{}", nested.name), |text, label| format!("{text} \"{}\"", label.to_uppercase())) + "`"
}

fn count(count: Count) -> &'static str {
    match count {
        Count::One => "once",
        Count::Optional => "at most once",
        Count::Many => "any number",
    }
}

fn presence(attribute: &Attribute) -> String {
    match (attribute.presence, attribute.ty) {
        (Presence::Required, _) => "**required**".to_owned(),
        (Presence::Optional, _) => "none".to_owned(),
        (Presence::Default(""), AttributeType::Strings) => "`[]`".to_owned(),
        (Presence::Default(""), AttributeType::StringMap) => "`{}`".to_owned(),
        (Presence::Default(text), AttributeType::String) => format!("`\"{text}\"`"),
        (Presence::Default(text), _) => format!("`{text}`"),
    }
}
