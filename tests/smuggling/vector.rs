//! What a vector is: bytes that two readers may understand differently, and our one answer.
//!
//! Came from: the lists beside this file. Goes to: `tests/smuggling.rs`, which sends it, and
//! `tests/docs/smuggling.rs`, which prints it. Absent on purpose: what others answer to it.

#![allow(dead_code)] // The docs send nothing, and the tests print nothing.

/// The request that must never be seen as one, unless whoever forwards it saw it as one.
pub(crate) const SMUGGLED: &str =
    "POST /smuggled HTTP/1.1\r\nHost: tollway.example\r\nContent-Length: 1\r\n\r\nx";

/// How most of them begin: what follows is told alone.
pub(crate) const BEGIN: &str = "POST /news HTTP/1.1\r\nHost: tollway.example\r\n";

/// A known way to make two readers disagree.
pub(crate) struct Vector {
    /// What the literature calls it, or what it does.
    pub(crate) name: &'static str,
    /// What is sent; a character is a byte. `{smuggled}` is [`SMUGGLED`], `{begin}` is [`BEGIN`],
    /// `{all}` the length of what follows the head, `{x*9}` nine times x.
    sent: &'static str,
    /// A status for each answer, and for a refusal the name of the offence. `close` at the end: the
    /// server ends the connection.
    pub(crate) answers: &'static [&'static str],
    /// Why this answer is safe.
    pub(crate) why: &'static str,
}

pub(crate) const fn vector(
    name: &'static str,
    sent: &'static str,
    answers: &'static [&'static str],
    why: &'static str,
) -> Vector {
    Vector { name, sent, answers, why }
}

impl Vector {
    /// What is sent.
    pub(crate) fn bytes(&self) -> Vec<u8> {
        let mut text = self.sent.replace("{begin}", BEGIN).replace("{smuggled}", SMUGGLED);
        while let Some((before, rest)) = text.split_once("{x*") {
            let (count, after) = rest.split_once('}').expect("a closing brace");
            let many = "x".repeat(count.parse().expect("a number"));
            text = format!("{before}{many}{after}");
        }
        if let Some(at) = text.find("\r\n\r\n") {
            let length = text[at + 4..].chars().count();
            text = text.replace("{all}", &length.to_string());
        }
        text.chars().map(|c| u8::try_from(c).expect("a character is a byte")).collect()
    }

    /// What is sent, as it is told in the docs: the usual beginning is left out.
    pub(crate) fn shown(&self) -> String {
        let text = self.sent.replace("{begin}", "").replace("{smuggled}", "[smuggled]");
        let text: String = text
            .chars()
            .flat_map(|c| match c {
                '\r' => vec!['\\', 'r'],
                '\n' => vec!['\\', 'n'],
                '\t' => vec!['\\', 't'],
                ' '..='~' => vec![c],
                _ => format!("\\x{:02x}", c as u32).chars().collect(),
            })
            .collect();
        text.replace('|', "\\|")
    }
}
