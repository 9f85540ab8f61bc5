//! Pages for people: every relative link leads somewhere, and every page can be reached from the README.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..").canonicalize().expect("the work tree")
}

/// Targets of `](target)` outside of code, without anchors and without addresses of other machines.
fn links(text: &str) -> Vec<String> {
    let mut links = Vec::new();
    let mut code = false;
    for line in text.lines() {
        code ^= line.trim_start().starts_with("```");
        if code {
            continue;
        }
        for after in line.split("](").skip(1) {
            let target = after.split(')').next().unwrap_or_default().split('#').next().unwrap_or_default();
            if !target.is_empty() && !target.contains("://") {
                links.push(target.to_owned());
            }
        }
    }
    links
}

fn pages(folder: &Path, found: &mut BTreeSet<PathBuf>) {
    for entry in std::fs::read_dir(folder).expect("a folder of ours").flatten() {
        let path = entry.path();
        if path.is_dir() {
            pages(&path, found);
        } else if path.extension().is_some_and(|ending| ending == "md") {
            found.insert(path);
        }
    }
}

#[test]
fn links_are_found_outside_of_code() {
    let text = "a [b](c.md#d) [e](https://example.com) [f](#g)\n```\n[h](i.md)\n```\n[j](k/l.md)";
    assert_eq!(links(text), ["c.md", "k/l.md"]);
}

#[test]
fn every_link_leads_somewhere_and_every_page_can_be_reached() {
    let root = root();
    let mut all = BTreeSet::from([root.join("ARCHITECTURE.md"), root.join("CHANGELOG.md")]);
    pages(&root.join("docs"), &mut all);
    let mut seen = BTreeSet::new();
    let mut broken = Vec::new();
    let mut left = vec![root.join("README.md")];
    while let Some(page) = left.pop() {
        if !seen.insert(page.clone()) || page.extension().is_none_or(|ending| ending != "md") {
            continue;
        }
        let text = std::fs::read_to_string(&page).expect("a page");
        for link in links(&text) {
            match page.parent().map(|folder| folder.join(&link)).and_then(|path| path.canonicalize().ok()) {
                Some(target) => left.push(target),
                None => broken.push(format!("{}: {link}", page.display())),
            }
        }
    }
    assert_eq!(broken, Vec::<String>::new());
    let lost: Vec<&PathBuf> = all.difference(&seen).collect();
    assert!(lost.is_empty(), "no link leads to {lost:?}");
}
