//! Patterns of topics: a name, in which each `*` stands for any characters, or none.
//!
//! Came from: the operator's flags, and the claims of a JWT. Goes to: `rights`, to be held against
//! the topic that is asked for. Absent on purpose: levels and separators. A topic's name has none.

use crate::limits::TOPIC_BYTES_MAX;

/// A pattern of topics.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TopicPattern(Box<str>);

impl TopicPattern {
    /// Reads a pattern. `None` for one that no topic's name could match, and for one that is
    /// longer than any name.
    pub fn parse(text: &str) -> Option<Self> {
        let may_stand = |b: u8| b.is_ascii_alphanumeric() || b"_.~-*".contains(&b);
        let fits = (1..=TOPIC_BYTES_MAX).contains(&text.len());
        let dots = text == "." || text == "..";
        (fits && !dots && text.bytes().all(may_stand)).then(|| Self(text.into()))
    }

    /// Whether `name` is one of those meant. Takes as many steps as the two have bytes, times each
    /// other, at most: 4,096.
    pub fn matches(&self, name: &str) -> bool {
        let (pattern, name) = (self.0.as_bytes(), name.as_bytes());
        let (mut p, mut n) = (0, 0);
        // Where the last star stands, and how far the name is taken to be its.
        let mut star: Option<(usize, usize)> = None;
        while n < name.len() {
            match pattern.get(p) {
                Some(b'*') => {
                    star = Some((p, n));
                    p += 1;
                }
                Some(byte) if *byte == name[n] => (p, n) = (p + 1, n + 1),
                Some(_) | None => {
                    let Some((at, taken)) = star else { return false };
                    star = Some((at, taken + 1));
                    (p, n) = (at + 1, taken + 1);
                }
            }
        }
        pattern[p..].iter().all(|byte| *byte == b'*')
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_star_stands_for_any_characters_or_none() {
        for (pattern, names, others) in [
            ("news", &["news"][..], &["new", "newss", "News"][..]),
            ("*", &["a", "news.sport"], &[]),
            ("chat.*", &["chat.", "chat.1", "chat.a.b"], &["chat", "xchat.1"]),
            ("*.public", &[".public", "a.public", "a.public.public"], &["public", "a.publi"]),
            ("a*b*c", &["abc", "aXbYc", "abcbc", "aabbcc"], &["ab", "acb", "abcd"]),
            ("**", &["a"], &[]),
            ("a**b", &["ab", "axb"], &["a", "b"]),
        ] {
            let parsed = TopicPattern::parse(pattern).expect(pattern);
            for name in names {
                assert!(parsed.matches(name), "{pattern} {name}");
            }
            for name in others {
                assert!(!parsed.matches(name), "{pattern} {name}");
            }
        }
    }

    #[test]
    fn what_no_name_could_match_is_no_pattern() {
        for text in ["", ".", "..", "a b", "a,b", "a/b", "é", "a=b", "?", &"x".repeat(65)] {
            assert_eq!(TopicPattern::parse(text), None, "{text}");
        }
        assert!(TopicPattern::parse(&"*".repeat(64)).is_some());
    }

    /// A twin that tries everything.
    fn slow(pattern: &[u8], name: &[u8]) -> bool {
        match (pattern, name) {
            ([], name) => name.is_empty(),
            ([b'*', rest @ ..], name) => (0..=name.len()).any(|n| slow(rest, &name[n..])),
            ([p, rest @ ..], [n, name @ ..]) => p == n && slow(rest, name),
            (_, []) => false,
        }
    }

    #[test]
    fn it_agrees_with_a_twin_that_tries_everything() {
        let words = |alphabet: &[u8], length: u32| -> Vec<Vec<u8>> {
            let all = 0..alphabet.len().pow(length);
            let word = |mut n: usize| {
                let mut letters = Vec::new();
                for _ in 0..length {
                    letters.push(alphabet[n % alphabet.len()]);
                    n /= alphabet.len();
                }
                letters
            };
            all.map(word).collect()
        };
        for pattern in (1..=5).flat_map(|length| words(b"ab*", length)) {
            let text = str::from_utf8(&pattern).expect("ASCII");
            let parsed = TopicPattern::parse(text).expect("a pattern");
            for name in (1..=5).flat_map(|length| words(b"ab", length)) {
                let expected = slow(&pattern, &name);
                assert_eq!(parsed.matches(str::from_utf8(&name).expect("ASCII")), expected);
            }
        }
    }
}
