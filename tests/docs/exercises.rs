//! The exercises of the book: every patch fits the tree as it is, and the pages tell of each.
//!
//! A change of the code that outdates a patch is told of here; `break_it` runs the patches. Absent
//! on purpose: whether a solution is right. Its patch says how that is seen.

use crate::pages::{blocks, files, read};
use crate::patch::{Files, Patch};

const BREAK: &str = "docs/book/exercises/break/";
const BUILD: &str = "docs/book/exercises/build/";
const SOLUTIONS: &str = "docs/book/exercises/build/solutions/";
/// What stands in front of a block with what was found, in either language.
pub(crate) const FOUND: &str = "text found=";
/// Where those blocks are.
pub(crate) const ANSWERS: [&str; 2] =
    ["docs/book/break-it-answers.md", "docs/book/zh/break-it-answers.md"];
/// One mistake is seen at a glance.
const CHANGED_LINES_MAX: usize = 15;
/// A solution is read at one sitting.
const SOLUTION_LINES_MAX: usize = 300;

/// The patches in a folder, by name without its ending.
fn patches(folder: &str) -> Vec<(String, Patch)> {
    let stem = |file: &String| file[folder.len()..].trim_end_matches(".patch").to_owned();
    let mut all = files(folder.trim_end_matches('/'), "patch");
    all.retain(|file| !file[folder.len()..].contains('/'));
    all.iter().map(|file| (stem(file), Patch::parse(&read(file)))).collect()
}

/// The names of the patches of *break it*, in their order.
pub(crate) fn mistakes() -> Vec<String> {
    patches(BREAK).into_iter().map(|(name, _)| name).collect()
}

/// What the answers say was found for a patch: wings and tests.
pub(crate) fn answer(name: &str) -> Vec<String> {
    let page = read(ANSWERS[0]);
    let wanted = format!("{FOUND}{name}");
    let block = blocks(&page).into_iter().find(|block| block.info == wanted);
    let block = block.unwrap_or_else(|| panic!("{}: no block of {name}", ANSWERS[0]));
    tests_in(&page[block.range])
}

/// The lines that name tests: what each said stands below it, further in.
pub(crate) fn tests_in(found: &str) -> Vec<String> {
    found.lines().filter(|line| !line.starts_with(' ')).map(str::to_owned).collect()
}

#[test]
fn every_mistake_fits_the_tree_and_is_small() {
    let all = patches(BREAK);
    assert_eq!(all.len(), 12);
    for (n, (name, patch)) in (1..).zip(&all) {
        assert!(name.starts_with(&format!("{n:02}-")), "{name} is number {n}");
        let changed = patch.changed_lines();
        assert!(changed <= CHANGED_LINES_MAX, "{name} changes {changed} lines");
        assert!(patch.files().all(|file| file.starts_with("src/")), "{name}: not of the program");
        let fits = patch.apply(&mut Files::new());
        assert_eq!(fits, Ok(()), "{BREAK}{name}.patch is out of date");
    }
}

#[test]
fn every_test_to_be_turned_green_fits_the_tree_and_so_does_its_solution() {
    let (exercises, mut solutions) = (patches(BUILD), patches(SOLUTIONS));
    let page = read("docs/book/build-it.md");
    let links = page.split("](exercises/build/").skip(1).filter_map(|link| link.split_once(".p"));
    let linked: Vec<&str> = links.map(|(name, _)| name).collect();
    let mut names: Vec<String> = exercises.iter().map(|(name, _)| name.clone()).collect();
    names.extend(solutions.iter().map(|(name, _)| format!("solutions/{name}")));
    assert_eq!(linked, names);
    for (name, patch) in exercises {
        let mut tree = Files::new();
        assert!(patch.files().all(|file| file.starts_with("tests/")), "{name}: not of the tests");
        assert_eq!(patch.apply(&mut tree), Ok(()), "{BUILD}{name}.patch is out of date");
        if let Some(at) = solutions.iter().position(|(solved, _)| *solved == name) {
            let (_, solution) = solutions.remove(at);
            assert!(solution.changed_lines() <= SOLUTION_LINES_MAX, "{name}");
            let fits = solution.apply(&mut tree);
            assert_eq!(fits, Ok(()), "{SOLUTIONS}{name}.patch is out of date");
        }
    }
    assert!(solutions.is_empty(), "a solution of nothing");
}

#[test]
fn the_pages_ask_about_every_mistake_in_its_order() {
    let page = read("docs/book/break-it.md");
    let links: Vec<&str> = page.split("](exercises/break/").skip(1).collect();
    let asked = links.iter().filter_map(|link| Some(link.split_once(".patch)")?.0.to_owned()));
    assert_eq!(asked.collect::<Vec<_>>(), mistakes());
    for name in ANSWERS {
        let page = read(name);
        let infos = blocks(&page).into_iter().map(|block| block.info);
        let answered = infos.filter_map(|info| info.strip_prefix(FOUND).map(str::to_owned));
        assert_eq!(answered.collect::<Vec<_>>(), mistakes(), "{name}");
    }
}

#[test]
fn the_answers_name_tests_that_there_are() {
    let mut sources = files("src", "rs");
    sources.extend(files("tests", "rs"));
    let sources: Vec<String> = sources.iter().map(|name| read(name)).collect();
    for name in mistakes() {
        let answer = answer(&name);
        assert!(!answer.is_empty(), "{name}: somebody notices");
        for line in answer {
            let (_, test) = line.split_once(' ').expect("a wing and a test");
            let test = test.rsplit("::").next().expect("one name at least");
            // A row of a table that makes tests, such as that of the transcripts, names one too.
            let (function, row) = (format!("fn {test}("), format!("\n    {test} \""));
            let there = |text: &String| text.contains(&function) || text.contains(&row);
            assert!(sources.iter().any(there), "{name}: there is no test {test}");
        }
    }
}
