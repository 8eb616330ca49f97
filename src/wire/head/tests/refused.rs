//! Every offence, from as many sides as attackers are known to come.

use super::*;
use crate::limits::HEAD_FIELDS_MAX;
use crate::wire::response::assert_row_is_sound;

use HeadError::*;

/// Request lines that are refused at their end, or before.
#[rustfmt::skip] // One case a line.
const LINES: &[(&str, &[u8], HeadError)] = &[
    ("bare LF", b"GET / HTTP/1.1\n", BareLineFeed),
    ("bare LF alone", b"\n", BareLineFeed),
    ("bare LF behind an empty line", b"\r\n\n", BareLineFeed),
    ("bare LF and a bad version", b"GET / HTTP/7\n", BareLineFeed),
    ("CR within", b"GET /\r HTTP/1.1\r\n", BareCarriageReturn),
    ("CR at the end", b"GET / HTTP/1.1\r\r\n", BareCarriageReturn),
    ("CR in front", b"\rGET / HTTP/1.1\r\n", BareCarriageReturn),
    ("CR CR LF in front", b"\r\r\n", BareCarriageReturn),
    ("NUL in the target", b"GET /\0 HTTP/1.1\r\n", NulByte),
    ("NUL in front", b"\0", NulByte),
    ("NUL in the method", b"G\0T / HTTP/1.1\r\n", NulByte),
    ("NUL and CR", b"GET /\r\0 HTTP/1.1\r\n", NulByte),
    ("a TLS client", b"\x16", BadMethod),
    ("a space in front", b" ", BadMethod),
    ("a tab for a space", b"GET\t/ HTTP/1.1\r\n", BadMethod),
    ("a colon in the method", b"Host: x\r\n", BadMethod),
    ("a method that is not ASCII", b"G\xc3\xa9T / HTTP/1.1\r\n", BadMethod),
    ("a method alone", b"GET\r\n", BadTarget),
    ("no version, as in 0.9", b"GET /\r\n", VersionMalformed),
    ("no target", b"GET HTTP/1.1\r\n", VersionMalformed),
    ("an empty target", b"GET  HTTP/1.1\r\n", BadTarget),
    ("two spaces before the target", b"GET  / HTTP/1.1\r\n", BadTarget),
    ("two spaces behind it", b"GET /  HTTP/1.1\r\n", BadTarget),
    ("a space in it", b"GET /a b HTTP/1.1\r\n", BadTarget),
    ("a tab in it", b"GET /a\tb HTTP/1.1\r\n", BadTarget),
    ("a fragment", b"GET /a#b HTTP/1.1\r\n", BadTarget),
    ("raw UTF-8", b"GET /\xc3\xa9 HTTP/1.1\r\n", BadTarget),
    ("DEL", b"GET /\x7f HTTP/1.1\r\n", BadTarget),
    ("no slash", b"GET a HTTP/1.1\r\n", BadTarget),
    ("a star without OPTIONS", b"GET * HTTP/1.1\r\n", BadTarget),
    ("a star and more", b"OPTIONS *a HTTP/1.1\r\n", BadTarget),
    ("an authority without CONNECT", b"GET a:1 HTTP/1.1\r\n", BadTarget),
    ("CONNECT to a bad one", b"CONNECT a@b HTTP/1.1\r\n", BadTarget),
    ("CONNECT to none", b"CONNECT  HTTP/1.1\r\n", BadTarget),
    ("an empty Host", b"GET / HTTP/1.1\r\nHost: \t\r\n\r\n", HostMalformed),
    ("a port alone", b"GET http://:80/ HTTP/1.1\r\n", BadTarget),
    ("another scheme", b"GET ftp://a/ HTTP/1.1\r\n", BadTarget),
    ("no authority", b"GET http:///a HTTP/1.1\r\n", BadTarget),
    ("a name in the authority", b"GET http://me@a/ HTTP/1.1\r\n", BadTarget),
    ("a bad port", b"GET http://a:b/ HTTP/1.1\r\n", BadTarget),
    ("small http", b"GET / http/1.1\r\n", VersionMalformed),
    ("no minor version", b"GET / HTTP/1\r\n", VersionMalformed),
    ("a long minor version", b"GET / HTTP/1.10\r\n", VersionMalformed),
    ("another protocol", b"GET / ICY/1.1\r\n", VersionMalformed),
    ("a space at the end", b"GET / HTTP/1.1 \r\n", VersionMalformed),
    ("HTTP/2.0", b"GET / HTTP/2.0\r\n", VersionUnsupported),
    ("HTTP/0.9", b"GET / HTTP/0.9\r\n", VersionUnsupported),
    ("HTTP/1.2", b"GET / HTTP/1.2\r\n", VersionUnsupported),
    ("HTTP/1.9", b"GET / HTTP/1.9\r\n", VersionUnsupported),
    ("HTTP/2 with prior knowledge", b"PRI * HTTP/2.0\r\n", VersionUnsupported),
];

