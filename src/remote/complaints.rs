//! What a reader says of what does not work: each of it once, as long as that lasts.
//!
//! Came from: `reader`. Goes to: standard error. Absent on purpose: what is done about it.

use super::flags::via;
use super::show;
use crate::technique::Technique;

/// What was said since something worked, and what is to be said in one line.
pub struct Complaints {
    /// Each is said, however often it comes.
    verbose: bool,
    said: Vec<String>,
    /// Techniques that were refused in a row, and by which words.
    refused: (Vec<Technique>, String),
}

impl Complaints {
    /// Nothing to complain of. `verbose`: whatever happens is told.
    pub fn new(verbose: bool) -> Self {
        Self { verbose, said: Vec::new(), refused: (Vec::new(), String::new()) }
    }

    /// A technique reads: told to those who heard that something did not work.
    pub fn end(&mut self, technique: Technique) {
        self.say_refusals();
        if self.verbose || !self.said.is_empty() {
            show::note(&format!("{} reads", via(technique)));
        }
        self.said.clear();
    }

    /// Notes a refusal. Those before it that were worded otherwise are said.
    pub fn refused(&mut self, technique: Technique, what: &str) {
        if self.refused.1 != what {
            self.say_refusals();
            what.clone_into(&mut self.refused.1);
        }
        self.refused.0.push(technique);
    }

    /// The refusals that are to be said, in one line.
    pub fn refusals(&mut self) -> String {
        let (techniques, what) = std::mem::take(&mut self.refused);
        let names: Vec<&str> = techniques.into_iter().map(via).collect();
        match &names[..] {
            [first @ .., last] if !first.is_empty() => {
                format!("each of {} and {last} {what}", first.join(", "))
            }
            _ => format!("{} {what}", names.concat()),
        }
    }

    /// Says what does not work, behind what was refused before.
    pub fn say(&mut self, line: &str, what: &str) {
        self.say_refusals();
        self.say_once(line, what);
    }

    fn say_refusals(&mut self) {
        if !self.refused.0.is_empty() {
            let line = self.refusals();
            self.say_once(&line, &line);
        }
    }

    fn say_once(&mut self, line: &str, what: &str) {
        let is_new = !self.said.iter().any(|said| said == what);
        if self.verbose || is_new {
            show::note(line);
        }
        if is_new && self.said.len() < SAID_MAX {
            self.said.push(what.to_owned());
        }
    }
}

/// More kinds of failure in a row are said again and again.
const SAID_MAX: usize = 64;
