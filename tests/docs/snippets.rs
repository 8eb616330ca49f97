//! The browser snippets of README.md run as they stand, in a browser.

use std::fs;

use crate::foreign::{self, Foreign};
use crate::pages::{blocks, read};
use crate::server::{Server, fresh_path};

#[test]
fn the_snippets_of_the_readme_run_in_a_browser() {
    let test = "the_snippets_of_the_readme_run_in_a_browser";
    let Some(chromium) = foreign::chromium(test) else {
        return;
    };
    let Some(node) = Foreign::node(test, &["playwright-core"], "docs/snippets.mjs") else {
        return;
    };
    let folder = fresh_path("snippets");
    fs::create_dir_all(&folder).expect("the scratch directory is writable");
    let path = folder.to_str().expect("a tree in a path of UTF-8");
    let readme = read("README.md");
    let snippets: Vec<&str> = blocks(&readme)
        .into_iter()
        .filter(|block| block.info == "js")
        .map(|block| &readme[block.range])
        .collect();
    assert_eq!(snippets.len(), 4, "one for each technique");
    for snippet in snippets {
        let server = Server::start(&["--threads", "2", "--static", path]);
        let port = server.port().to_string();
        let page = format!("<!doctype html><link rel=icon href=data:,><script>{snippet}</script>");
        fs::write(folder.join("page.html"), page).expect("just made");
        let expects_name = snippet.contains("myMsg").to_string();
        node.run(&[&port, "the_snippet_shows_messages", &chromium, &expects_name]);
    }
    let _ = fs::remove_dir_all(&folder);
}
