//! The pictures of the book are drawn from transcripts.
//!
//! `diagrams/room.story.svg` is `tests/transcripts/room/story.txt`, and
//! `diagrams/room.story.some_words.svg` the part of it that begins with the comment of these words
//! and ends before the next; what stands before it is not drawn. `listings.rs` prints such parts.

use std::collections::BTreeSet;

use crate::pages::{files, keep, pages, prose, read};
use crate::{sequence, story};

const STORIES: &str = "tests/transcripts/";
const PICTURES: &str = "docs/book/diagrams/";

/// The first words of a comment, as a name.
fn slug(comment: &str) -> String {
    let words = comment.split(|c: char| !c.is_ascii_alphanumeric());
    let words: Vec<_> = words.filter(|word| !word.is_empty()).map(str::to_lowercase).collect();
    words.join("_")
}

/// A part of a transcript: what stands before it, and itself.
pub(crate) type Part = (String, String);

/// A transcript, or the part of it that begins with a comment of these words.
pub(crate) fn part(text: &str, words: Option<&str>) -> Option<Part> {
    let Some(words) = words else { return Some((String::new(), text.to_owned())) };
    let lines: Vec<&str> = text.split_inclusive('\n').collect();
    let begins = |line: &&str| line.starts_with('#');
    let from = lines.iter().position(|line| begins(line) && slug(line).starts_with(words))?;
    let length = lines[from + 1..].iter().position(begins);
    let to = length.map_or(lines.len(), |length| from + 1 + length);
    Some((lines[..from].concat(), lines[from..to].concat()))
}

fn transcript(name: &str, words: Option<&str>) -> Part {
    let text = read(&format!("{STORIES}{name}.txt"));
    part(&text, words).unwrap_or_else(|| panic!("{name} has no part {words:?}"))
}

/// The names of the pictures that the pages show.
fn shown() -> BTreeSet<String> {
    let book = pages().into_iter().filter(|page| page.name.starts_with("docs/book/"));
    let prose: String = book.map(|page| prose(&page.text)).collect();
    let links = prose.split("diagrams/").skip(1).filter_map(|rest| rest.split_once(".svg)"));
    links.map(|(name, _)| name.to_owned()).collect()
}

fn drawn((before, text): &Part) -> String {
    let title = text.lines().next().unwrap_or_default().trim_start_matches(['#', ' ']);
    sequence::draw(title, &story::read(before, text))
}

fn whole(text: &str) -> Part {
    (String::new(), text.to_owned())
}

#[test]
fn pictures_are_drawn_from_transcripts() {
    let shown = shown();
    assert!(!shown.is_empty());
    for name in &shown {
        let mut words = name.splitn(3, '.');
        let (room, story) = (words.next().unwrap_or_default(), words.next().unwrap_or_default());
        let part = transcript(&format!("{room}/{story}"), words.next());
        keep(&format!("{PICTURES}{name}.svg"), |_| drawn(&part));
    }
    let kept: BTreeSet<String> = files(PICTURES.trim_end_matches('/'), "svg")
        .iter()
        .map(|file| file[PICTURES.len()..].trim_end_matches(".svg").to_owned())
        .collect();
    assert_eq!(kept, shown, "pictures that are there, and pictures that a page shows");
}

#[test]
fn every_transcript_can_be_drawn() {
    for file in files(STORIES.trim_end_matches('/'), "txt") {
        let svg = drawn(&whole(&read(&file)));
        for text in svg.split("<text x=\"").skip(1) {
            let (x, rest) = text.split_once('"').expect("a number");
            let words = rest.split_once('>').and_then(|(_, rest)| rest.split_once("</text>"));
            let words = words.expect("an element").0.replace("&lt;", "<").replace("&gt;", ">");
            let width = words.replace("&amp;", "&").chars().count() * sequence::LETTER / 10;
            let x: usize = x.parse().expect("a number");
            let left = !rest.contains("class=\"name\"") && !rest.contains("middle");
            let inside = rest.contains("right") || !left || x + width <= sequence::WIDTH;
            assert!(inside && x <= sequence::WIDTH, "{file}: {words:?} is beyond the edge");
        }
    }
}

/// The bytes that a transcript spells out, a line each.
fn spelled_out(text: &str) -> impl Iterator<Item = &str> {
    let named = ["poll", "created", "problem", "chunk", "plain", "EOF"];
    let is_named = move |text: &&str| named.contains(&text.split(' ').next().unwrap_or_default());
    let left_out = |text: &&str| story::LEFT_OUT.iter().any(|field| text.starts_with(field));
    text.lines().filter_map(move |line| {
        let name = line.split(|c: char| !c.is_ascii_alphanumeric()).next()?;
        let rest = &line[name.len()..];
        let whole = ["> ", "< "].iter().find_map(|sign| rest.strip_prefix(sign));
        let exact = [">| ", "<| ", ">: ", "<: "].iter().find_map(|sign| rest.strip_prefix(sign));
        whole.filter(|text| !is_named(text) && !left_out(text)).or(exact)
    })
}

#[test]
fn no_word_of_a_transcript_is_lost() {
    for file in files(STORIES.trim_end_matches('/'), "txt") {
        let text = read(&file);
        let mut said = String::new();
        for scene in story::read("", &text).scenes {
            if let story::Scene::Said { lines, .. } = scene {
                said.extend(lines.iter().flat_map(|line| [line, "\n"]));
            }
        }
        let lost: Vec<_> = spelled_out(&text).filter(|words| !said.contains(words)).collect();
        assert!(lost.is_empty(), "{file}: {lost:?}");
    }
}

#[test]
fn a_picture_shows_who_says_what() {
    let text = "# A title.\nopen sse /news as a\n | Last-Event-ID: e-1\nwait 12s\n\
                publish /news \"<hi>\"\na< chunk\n | id: e-2\n | data: <hi>\n |\nfinish a\n\
                a<: \"0\\r\\n\"\na< EOF\nclose a peer_left\n";
    let svg = drawn(&whole(text));
    let told = [
        "<title>A title.</title>",
        ">GET /news HTTP/1.1 …<",
        ">Last-Event-ID: e-1<",
        ">12 s<",
        ">POST /news \"&lt;hi&gt;\"<",
        ">data: &lt;hi&gt;<",
        ">FIN<",
        ">\"0\\r\\n\"<",
        ">FIN<",
        ">close a peer_left<",
    ];
    let mut rest = &*svg;
    for words in told {
        let at = rest.find(words).unwrap_or_else(|| panic!("{words} is missing in {svg}"));
        rest = &rest[at..];
    }
    for (from, to) in [("12s", "13s"), ("a< EOF\n", ""), ("e-2", "e-3"), ("peer_left", "reset")] {
        assert_ne!(drawn(&whole(&text.replace(from, to))), svg, "{from}");
    }
}

#[test]
fn a_part_is_found_by_its_comment() {
    let text = "# Title: one.\nopen websocket /x as a\n# What is said\na< 89 00\na< 81 01 \"x\"\n\
                # The rest.\nwait 1s\n";
    let of = |words| part(text, Some(words));
    let (before, said) = of("what_is").expect("it is there");
    assert_eq!(said, "# What is said\na< 89 00\na< 81 01 \"x\"\n");
    assert_eq!(of("the_rest").expect("it is there").1, "# The rest.\nwait 1s\n");
    assert_eq!(of("nothing"), None);
    // It goes on in frames, which are two arrows, with their names.
    let svg = drawn(&(before, said));
    assert!(svg.contains(">Ping<") && svg.contains(">text<"), "{svg}");
    assert_eq!(svg.matches("class=\"down\"").count(), 2);
}
