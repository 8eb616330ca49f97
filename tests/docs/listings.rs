//! Listings are the sources themselves: a block opened with `rust src=path::item` is that item, and
//! one with `src=path` alone is that file. Of a transcript, `part=some_words` is the part that
//! begins with the comment of these words.

use crate::diagrams::part;
use crate::item;
use crate::pages::{blocks, keep, pages, read};

/// Whoever reads along holds so many lines in mind. A longer item is to be shown in parts.
const LISTING_LINES_MAX: usize = 30;

/// What follows a key in the words behind an opening fence.
fn word<'i>(info: &'i str, key: &str) -> Option<&'i str> {
    info.split(' ').find_map(|word| word.strip_prefix(key))
}

fn listing(source: &str, words: Option<&str>) -> String {
    let (file, item) = match source.split_once("::") {
        Some((file, item)) => (file, Some(item)),
        None => (source, None),
    };
    let text = read(file);
    match item {
        None => part(&text, words).unwrap_or_else(|| panic!("{source}: no {words:?}")).1,
        Some(item) => item::text_of(&text, item).unwrap_or_else(|| panic!("{source}: not found")),
    }
}

#[test]
fn listings_are_what_they_name() {
    for page in pages() {
        keep(&page.name, |text| {
            let mut text = text.to_owned();
            let found: Vec<_> = blocks(&text)
                .into_iter()
                .filter_map(|block| {
                    let (source, words) = (word(block.info, "src=")?, word(block.info, "part="));
                    Some((source.to_owned(), listing(source, words), block.range))
                })
                .collect();
            for (source, listing, range) in found.into_iter().rev() {
                assert!(
                    listing.lines().count() <= LISTING_LINES_MAX,
                    "{}: {source} is longer than {LISTING_LINES_MAX} lines",
                    page.name
                );
                text.replace_range(range, &listing);
            }
            text
        });
    }
}

#[test]
fn an_item_is_found_whole_and_with_its_comments() {
    let text = "/// A.\n#[derive(Debug)]\npub struct A {\n    b: u8,\n}\n\nimpl A {\n    \
                /// C.\n    pub const fn c(\n        self,\n    ) -> u8 {\n        1\n    }\n}\n\n\
                const D: u8 = 1;\nconst EE: [u8; 1] = [\n    1,\n];\nstruct F(u8);\n";
    let of = |name| item::text_of(text, name);
    assert_eq!(
        of("A").as_deref(),
        Some("/// A.\n#[derive(Debug)]\npub struct A {\n    b: u8,\n}\n")
    );
    assert_eq!(
        of("A::c").as_deref(),
        Some("/// C.\npub const fn c(\n    self,\n) -> u8 {\n    1\n}\n")
    );
    assert_eq!(of("D").as_deref(), Some("const D: u8 = 1;\n"));
    assert_eq!(of("EE").as_deref(), Some("const EE: [u8; 1] = [\n    1,\n];\n"));
    assert_eq!(of("F").as_deref(), Some("struct F(u8);\n"));
    assert_eq!(of("E"), None);
    assert!(item::exists(text, "A::c") && !item::exists(text, "A::d"));
}
