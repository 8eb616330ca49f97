//! The docs, as a test: what they name exists, what they print is what happens, what they list is
//! what the code has.
//!
//! `UPDATE_DOCS=1 cargo test --test docs` writes anew what is made from the code: listings, the
//! pictures of the book, the pages under `docs/reference`, the tables between
//! `<!-- made from … -->` marks, and the answers that the examples show. Whatever is left red after
//! that is a sentence to be mended by hand.

#[path = "support/foreign.rs"]
mod foreign;
#[path = "support/http.rs"]
mod http;
#[path = "support/server.rs"]
mod server;

#[path = "docs/break_it.rs"]
mod break_it;
#[path = "docs/command_line.rs"]
mod command_line;
#[path = "docs/console.rs"]
mod console;
#[path = "docs/diagrams.rs"]
mod diagrams;
#[path = "docs/exercises.rs"]
mod exercises;
#[path = "docs/figures.rs"]
mod figures;
#[path = "docs/fresh_clone.rs"]
mod fresh_clone;
#[path = "docs/item.rs"]
mod item;
#[path = "docs/links.rs"]
mod links;
#[path = "docs/listings.rs"]
mod listings;
#[path = "docs/map.rs"]
mod map;
#[path = "docs/mentions.rs"]
mod mentions;
#[path = "docs/pages.rs"]
mod pages;
#[path = "docs/patch.rs"]
mod patch;
#[path = "docs/reference.rs"]
mod reference;
#[path = "docs/sequence.rs"]
mod sequence;
#[path = "docs/smuggling.rs"]
mod smuggling;
#[path = "docs/snippets.rs"]
mod snippets;
#[path = "docs/story.rs"]
mod story;
#[path = "docs/translations.rs"]
mod translations;
