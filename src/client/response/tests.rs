//! What answers are read as, however they are cut, and which are refused.

use super::*;

/// Feeds `stream` in pieces of `at_once` bytes; gives status, body and end of each answer.
fn read(stream: &[u8], at_once: usize) -> Result<Vec<(u16, String, bool)>, ResponseError> {
    let mut decoder = ResponseDecoder::default();
    let (mut inbox, mut answers) = (Vec::new(), Vec::new());
    for bytes in stream.chunks(at_once) {
        inbox.extend_from_slice(bytes);
        loop {
            let used = match decoder.decode(&inbox)? {
                ResponseStep::Partial => break,
                ResponseStep::Head { head, used } => {
                    answers.push((head.status, String::new(), false));
                    used
                }
                ResponseStep::Body { bytes, used } => {
                    let body = &mut answers.last_mut().expect("a head comes first").1;
                    body.push_str(str::from_utf8(bytes).expect("ASCII in these tests"));
                    used
                }
                ResponseStep::End { used } => {
                    answers.last_mut().expect("a head comes first").2 = true;
                    used
                }
            };
            inbox.drain(..used);
        }
    }
    decoder.ended(&inbox)?;
    Ok(answers)
}

#[test]
fn every_framing_reads_back_however_it_is_cut() {
    let stream = b"HTTP/1.1 100 Continue\r\n\r\n\
        HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello\
        HTTP/1.1 204 No Content\r\nETag: \"e-1\"\r\n\r\n\
        HTTP/1.1 304 Not Modified\r\nContent-Length: 9\r\n\r\n\
        HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n\
        4;x=1\r\nchun\r\nA\r\nked as 10 \r\n0\r\nT: 1\r\n\r\n\
        HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n\
        HTTP/1.1 200 OK\r\nTransfer-Encoding: x, Chunked\r\n\r\n1\r\nx\r\n0\r\n\r\n\
        HTTP/1.0 200 OK\r\n\r\nto the end";
    let expected = [
        (200, "hello", true),
        (204, "", true),
        (304, "", true),
        (200, "chunked as 10 ", true),
        (200, "", true),
        (200, "x", true),
        (200, "to the end", false),
    ];
    let expected = expected.map(|(status, body, over)| (status, body.to_owned(), over));
    for at_once in [stream.len(), 1, 2, 7] {
        let answers = read(stream, at_once).expect("good answers");
        assert_eq!(answers, expected, "{at_once} at once");
    }
}

#[test]
fn a_body_whose_last_coding_is_not_chunked_ends_with_the_connection() {
    for codings in ["gzip", "chunked, gzip", "chunked\r\nTransfer-Encoding: gzip"] {
        // A length beside it says nothing: RFC 9112 §6.3.
        let fields = format!("Content-Length: 2\r\nTransfer-Encoding: {codings}");
        let stream = format!("HTTP/1.1 200 OK\r\n{fields}\r\n\r\n3\r\nabc");
        let answers = read(stream.as_bytes(), 3).expect("good");
        assert_eq!(answers, [(200, "3\r\nabc".to_owned(), false)], "{codings}");
    }
}