/// Fields behind `POST / HTTP/1.1` and a host; refused at the blank line.
#[rustfmt::skip] // One case a line.
const FIELDS: &[(&str, &[u8], HeadError)] = &[
    ("NUL in a value", b"A: \0\r\n", NulByte),
    ("NUL in a name", b"A\0: b\r\n", NulByte),
    ("CR in a value", b"A: b\rc\r\n", BareCarriageReturn),
    ("CR at the end", b"A: b\r\r\n", BareCarriageReturn),
    ("CR alone", b"\r\r\n", BareCarriageReturn),
    ("CR and a field behind it", b"A: b\rTransfer-Encoding: chunked\r\n", BareCarriageReturn),
    ("a fold", b"A: b\r\n c\r\n", ObsoleteFold),
    ("a fold by a tab", b"A: b\r\n\tc: d\r\n", ObsoleteFold),
    ("a fold of white space", b"A: b\r\n \r\n", ObsoleteFold),
    ("a space before the colon", b"Content-Length : 1\r\n", SpaceBeforeColon),
    ("a tab before it", b"Transfer-Encoding\t: chunked\r\n", SpaceBeforeColon),
    ("no colon", b"A\r\n", BadFieldName),
    ("no name", b": a\r\n", BadFieldName),
    ("a space in a name", b"A b: c\r\n", BadFieldName),
    ("a name that is not ASCII", b"\xc3\xa9: a\r\n", BadFieldName),
    ("brackets in a name", b"A(b): c\r\n", BadFieldName),
    ("a control in a name", b"Content-Length\x0b: 1\r\n", BadFieldName),
    ("a control in a value", b"Transfer-Encoding: \x0bchunked\r\n", BadFieldValue),
    ("DEL in a value", b"A: \x7f\r\n", BadFieldValue),
    ("two Origins", b"Origin: a\r\nOrigin: a\r\n", FieldDouble),
    ("two cursors", b"Last-Event-ID: a\r\nlast-event-id: b\r\n", FieldDouble),
    ("two Events", b"Event: a\r\nEvent: b\r\n", FieldDouble),
    ("two keys", b"Idempotency-Key: a\r\nIdempotency-Key: b\r\n", FieldDouble),
    ("two Ranges", b"Range: a\r\nRange: b\r\n", FieldDouble),
    ("two If-Ranges", b"If-Range: a\r\nIf-Range: b\r\n", FieldDouble),
    ("two dates", b"If-Modified-Since: a\r\nIf-Modified-Since: b\r\n", FieldDouble),
    (
        "two WebSocket versions",
        b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Version: 8\r\n",
        FieldDouble,
    ),
    ("another Host", b"Host: other\r\n", HostDouble),
    ("the same Host", b"hOST: a\r\n", HostDouble),
    ("an empty length", b"Content-Length:\r\n", LengthMalformed),
    ("a signed length", b"Content-Length: +1\r\n", LengthMalformed),
    ("a negative length", b"Content-Length: -1\r\n", LengthMalformed),
    ("a listed length", b"Content-Length: 1, 1\r\n", LengthMalformed),
    ("a hex length", b"Content-Length: 0x1\r\n", LengthMalformed),
    ("a length with a point", b"Content-Length: 1.0\r\n", LengthMalformed),
    ("a spaced length", b"Content-Length: 1 1\r\n", LengthMalformed),
    ("a quoted length", b"Content-Length: \"1\"\r\n", LengthMalformed),
    ("a length and an underscore", b"Content-Length: 1_0\r\n", LengthMalformed),
    ("digits that are not ASCII", b"Content-Length: \xd9\xa1\r\n", LengthMalformed),
    ("two lengths", b"Content-Length: 1\r\nContent-Length: 2\r\n", LengthDouble),
    ("one length twice", b"Content-Length: 1\r\nContent-Length: 1\r\n", LengthDouble),
    ("CL.TE", b"Content-Length: 1\r\nTransfer-Encoding: chunked\r\n", LengthWithTransferEncoding),
    ("TE.CL", b"Transfer-Encoding: chunked\r\nContent-Length: 1\r\n", LengthWithTransferEncoding),
    ("CL.TE unknown", b"Content-Length: 1\r\nTransfer-Encoding: x\r\n", LengthWithTransferEncoding),
    ("CL.TE empty", b"Content-Length: 0\r\nTransfer-Encoding:\r\n", LengthWithTransferEncoding),
    ("no coding", b"Transfer-Encoding:\r\n", TransferEncodingEmpty),
    ("commas", b"Transfer-Encoding: , ,\r\n", TransferEncodingEmpty),
    ("gzip", b"Transfer-Encoding: gzip\r\n", TransferEncodingUnknown),
    ("gzip under chunked", b"Transfer-Encoding: gzip, chunked\r\n", TransferEncodingUnknown),
    ("identity", b"Transfer-Encoding: identity\r\n", TransferEncodingUnknown),
    ("xchunked", b"Transfer-Encoding: xchunked\r\n", TransferEncodingUnknown),
    ("quoted", b"Transfer-Encoding: \"chunked\"\r\n", TransferEncodingUnknown),
    ("a parameter", b"Transfer-Encoding: chunked;q=1\r\n", TransferEncodingUnknown),
    ("a semicolon for a comma", b"Transfer-Encoding: a; chunked\r\n", TransferEncodingUnknown),
    ("in quotes", b"Transfer-Encoding: \"a, chunked\r\n", TransferEncodingUnknown),
    ("gzip over chunked", b"Transfer-Encoding: chunked, gzip\r\n", TransferEncodingNotLast),
    ("chunked twice", b"Transfer-Encoding: chunked, chunked\r\n", TransferEncodingNotLast),
    (
        "in two fields",
        b"Transfer-Encoding: chunked\r\nTransfer-Encoding: x\r\n",
        TransferEncodingNotLast,
    ),
    ("another expectation", b"Expect: 200-ok\r\n", ExpectationUnknown),
    ("one more expectation", b"Expect: 100-continue, x\r\n", ExpectationUnknown),
    ("the first offence", b"A b: c\r\nA: \0\r\n", BadFieldName),
    ("grammar before meaning", b"Host: b\r\nA: \0\r\n", NulByte),
];

