//! The book in Chinese has what the book in English has: the same pages, headings of the same
//! levels in the same order, the same blocks of code, links, pictures, mentions and numbers.
//!
//! Absent on purpose: the words. Whether they say the same, a reader has to judge.

use crate::pages::{Block, Page, blocks, pages, prose};

const BOOK: &str = "docs/book/";
const CHINESE: &str = "docs/book/zh/";

/// All of a page that does not depend on its language, a list for each kind of thing. What stands
/// within a sentence is sorted: two languages seldom have it in one order.
type Skeleton = [(&'static str, Vec<String>); 6];

/// The target of a link, from the top of the tree, in either language.
fn target(page: &str, link: &str) -> String {
    let mut parts: Vec<&str> = page.split('/').collect();
    parts.pop();
    for part in link.split('/') {
        match part {
            ".." => drop(parts.pop()),
            part => parts.push(part),
        }
    }
    parts.join("/").replace(CHINESE, BOOK)
}

fn sorted(mut list: Vec<String>) -> Vec<String> {
    list.sort();
    list
}

/// The numbers in a text: digits, with what stands between them.
fn numbers(text: &str) -> Vec<String> {
    let words = text.split(|c: char| !c.is_ascii_digit() && c != ',' && c != '.');
    let trimmed = words.map(|word| word.trim_matches([',', '.']));
    trimmed.filter(|word| !word.is_empty()).map(str::to_owned).collect()
}

fn skeleton(page: &Page) -> Skeleton {
    let prose = prose(&page.text);
    let headings = prose.lines().filter(|line| line.starts_with('#'));
    let (mut spans, mut words) = (Vec::new(), String::new());
    for (n, part) in prose.split('`').enumerate() {
        if n % 2 == 1 { spans.push(part) } else { words.push_str(part) }
    }
    let links = words.split("](").skip(1).filter_map(|rest| rest.split(')').next());
    let mentions = spans.iter().filter(|span| span.contains(['/', ':']));
    let level = |line: &str| line.chars().take_while(|c| *c == '#').collect();
    let block = |block: Block<'_>| format!("{}\n{}", block.info, &page.text[block.range]);
    [
        ("headings", headings.map(level).collect()),
        ("blocks", blocks(&page.text).into_iter().map(block).collect()),
        ("pictures", words.matches("![").map(str::to_owned).collect()),
        ("links", links.map(|link| target(&page.name, link)).collect()),
        ("mentions", sorted(mentions.map(|&span| span.to_owned()).collect())),
        ("numbers", sorted(numbers(&words))),
    ]
}

/// The first thing in which two pages differ.
fn difference(english: &Page, chinese: &Page) -> Option<String> {
    let (english, chinese) = (skeleton(english), skeleton(chinese));
    let (one, other) = english.iter().zip(&chinese).find(|(one, other)| one != other)?;
    let none = "nothing".to_owned();
    let lengths = 0..one.1.len().max(other.1.len());
    let mut pairs = lengths.map(|n| [one, other].map(|list| list.1.get(n).unwrap_or(&none)));
    let [english, chinese] = pairs.find(|[english, chinese]| english != chinese)?;
    Some(format!("{}: {english:?} in English, {chinese:?} in Chinese", one.0))
}

#[test]
fn the_book_has_one_skeleton_in_two_languages() {
    let all = pages().into_iter().filter(|page| page.name.starts_with(BOOK));
    let (chinese, english): (Vec<Page>, Vec<Page>) =
        all.partition(|page| page.name.starts_with(CHINESE));
    let names = |pages: &[Page], folder| -> Vec<String> {
        pages.iter().map(|page| page.name.replace(folder, "")).collect()
    };
    assert_eq!(names(&english, BOOK), names(&chinese, CHINESE));
    assert!(english.len() >= 2, "the first page and a chapter");
    for (english, chinese) in english.iter().zip(&chinese) {
        let difference = difference(english, chinese).unwrap_or_default();
        assert!(difference.is_empty(), "{}: {difference}", english.name);
    }
}

#[test]
fn a_skeleton_has_what_no_language_changes() {
    let page = |name: &str, text: &str| Page { name: name.to_owned(), text: text.to_owned() };
    let english = page(
        "docs/book/a.md",
        "# A\n\nOf 1,000 one is `src/x.rs::y`: [b](b.md), [c](../c.md#d), `z`.\n\n\
         ## B\n\n```sh\nls\n```\n",
    );
    let chinese = page(
        "docs/book/zh/a.md",
        "# 甲\n\n`src/x.rs::y` 是 1,000 个之一：[乙](b.md)、[丙](../../c.md#d)。\n\n\
         ## 乙\n\n```sh\nls\n```\n",
    );
    assert_eq!(difference(&english, &chinese), None);
    for (from, to) in
        [("1,000", "100"), ("## B", "### B"), ("ls", "lt"), ("(b.md)", "(e.md)"), ("::y", "")]
    {
        let other = page(&english.name, &english.text.replace(from, to));
        assert!(difference(&other, &chinese).is_some(), "{from}");
    }
}
