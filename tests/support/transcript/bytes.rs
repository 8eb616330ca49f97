//! Bytes as they are written in transcripts, and texts with room for what varies.

use super::Piece;

/// Reads `81 85 mask 37fa213d "Hello" "x"*100 # and so on`.
pub fn read(text: &str) -> Result<Vec<u8>, String> {
    let mut out = Vec::new();
    let mut key: Option<[u8; 4]> = None;
    let mut wants_key = false;
    let mut masked_from = 0;
    let mut rest = text.trim_start();
    while !rest.is_empty() && !rest.starts_with('#') {
        let (token, after) = if rest.starts_with('"') {
            quoted(rest)?
        } else {
            let (word, after) = rest.split_once(' ').unwrap_or((rest, ""));
            if word == "mask" {
                wants_key = true;
                rest = after.trim_start();
                continue;
            }
            (hex(word)?, after)
        };
        rest = after.trim_start();
        if std::mem::take(&mut wants_key) {
            close_mask(&mut out, masked_from, key);
            let four = token.as_slice().try_into();
            let four: [u8; 4] = four.map_err(|_| "a mask has four bytes".to_owned())?;
            out.extend_from_slice(&four);
            key = Some(four);
            masked_from = out.len();
        } else {
            out.extend(token);
        }
    }
    close_mask(&mut out, masked_from, key);
    Ok(out)
}

/// XORs what followed a mask's key.
fn close_mask(out: &mut [u8], from: usize, key: Option<[u8; 4]>) {
    if let Some(key) = key {
        for (n, byte) in out[from..].iter_mut().enumerate() {
            *byte ^= key[n % 4];
        }
    }
}

fn hex(word: &str) -> Result<Vec<u8>, String> {
    let bad = || format!("{word:?} is neither hex bytes nor quoted text");
    if !word.is_ascii() || !word.len().is_multiple_of(2) {
        return Err(bad());
    }
    (0..word.len() / 2)
        .map(|n| u8::from_str_radix(&word[2 * n..2 * n + 2], 16).map_err(|_| bad()))
        .collect()
}

/// Reads a quoted text and perhaps `*times`, off the front of `text`.
fn quoted(text: &str) -> Result<(Vec<u8>, &str), String> {
    let mut out = Vec::new();
    let mut chars = text[1..].char_indices();
    let end = loop {
        let (at, c) = chars.next().ok_or("a quote is not closed")?;
        match c {
            '"' => break 1 + at + 1,
            '\\' => match chars.next().ok_or("a quote ends in a backslash")?.1 {
                'r' => out.push(b'\r'),
                'n' => out.push(b'\n'),
                't' => out.push(b'\t'),
                '0' => out.push(0),
                'x' => {
                    let digits: String = chars.by_ref().take(2).map(|(_, c)| c).collect();
                    out.extend(hex(&digits)?);
                }
                c @ ('"' | '\\') => out.push(c as u8),
                c => return Err(format!("there is no escape \\{c}")),
            },
            c => out.extend_from_slice(c.encode_utf8(&mut [0; 4]).as_bytes()),
        }
    };
    let after = &text[end..];
    let Some(times) = after.strip_prefix('*') else {
        return Ok((out, after));
    };
    let (times, after) = times.split_once(' ').unwrap_or((times, ""));
    let times: usize = times.parse().map_err(|_| format!("{times:?} times?"))?;
    Ok((out.repeat(times), after))
}

/// Reads a text with `{retry}`, `{print}` and `{x*100}` in it.
pub fn pieces(text: &str) -> Vec<Piece> {
    let mut pieces = Vec::new();
    let mut exact = Vec::new();
    let mut rest = text;
    while let Some(at) = rest.find('{') {
        exact.extend_from_slice(&rest.as_bytes()[..at]);
        rest = &rest[at..];
        if let Some(after) = rest.strip_prefix("{retry}") {
            pieces.push(Piece::Exact(std::mem::take(&mut exact)));
            pieces.push(Piece::Retry);
            rest = after;
        } else if let Some(after) = rest.strip_prefix("{print}") {
            pieces.push(Piece::Exact(std::mem::take(&mut exact)));
            pieces.push(Piece::Print);
            rest = after;
        } else if let Some((run, after)) = repeated(rest) {
            exact.extend_from_slice(run.as_bytes());
            rest = after;
        } else {
            exact.push(b'{');
            rest = &rest[1..];
        }
    }
    exact.extend_from_slice(rest.as_bytes());
    pieces.push(Piece::Exact(exact));
    pieces
}

/// `{x*100}` at the front of `text`.
fn repeated(text: &str) -> Option<(String, &str)> {
    let mut chars = text.strip_prefix('{')?.chars();
    let what = chars.next()?;
    let (times, after) = chars.as_str().strip_prefix('*')?.split_once('}')?;
    Some((what.to_string().repeat(times.parse().ok()?), after))
}

/// How many bytes the pieces come to.
pub fn length(pieces: &[Piece]) -> usize {
    let one = |piece: &Piece| match piece {
        Piece::Exact(bytes) => bytes.len(),
        Piece::Retry => 4,
        Piece::Print => 16,
        Piece::Date => 29,
        Piece::Line(_) => 0,
    };
    pieces.iter().map(one).sum()
}

/// Bytes for people: text as it is, all else escaped, long runs and long texts cut.
pub fn show(bytes: &[u8]) -> String {
    const SHOWN: usize = 600;
    let mut out = String::new();
    let mut rest = &bytes[..bytes.len().min(SHOWN)];
    while let Some(&first) = rest.first() {
        let run = rest.iter().take_while(|&&byte| byte == first).count();
        let one = match first {
            b'"' => "\"".to_owned(),
            _ => first.escape_ascii().to_string(),
        };
        if run > 16 {
            out.extend(["{", &one, "*", &run.to_string(), "}"]);
        } else {
            out.push_str(&one.repeat(run));
        }
        if first == b'\n' {
            out.push_str("\n      ");
        }
        rest = &rest[run..];
    }
    if bytes.len() > SHOWN {
        out.extend(["… ", &bytes.len().to_string(), " bytes in all"]);
    }
    out
}

/// A text in which `{x*100}` stands for a hundred times x.
fn expanded(text: &str) -> String {
    let mut out = String::new();
    let mut rest = text;
    while let Some(at) = rest.find('{') {
        out.push_str(&rest[..at]);
        rest = &rest[at..];
        if let Some((run, after)) = repeated(rest) {
            out.push_str(&run);
            rest = after;
        } else {
            out.push('{');
            rest = &rest[1..];
        }
    }
    out + rest
}

/// A text frame as the server sends it.
pub fn text(payload: &str) -> Vec<u8> {
    let payload = expanded(payload);
    let mut frame = vec![0x81];
    match payload.len() {
        short @ 0..=125 => frame.push(short as u8),
        long => {
            frame.push(126);
            // Exact: no story holds 64 KiB in a line.
            frame.extend_from_slice(&(long as u16).to_be_bytes());
        }
    }
    frame.extend_from_slice(payload.as_bytes());
    frame
}

/// The same as a client sends it, under the key of RFC 6455 §5.7.
pub fn masked_text(payload: &str) -> Vec<u8> {
    let mut frame = text(payload);
    let payload = frame.split_off(frame.len() - expanded(payload).len());
    let key = [0x37, 0xfa, 0x21, 0x3d];
    frame[1] |= 0x80;
    frame.extend_from_slice(&key);
    frame.extend(payload.iter().zip(key.iter().cycle()).map(|(b, k)| b ^ k));
    frame
}