/// Whole heads.
#[rustfmt::skip] // One case a line.
const HEADS: &[(&str, &[u8], HeadError)] = &[
    ("bare LF behind a field", b"GET / HTTP/1.1\r\nHost: a\n", BareLineFeed),
    ("bare LF for the blank line", b"GET / HTTP/1.1\r\nHost: a\r\n\n", BareLineFeed),
    ("bare LF behind a bad field", b"GET / HTTP/1.1\r\nA b: c\r\nHost: a\n", BareLineFeed),
    ("a fold of no field", b"GET / HTTP/1.1\r\n Host: a\r\n\r\n", ObsoleteFold),
    ("no Host", b"GET / HTTP/1.1\r\n\r\n", HostMissing),
    ("no Host beside a URL", b"GET http://a/ HTTP/1.1\r\n\r\n", HostMissing),
    ("two Hosts in 1.0", b"GET / HTTP/1.0\r\nHost: a\r\nHost: a\r\n\r\n", HostDouble),
    ("listed Hosts", b"GET / HTTP/1.1\r\nHost: a, b\r\n\r\n", HostMalformed),
    ("a path in Host", b"GET / HTTP/1.1\r\nHost: a/b\r\n\r\n", HostMalformed),
    ("a name in Host", b"GET / HTTP/1.1\r\nHost: me@a\r\n\r\n", HostMalformed),
    ("a URL in Host", b"GET / HTTP/1.1\r\nHost: http://a\r\n\r\n", HostMalformed),
    ("a bad port", b"GET / HTTP/1.1\r\nHost: a:b\r\n\r\n", HostMalformed),
    ("a port alone", b"GET / HTTP/1.1\r\nHost: :80\r\n\r\n", HostMalformed),
    ("two ports", b"GET / HTTP/1.1\r\nHost: a:1:2\r\n\r\n", HostMalformed),
    ("an open bracket", b"GET / HTTP/1.1\r\nHost: [::1\r\n\r\n", HostMalformed),
    ("empty brackets", b"GET / HTTP/1.1\r\nHost: []\r\n\r\n", HostMalformed),
    ("text behind brackets", b"GET / HTTP/1.1\r\nHost: [::1]a\r\n\r\n", HostMalformed),
    ("a Host that is not ASCII", b"GET / HTTP/1.1\r\nHost: \xc3\xa9\r\n\r\n", HostMalformed),
    ("a bad Host beside a URL", b"GET http://a/ HTTP/1.1\r\nHost: b c\r\n\r\n", HostMalformed),
    (
        "chunked in 1.0",
        b"POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n",
        TransferEncodingInHttp10,
    ),
    (
        "gzip in 1.0",
        b"POST / HTTP/1.0\r\nTransfer-Encoding: gzip\r\n\r\n",
        TransferEncodingInHttp10,
    ),
];

