//! Links between pages lead somewhere, and every page is reached from docs/README.md.

use std::collections::BTreeSet;

use crate::pages::{pages, prose, read, root};

/// The targets of the links in a page that stay within the tree.
fn links(text: &str) -> Vec<String> {
    prose(text)
        .split("](")
        .skip(1)
        .filter_map(|rest| rest.split(')').next())
        .filter(|target| !target.contains("://"))
        .map(str::to_owned)
        .collect()
}

/// A path from the top of the tree, out of one that is written in `page`.
fn resolve(page: &str, target: &str) -> String {
    let mut parts: Vec<&str> = page.split('/').collect();
    parts.pop();
    for part in target.split('/') {
        match part {
            "" | "." => {}
            ".." => {
                assert!(parts.pop().is_some(), "{page}: {target} leaves the tree");
            }
            name => parts.push(name),
        }
    }
    parts.join("/")
}

/// The anchors of a page, as GitHub makes them of headings.
fn anchors(text: &str) -> BTreeSet<String> {
    let headings = text.lines().filter(|line| line.starts_with('#'));
    headings
        .map(|line| {
            let title = line.trim_start_matches('#').trim().to_lowercase();
            let kept =
                title.chars().filter(|c| c.is_alphanumeric() || matches!(c, ' ' | '-' | '_'));
            kept.map(|c| if c == ' ' { '-' } else { c }).collect()
        })
        .collect()
}

#[test]
fn links_lead_somewhere() {
    let mut offences = Vec::new();
    for page in pages() {
        for link in links(&page.text) {
            let (path, anchor) = link.split_once('#').unwrap_or((&link, ""));
            let target =
                if path.is_empty() { page.name.clone() } else { resolve(&page.name, path) };
            // The package that is published leaves the fuzz kit out.
            let left_out = target.starts_with("fuzz/") && !root().join("fuzz").exists();
            let there = left_out || root().join(&target).exists();
            if !there || (!anchor.is_empty() && !anchors(&read(&target)).contains(anchor)) {
                offences.push(format!("{}: {link}", page.name));
            }
        }
    }
    assert!(offences.is_empty(), "{}", offences.join("\n"));
}

#[test]
fn every_page_is_reached_from_the_routes() {
    let mut reached = BTreeSet::new();
    let mut open = vec!["docs/README.md".to_owned()];
    while let Some(name) = open.pop() {
        if !reached.insert(name.clone()) {
            continue;
        }
        for link in links(&read(&name)) {
            let path = link.split('#').next().unwrap_or_default();
            let page = resolve(&name, path);
            // A published package has nothing of what is below `fuzz`.
            let here = !page.starts_with("fuzz/") || root().join("fuzz").is_dir();
            if here && std::path::Path::new(path).extension().is_some_and(|e| e == "md") {
                open.push(page);
            }
        }
    }
    let lost: Vec<_> =
        pages().into_iter().map(|page| page.name).filter(|name| !reached.contains(name)).collect();
    assert!(lost.is_empty(), "no link leads to {lost:?}");
}
