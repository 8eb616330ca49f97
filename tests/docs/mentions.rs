//! What the pages name in the sources exists. A mention is written `src/file.rs::item`.

use crate::item;
use crate::pages::{files, pages, prose, read, root};

/// The mentions in a page: what stands between backticks and begins like a path of ours.
fn mentions(text: &str) -> Vec<String> {
    let prose = prose(text);
    let spans = prose.split('`').skip(1).step_by(2);
    let ours = |span: &&str| {
        ["src/", "tests/", "docs/", "fuzz/", ".ci/", "src::", "Cargo."]
            .iter()
            .any(|start| span.starts_with(start))
    };
    spans.filter(ours).map(str::to_owned).collect()
}

/// Why a mention leads nowhere.
fn offence(mention: &str) -> Option<&'static str> {
    let (file, item) = match mention.split_once("::") {
        Some((file, item)) => (file, Some(item)),
        None => (mention, None),
    };
    let path = root().join(file);
    match item {
        None if path.exists() => None,
        None => Some("there is no such file"),
        Some(item) => match std::fs::read_to_string(path) {
            Ok(text) if item::exists(&text, item) => None,
            Ok(_) => Some("the file has no such item"),
            Err(_) => Some("there is no such file"),
        },
    }
}

#[test]
fn what_is_named_exists() {
    let mut offences = Vec::new();
    for page in pages() {
        for mention in mentions(&page.text) {
            if let Some(offence) = offence(&mention) {
                offences.push(format!("{}: `{mention}`: {offence}", page.name));
            }
        }
    }
    assert!(offences.is_empty(), "{}", offences.join("\n"));
}

#[test]
fn every_wing_of_the_tests_is_told_of() {
    let page = read("tests/README.md");
    let wings = files("tests", "rs").into_iter().filter(|name| name.matches('/').count() == 1);
    let untold: Vec<String> =
        wings.filter(|name| !page.contains(&name[..name.len() - ".rs".len()])).collect();
    assert!(untold.is_empty(), "no word about {untold:?}");
}

#[test]
fn nobody_cites_line_numbers() {
    let mut offences = Vec::new();
    for page in pages() {
        for (number, line) in (1..).zip(page.text.lines()) {
            let cites = |mark: &str| {
                line.split(mark).skip(1).any(|rest| rest.starts_with(|c: char| c.is_ascii_digit()))
            };
            if cites(".rs:") || cites(".rs#L") {
                offences.push(format!("{}, line {number}: {line}", page.name));
            }
        }
    }
    assert!(offences.is_empty(), "{}", offences.join("\n"));
}

#[test]
fn every_dependency_has_its_reason() {
    let manifest = read("Cargo.toml");
    let reasons = read("docs/decisions/16-dependencies.md");
    let lines = manifest.lines();
    let of_the_product = lines
        .skip_while(|line| *line != "[dependencies]")
        .skip(1)
        .take_while(|line| !line.starts_with('['));
    let names = of_the_product.filter_map(|line| Some(line.split_once(" =")?.0));
    let missing: Vec<_> = names.filter(|name| !reasons.contains(&format!("`{name}`"))).collect();
    assert!(missing.is_empty(), "no word about {missing:?}");
}