/// Bounds, each passed by its last byte.
#[rustfmt::skip] // One case a line.
fn bounds() -> Vec<(&'static str, Vec<u8>, HeadError)> {
    let endless = |front: &str, length: usize| {
        let mut input = front.as_bytes().to_vec();
        input.resize(length, b'x');
        input
    };
    let target = "x".repeat(TARGET_BYTES_MAX);
    let fields = format!(
        "GET / HTTP/1.1\r\n{}",
        "A: b\r\n".repeat(HEAD_FIELDS_MAX + 1)
    );
    let late = "GET / HTTP/1.1\r\nA b\0: c\r\n\x01: ";
    vec![
        ("a long target", format!("GET /{target} HTTP/1.1\r\n").into(), TargetTooLong),
        ("an endless target", endless("GET /", REQUEST_LINE_BYTES_MAX), TargetTooLong),
        ("an endless method", endless("G", REQUEST_LINE_BYTES_MAX), TargetTooLong),
        ("a NUL in an endless target", endless("GET /\0", REQUEST_LINE_BYTES_MAX), TargetTooLong),
        ("too many fields", fields.into(), TooManyFields),
        ("an endless field", endless("GET / HTTP/1.1\r\nA: ", HEAD_BYTES_MAX), HeadTooLarge),
        ("bad fields, then an endless one", endless(late, HEAD_BYTES_MAX), HeadTooLarge),
        ("endless empty lines", b"\r\n".repeat(HEAD_BYTES_MAX / 2), HeadTooLarge),
    ]
}

