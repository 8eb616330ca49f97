//! Grammar that several codecs share: tokens, values, lists and parameters, hosts, line ends.
//! RFC 9110 §5.
//!
//! Came from: `wire::head` and its fields, `wire::body`, `wire::extension`, with pieces of what a
//! peer sent. Goes to: the same. Absent on purpose: whole heads, which `httparse` splits; and what
//! any of it means.

#[cfg(test)]
mod tests;

/// Whether this is a token, RFC 9110 §5.6.2.
pub(super) fn is_token(text: &[u8]) -> bool {
    !text.is_empty() && text.iter().all(|&byte| is_token_byte(byte))
}

/// `tchar` of RFC 9110 §5.6.2.
pub(super) const fn is_token_byte(byte: u8) -> bool {
    TOKEN_BYTES[byte as usize]
}

const TOKEN_BYTES: [bool; 256] = {
    let mut table = [false; 256];
    let mut byte = 0_u8;
    while byte < 0x80 {
        table[byte as usize] = byte.is_ascii_alphanumeric()
            || matches!(byte, b'!' | b'#'..=b'\'' | b'*' | b'+' | b'-' | b'.' | b'^'..=b'`')
            || matches!(byte, b'|' | b'~');
        byte += 1;
    }
    table
};

/// Whether a value has no control character but the tab. RFC 9110 §5.5. Counted, and not ended at
/// the first, so that the compiler can take many bytes at once.
pub(super) fn is_field_value(value: &[u8]) -> bool {
    let is_bad = |byte: &&u8| byte.is_ascii_control() && **byte != b'\t';
    value.iter().filter(is_bad).count() == 0
}

/// The elements of a list, without those that are empty. RFC 9110 §5.6.1.
pub(super) fn elements(value: &[u8]) -> impl Iterator<Item = &[u8]> {
    parts(value, b',').filter(|element| !element.is_empty())
}

/// What lies between separators, without the white space around it. Quoted strings are not split.
pub(super) fn parts(value: &[u8], separator: u8) -> impl Iterator<Item = &[u8]> {
    let (mut quoted, mut escaped) = (false, false);
    value
        .split(move |&byte| {
            let escape = quoted && !escaped && byte == b'\\';
            quoted ^= !escaped && byte == b'"';
            escaped = escape;
            !quoted && byte == separator
        })
        .map(<[u8]>::trim_ascii)
}

/// Name and value of a parameter; the value is empty when there is no `=`.
pub(super) fn cut_at_equals(parameter: &[u8]) -> (&[u8], &[u8]) {
    match parameter.iter().position(|&byte| byte == b'=') {
        Some(at) => (parameter[..at].trim_ascii_end(), parameter[at + 1..].trim_ascii_start()),
        None => (parameter, b""),
    }
}

/// What is between quotes, escapes and all; anything else as it is.
pub(super) fn unquoted(value: &[u8]) -> &[u8] {
    let inner = value.strip_prefix(b"\"");
    inner.and_then(|inner| inner.strip_suffix(b"\"")).unwrap_or(value)
}

/// Whether `text` is a host with an optional port. RFC 9110 §7.2, RFC 3986 §3.2.2. Empty it is
/// none: that would say that the URL has no host, and one of `http` has (RFC 9110 §4.2.1). A
/// percent sign passes unchecked; `wire::authority` judges it where hosts are compared.
pub(super) fn is_host(text: &[u8]) -> bool {
    let in_literal = |byte: &u8| byte.is_ascii_hexdigit() || matches!(byte, b':' | b'.');
    let in_name = |byte: &u8| byte.is_ascii_alphanumeric() || b"-._~%!$&'()*+,;=".contains(byte);
    // What comes behind a sound host: nothing, or a colon and the port.
    let behind = if let Some(literal) = text.strip_prefix(b"[") {
        let length = literal.iter().take_while(|byte| in_literal(byte)).count();
        let closed = literal[length..].strip_prefix(b"]");
        closed.filter(|_| length > 0)
    } else {
        let length = text.iter().take_while(|byte| in_name(byte)).count();
        (length > 0).then(|| &text[length..])
    };
    match behind {
        Some([]) => true,
        Some([b':', port @ ..]) => port.iter().all(u8::is_ascii_digit),
        Some(_) | None => false,
    }
}

/// Where the first LF is. Eight bytes at a time: every byte of every head passes here.
pub(super) fn find_line_feed(bytes: &[u8]) -> Option<usize> {
    const ONES: u64 = u64::from_ne_bytes([0x01; 8]);
    const HIGHS: u64 = u64::from_ne_bytes([0x80; 8]);
    let (words, tail) = bytes.as_chunks();
    for (index, word) in words.iter().enumerate() {
        // A byte is 0 where an LF was. The lowest high bit left standing marks the first of them;
        // bits above it may be a borrow's.
        let differing = u64::from_le_bytes(*word) ^ (ONES * u64::from(b'\n'));
        let zero = differing.wrapping_sub(ONES) & !differing & HIGHS;
        if zero != 0 {
            return Some(index * 8 + zero.trailing_zeros() as usize / 8);
        }
    }
    let at = tail.iter().position(|&byte| byte == b'\n')?;
    Some(words.len() * 8 + at)
}
