//! JSON strings and base64: what we write is read back, and nothing is escaped without need.
//!
//! Came from: bytes, as text and as they are. Goes to: `wire::json`.

use tollway::wire::json::{base64, escape};

use super::readers::json;

pub fn check(input: &[u8]) {
    let text = String::from_utf8_lossy(input);
    let mut out = b"{".to_vec();
    escape(&text, &mut out);
    let written = str::from_utf8(&out[1..]).expect("escaping keeps UTF-8");
    let mut rest = written;
    assert_eq!(json::string(&mut rest), text);
    assert_eq!(rest, "");
    let cost = |char: char| match char {
        '"' | '\\' | '\n' | '\r' | '\t' | '\u{8}' | '\u{c}' => 2,
        control if control < ' ' => 6,
        plain => plain.len_utf8(),
    };
    assert_eq!(written.len(), 2 + text.chars().map(cost).sum::<usize>());

    let mut out = b"[".to_vec();
    base64(input, &mut out);
    let written = str::from_utf8(&out[1..]).expect("base64 is ASCII");
    let digits = written.strip_prefix('"').and_then(|rest| rest.strip_suffix('"')).unwrap();
    assert_eq!(digits, json::to_base64(input));
    assert_eq!(json::base64(digits), input);
}

pub fn seeds() -> Vec<Vec<u8>> {
    let mut seeds: Vec<Vec<u8>> = [
        "",
        "plain text, longer than a block of sixteen",
        "a\"b\\c",
        "\n\r\t\u{8}\u{c}\0\u{1f}",
        "0123456789abcde\"f0123456789abcdef\\",
        "\u{7f}\u{e9}\u{2603}\u{1f600}\u{2028}",
    ]
    .map(|text| text.as_bytes().to_vec())
    .into();
    seeds.push((0..=255).collect());
    seeds.push(b"\xFB\xEF\xFF".to_vec());
    seeds
}