#[test]
fn every_offence_is_named_however_it_is_cut() {
    let chunked = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n";
    let long = format!("HTTP/1.1 200 OK\r\nX: {}", "x".repeat(HEAD_BYTES_MAX));
    let many = "HTTP/1.1 100 Continue\r\n\r\n".repeat(INTERIM_ANSWERS_MAX + 1);
    let hint = format!("HTTP/1.1 103 Early Hints\r\nX: {}\r\n\r\n", "x".repeat(HEAD_BYTES_MAX / 2));
    let hints = hint.repeat(2);
    for (stream, error) in [
        ("HTTP/2 200\r\n\r\n", ResponseError::StatusLine),
        ("HTTP/1.1 2x0 OK\r\n\r\n", ResponseError::StatusLine),
        ("HTTP/1.1 200 OK\r\nfield\r\n\r\n", ResponseError::Field),
        ("HTTP/1.1 200 OK\r\n folded: 1\r\n\r\n", ResponseError::Field),
        ("HTTP/1.1 200 OK\r\nContent-Length: x\r\n\r\n", ResponseError::Length),
        ("HTTP/1.1 200 OK\r\nContent-Length: +5\r\n\r\n", ResponseError::Length),
        (&format!("{chunked}\r\n"), ResponseError::ChunkLine),
        (&format!("{chunked}+4\r\n"), ResponseError::ChunkLine),
        (&format!("{chunked}{}", "0".repeat(300)), ResponseError::ChunkLine),
        (&format!("{chunked}1\r\nab\r\n"), ResponseError::ChunkEnd),
        (&format!("{chunked}5\r\nab"), ResponseError::CutOff),
        ("HTTP/1.1 200 OK\r\n", ResponseError::CutOff),
        (&long, ResponseError::HeadTooLong),
        (&many, ResponseError::HeadTooLong),
        (&hints, ResponseError::HeadTooLong),
    ] {
        for at_once in [stream.len(), 1] {
            let outcome = read(stream.as_bytes(), at_once);
            assert_eq!(outcome, Err(error), "{stream:.60} {at_once} at once");
        }
    }
}

#[test]
fn fields_are_found_by_name() {
    let head = ResponseHead::read(b"HTTP/1.1 200 OK\r\nETag:  \"e\" \r\nConnection: Close");
    let head = head.expect("a head");
    assert_eq!(head.field("etag"), Some("\"e\""));
    assert!(head.closes());
    assert_eq!(head.field("date"), None);
}

#[test]
fn interim_answers_are_read_once_and_as_many_as_are_allowed_are_skipped() {
    let fields = "X: 1\r\n".repeat(60);
    let interim = format!("HTTP/1.1 102 Processing\r\n{fields}\r\n");
    let stream = interim.repeat(INTERIM_ANSWERS_MAX) + "HTTP/1.1 204 No Content\r\n\r\n";
    let mut decoder = ResponseDecoder::default();
    for cut in 1..stream.len() {
        assert_eq!(decoder.decode(&stream.as_bytes()[..cut]), Ok(ResponseStep::Partial), "{cut}");
        assert_eq!(decoder.interim.count, cut / interim.len(), "{cut}");
    }
    let step = decoder.decode(stream.as_bytes());
    let Ok(ResponseStep::Head { head, used }) = step else {
        panic!("{step:?}");
    };
    assert_eq!((head.status, used), (204, stream.len()));
    assert_eq!(decoder.interim.bytes, 0, "the next answer begins anew");
}

#[test]
fn a_list_is_looked_through_in_all_fields_and_in_either_case() {
    let head =
        b"HTTP/1.1 200 OK\r\nConnection: x, Keep-Alive\r\nVary: close\r\nConnection: y ,CLOSE";
    let head = ResponseHead::read(head).expect("a head");
    assert!(head.closes());
    assert!(head.lists("connection", "keep-alive") && head.lists("connection", "y"));
    assert!(!head.lists("connection", "keep") && !head.lists("upgrade", "close"));
}

#[test]
fn a_media_type_is_the_same_in_either_case_and_with_parameters() {
    for (value, expected) in [
        ("text/event-stream", true),
        ("Text/Event-Stream", true),
        ("text/event-stream ; Charset=utf-8", true),
        ("text/event-streams", false),
        ("text/html; a=text/event-stream", false),
    ] {
        let lines = format!("HTTP/1.1 200 OK\r\nContent-Type: {value}");
        let head = ResponseHead::read(lines.as_bytes()).expect("a head");
        assert_eq!(head.is_of_type("text/event-stream"), expected, "{value}");
    }
}

#[test]
fn old_spellings_of_a_field_are_read() {
    let lines = b"HTTP/1.1 200 D\xe9j\xe0\r\nServer: caf\xe9\r\nX: a\r\n\t b \r\n \r\nY:\r\n c";
    let head = ResponseHead::read(lines).expect("a head");
    assert_eq!(head.field("server"), Some("caf\u{fffd}"));
    assert_eq!((head.field("x"), head.field("y")), (Some("a b"), Some("c")));
}
