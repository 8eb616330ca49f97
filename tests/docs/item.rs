//! Finding an item in a Rust file by its name, by the look of rustfmt's output.
//!
//! Came from: pages that name `src/file.rs::item`. Goes to: the same, with the item's text. Absent
//! on purpose: a parser. A name that is not found fails a test, so the worst is a sentence to mend.

/// What may stand before the name of an item.
const KINDS: [&str; 9] =
    ["fn ", "struct ", "enum ", "const ", "static ", "trait ", "type ", "mod ", "macro_rules! "];

/// Whether `text` has an item of that name; of `Type::method`, both are wanted.
pub(crate) fn exists(text: &str, path: &str) -> bool {
    path.split("::").all(|name| text.lines().any(|line| begins(line, name)))
}

/// The text of an item, its comments and attributes included, moved to the left margin.
pub(crate) fn text_of(text: &str, path: &str) -> Option<String> {
    let name = path.rsplit("::").next()?;
    let lines: Vec<&str> = text.lines().collect();
    let at = lines.iter().position(|line| begins(line, name))?;
    let indent = lines[at].len() - lines[at].trim_start().len();
    let length = lines[at..].iter().position(|line| {
        let (margin, rest) = line.split_at(indent.min(line.len()));
        margin.trim().is_empty() && ends(rest)
    })?;
    let mut from = at;
    while from > 0 && belongs_to_the_next(lines[from - 1].trim()) {
        from -= 1;
    }
    let own = lines[from..=at + length].iter().map(|line| line.get(indent..).unwrap_or_default());
    Some(own.flat_map(|line| [line, "\n"]).collect())
}

/// Whether a line begins the item of this name.
fn begins(line: &str, name: &str) -> bool {
    let mut rest = line.trim_start();
    for word in ["pub ", "pub(crate) ", "pub(super) ", "unsafe "] {
        rest = rest.strip_prefix(word).unwrap_or(rest);
    }
    if rest.starts_with("const fn ") {
        rest = &rest["const ".len()..];
    }
    let named = |kind: &str| rest.strip_prefix(kind)?.strip_prefix(name);
    let behind = KINDS.iter().find_map(|kind| named(kind));
    behind.is_some_and(|rest| !rest.starts_with(|c: char| c.is_alphanumeric() || c == '_'))
}

/// Whether an item can end with this line, seen from its own margin.
fn ends(line: &str) -> bool {
    let closes = line.starts_with('}') || line.starts_with(']');
    let at_margin = !line.starts_with([' ', ')']);
    closes || (at_margin && (line.ends_with(';') || line.ends_with("{}")))
}

fn belongs_to_the_next(line: &str) -> bool {
    line.starts_with("///") || line.starts_with("#[")
}
