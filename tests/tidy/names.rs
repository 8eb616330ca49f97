//! No two types of one name, anywhere in src/: a reader who looks a name up finds one answer.

use std::collections::BTreeMap;

use crate::source::{assert_none, is_test, product_lines, sources};

/// The type that a line declares. An indented `type` belongs to an `impl` and is a trait's choice.
fn declared(line: &str) -> Option<&str> {
    let mut words = line.split_whitespace().skip_while(|word| word.starts_with("pub"));
    let keyword = words.next()?;
    let is_item = matches!(keyword, "struct" | "enum" | "union" | "trait")
        || (keyword == "type" && !line.starts_with(' '));
    let name = words.next().filter(|_| is_item)?;
    let end = name.find(|c: char| !c.is_alphanumeric() && c != '_').unwrap_or(name.len());
    // A macro's `$name` is declared where the macro is used.
    Some(&name[..end]).filter(|name| !name.is_empty())
}

#[test]
fn no_two_types_have_one_name() {
    let files = sources("src");
    let mut places: BTreeMap<&str, Vec<String>> = BTreeMap::new();
    for (name, text) in files.iter().filter(|(name, _)| !is_test(name)) {
        for (line, code) in product_lines(text) {
            if let Some(declared) = declared(code) {
                places.entry(declared).or_default().push(format!("{name}:{line}"));
            }
        }
    }
    assert!(places.contains_key("Broker") && places.contains_key("HeadError"), "they are found");
    let twins = places.iter().filter(|(_, places)| places.len() > 1);
    let offences: Vec<String> =
        twins.map(|(name, places)| format!("{name}: {}", places.join(", "))).collect();
    assert_none("types of one name", &offences);
}