/// All cases, each up to the byte at which the offence falls due.
fn cases() -> Vec<(&'static str, Vec<u8>, HeadError)> {
    let own = |&(name, input, offence): &(&'static str, &[u8], HeadError)| {
        (name, input.to_vec(), offence)
    };
    let in_fields = FIELDS.iter().map(|&(name, fields, offence)| {
        let front = b"POST / HTTP/1.1\r\nHost: a\r\n".as_slice();
        (name, [front, fields, b"\r\n"].concat(), offence)
    });
    let mut cases: Vec<_> = LINES.iter().chain(HEADS).map(own).collect();
    cases.extend(in_fields);
    cases.extend(bounds());
    cases
}

#[test]
fn each_offence_is_refused_at_the_byte_where_it_falls_due() {
    for (name, input, offence) in cases() {
        assert_eq!(verdict(&input), Err(offence), "{name}");
        // Whatever comes behind changes nothing, though it be worse or the end of the head.
        for more in [b"\r\n\r\n".as_slice(), b"\0\n \r\r\n: \n\n", b"A: b\r\n\r\nGET"] {
            let more = [&input, more].concat();
            assert_eq!(verdict(&more), Err(offence), "{name} and more");
        }
        let less = &input[..input.len() - 1];
        assert_eq!(verdict(less), Ok(Parsed::Partial), "{name} but for a byte");
    }
}

#[test]
fn empty_lines_in_front_change_no_verdict() {
    for &(name, input, offence) in LINES.iter().chain(HEADS) {
        let input = [b"\r\n\r\n", input].concat();
        assert_eq!(verdict(&input), Err(offence), "{name}");
    }
}

#[test]
fn a_refusal_repeats_itself() {
    for (name, input, offence) in cases() {
        let mut decoder = HeadDecoder::default();
        for _ in 0..2 {
            assert_eq!(decoder.decode(&input, HEAD_BYTES_MAX), Err(offence), "{name}");
        }
    }
}

#[test]
fn every_offence_has_a_case_and_a_sound_row() {
    let cases = cases();
    for &offence in HeadError::ALL {
        assert!(cases.iter().any(|case| case.2 == offence), "{offence:?}");
        let (code, detail) = (offence.code(), offence.detail());
        assert_row_is_sound(&format!("{offence:?}"), offence.status(), code, detail);
    }
}

/// `httparse` looks at 1, 8, 16 or 32 bytes at a time, by what the processor can and by how many
/// are left.
#[test]
fn a_byte_is_judged_alike_wherever_it_stands() {
    let with = |front: &str, at: usize, byte: u8, behind: &str| {
        let (before, after) = ("x".repeat(at), "x".repeat(70 - at));
        let parts = [front, &before, "\0", &after, behind];
        let mut input = parts.concat().into_bytes();
        input[front.len() + at] = byte;
        let verdict = whole(&input, HEAD_BYTES_MAX);
        matches!(verdict, Ok(Parsed::Complete { used, .. }) if used == input.len())
    };
    for at in 0..=70 {
        for byte in 0..=u8::MAX {
            let visible = byte.is_ascii_graphic() && byte != b'#';
            let taken = with("GET /", at, byte, " HTTP/1.0\r\n\r\n");
            assert_eq!(taken, visible, "{byte:#x} at {at} of a target");

            let colon = byte == b':' && at > 0;
            let in_name = byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte);
            let taken = with("GET / HTTP/1.0\r\n", at, byte, ": a\r\n\r\n");
            assert_eq!(taken, in_name || colon, "{byte:#x} at {at} of a name");

            let in_value = byte == b'\t' || (byte >= b' ' && byte != 0x7F);
            let taken = with("GET / HTTP/1.0\r\nA: ", at, byte, "\r\n\r\n");
            assert_eq!(taken, in_value, "{byte:#x} at {at} of a value");
        }
    }
}
