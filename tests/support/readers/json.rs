//! JSON and base64, character by character. RFC 8259, RFC 4648.

/// A value.
#[derive(Clone, Debug, PartialEq)]
pub enum Json {
    Null,
    Bool(bool),
    Number(f64),
    Text(String),
    List(Vec<Json>),
    Object(Vec<(String, Json)>),
}

impl Json {
    /// The member of that name.
    pub fn get(&self, name: &str) -> Option<&Json> {
        let Self::Object(members) = self else {
            panic!("not an object: {self:?}");
        };
        let mut named = members.iter().filter(|(key, _)| key == name);
        let first = named.next();
        assert!(named.next().is_none(), "{name:?} is there twice");
        first.map(|(_, value)| value)
    }

    /// The member of that name, which is a text.
    pub fn text(&self, name: &str) -> &str {
        match self.get(name) {
            Some(Self::Text(text)) => text,
            other => panic!("{name:?} is {other:?}"),
        }
    }

    /// The elements.
    pub fn list(&self) -> &[Json] {
        match self {
            Self::List(list) => list,
            other => panic!("not a list: {other:?}"),
        }
    }
}

/// Reads one value that is all of `bytes`.
pub fn read(bytes: &[u8]) -> Json {
    let text = str::from_utf8(bytes).expect("JSON is UTF-8");
    let mut rest = text;
    let value = value(&mut rest);
    assert!(rest.is_empty(), "behind the value: {rest:?}");
    value
}

/// Reads one value and the end of its line, which are all of `bytes`.
pub fn read_line(bytes: &[u8]) -> Json {
    read(bytes.strip_suffix(b"\n").expect("a line is ended"))
}

fn value(rest: &mut &str) -> Json {
    match rest.chars().next().expect("a value") {
        '"' => Json::Text(string(rest)),
        '{' => Json::Object(items(rest, '{', '}', |rest| {
            let name = string(rest);
            eat(rest, ':');
            (name, value(rest))
        })),
        '[' => Json::List(items(rest, '[', ']', value)),
        _ => {
            let end = rest.find([',', '}', ']']).unwrap_or(rest.len());
            let (word, behind) = rest.split_at(end);
            *rest = behind;
            match word {
                "null" => Json::Null,
                "true" => Json::Bool(true),
                "false" => Json::Bool(false),
                number => Json::Number(number.parse().expect("a number")),
            }
        }
    }
}

fn items<T>(
    rest: &mut &str,
    open: char,
    close: char,
    mut item: impl FnMut(&mut &str) -> T,
) -> Vec<T> {
    eat(rest, open);
    let mut items = Vec::new();
    while !rest.starts_with(close) {
        if !items.is_empty() {
            eat(rest, ',');
        }
        items.push(item(rest));
    }
    eat(rest, close);
    items
}

fn eat(rest: &mut &str, char: char) {
    *rest = rest.strip_prefix(char).unwrap_or_else(|| panic!("no {char:?} before {rest:?}"));
}

/// Takes a string with its quotes off the front.
pub fn string(rest: &mut &str) -> String {
    eat(rest, '"');
    let mut text = String::new();
    let mut chars = rest.chars();
    loop {
        match chars.next().expect("a string has an end") {
            '"' => break,
            '\\' => text.push(match chars.next().expect("something is escaped") {
                'n' => '\n',
                'r' => '\r',
                't' => '\t',
                'b' => '\u{8}',
                'f' => '\u{c}',
                'u' => {
                    let digits: String = chars.by_ref().take(4).collect();
                    let number = u32::from_str_radix(&digits, 16).expect("four hex digits");
                    char::from_u32(number).expect("not a surrogate")
                }
                itself @ ('"' | '\\' | '/') => itself,
                other => panic!("\\{other} escapes nothing"),
            }),
            control if control < ' ' => panic!("{control:?} is not escaped"),
            plain => text.push(plain),
        }
    }
    *rest = chars.as_str();
    text
}

const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

/// Reads base64 with its padding, bit by bit.
pub fn base64(text: &str) -> Vec<u8> {
    assert!(text.len().is_multiple_of(4), "{text:?}");
    let digits = text.trim_end_matches('=');
    assert!(text.len() - digits.len() <= 2, "{text:?}");
    let mut bits = Vec::new();
    for digit in digits.bytes() {
        let number = ALPHABET.iter().position(|&d| d == digit).expect("a digit");
        bits.extend((0..6).rev().map(|place| number >> place & 1));
    }
    let (whole, left) = bits.as_chunks::<8>();
    assert!(left.len() < 6 && left.iter().all(|&bit| bit == 0), "{text:?}");
    whole.iter().map(|byte| byte.iter().fold(0, |b, &bit| b * 2 + bit as u8)).collect()
}

/// Writes base64 with its padding, bit by bit.
pub fn to_base64(bytes: &[u8]) -> String {
    let mut bits: Vec<u8> = Vec::new();
    for byte in bytes {
        bits.extend((0..8).rev().map(|place| byte >> place & 1));
    }
    while !bits.len().is_multiple_of(6) {
        bits.push(0);
    }
    let digit = |bits: &[u8]| ALPHABET[bits.iter().fold(0, |n, &bit| n * 2 + usize::from(bit))];
    let mut text: String = bits.chunks(6).map(|six| char::from(digit(six))).collect();
    while !text.len().is_multiple_of(4) {
        text.push('=');
    }
    text
}
