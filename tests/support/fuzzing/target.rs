//! Paths and queries: decoding agrees with a byte-by-byte twin, what is encoded comes back, names
//! and ids have one spelling, and whatever a request line asks for can be routed.
//!
//! Came from: text. Goes to: `wire::target`, `ids`, `conn::route`.

use std::borrow::Cow;

use tollway::conn::origin::Origins;
use tollway::conn::policy::Policy;
use tollway::conn::request::{FileWant, How, Want};
use tollway::conn::route::route;
use tollway::ids::{Cursor, Door, Epoch, Id, Seq, TopicName};
use tollway::limits::{CURSOR_BYTES_MAX, Limits, POLL_MESSAGES_MAX, TOPICS_PER_READER_MAX};
use tollway::wire::Parsed;
use tollway::wire::authority::OriginPattern;
use tollway::wire::head::HeadDecoder;
use tollway::wire::target::{TargetError, percent_decode, percent_encode, query_pieces, split};

pub fn check(input: &[u8]) {
    let text = String::from_utf8_lossy(input);
    splits(&text);
    decodes(&text);
    names(&text);
    if text.bytes().all(|byte| byte.is_ascii_graphic()) {
        routes(&text);
    }
}

fn splits(text: &str) {
    let (path, query) = split(text);
    let joined = match query {
        Some(query) => format!("{path}?{query}"),
        None => path.to_owned(),
    };
    let expected = match text.chars().next() {
        None => "/".to_owned(),
        Some('?') => format!("/{text}"),
        Some(_) => text.to_owned(),
    };
    assert_eq!(joined, expected);
    assert!(!path.contains('?'), "the first one splits");
}

fn decodes(text: &str) {
    assert_eq!(percent_decode(text).map(Cow::into_owned), naive(text, false));
    let mut encoded = String::new();
    percent_encode(text, &mut encoded);
    assert_eq!(percent_decode(&encoded).unwrap(), text.as_bytes());
    let plain = |b: u8| b.is_ascii_alphanumeric() || b"-._~/%".contains(&b);
    assert!(encoded.bytes().all(plain), "{encoded:?}");

    let pairs: Vec<_> = query_pieces(text).collect();
    let mut pieces = text.split('&').filter(|piece| !piece.is_empty());
    for pair in &pairs {
        let piece = pieces.next().expect("a pair for each piece");
        let cut = piece.find('=').unwrap_or(piece.len());
        let name = naive_text(&piece[..cut]);
        let value = naive_text(piece.get(cut + 1..).unwrap_or(""));
        assert_eq!(pair.name().map(Cow::into_owned), name);
        assert_eq!(pair.value().map(Cow::into_owned), value);
    }
    assert_eq!(pieces.next(), None);
}

fn naive(text: &str, plus_is_space: bool) -> Result<Vec<u8>, TargetError> {
    let bytes = text.as_bytes();
    let mut out = Vec::new();
    let mut i = 0;
    while i < bytes.len() {
        if bytes[i] == b'%' {
            let digit = |at: usize| match bytes.get(at) {
                Some(d @ b'0'..=b'9') => Ok(d - b'0'),
                Some(d @ b'a'..=b'f') => Ok(d - b'a' + 10),
                Some(d @ b'A'..=b'F') => Ok(d - b'A' + 10),
                _ => Err(TargetError::BadPercent),
            };
            out.push(digit(i + 1)? * 16 + digit(i + 2)?);
            i += 2;
        } else if bytes[i] == b'+' && plus_is_space {
            out.push(b' ');
        } else {
            out.push(bytes[i]);
        }
        i += 1;
    }
    Ok(out)
}

fn naive_text(text: &str) -> Result<String, TargetError> {
    String::from_utf8(naive(text, true)?).map_err(|_| TargetError::NotUtf8)
}

fn names(text: &str) {
    if let Some(id) = Id::parse(text) {
        assert_eq!(id.to_string(), text, "an id has one spelling");
    }
    if let Some(topic) = TopicName::parse(text) {
        assert_eq!(topic.as_str(), text);
        let mut encoded = String::new();
        percent_encode(text, &mut encoded);
        assert_eq!(encoded, text, "a URL carries it unchanged");
    }
    match Cursor::parse(text) {
        Cursor::Earliest => assert_eq!(text, "earliest"),
        Cursor::Latest => assert_eq!(text, "latest"),
        Cursor::After(id) => assert_eq!(id.to_string(), text),
        Cursor::Unknown(kept) => {
            assert!(text.starts_with(&*kept) && kept.len() <= CURSOR_BYTES_MAX);
            assert!(*kept == *text || kept.len() > CURSOR_BYTES_MAX - 4);
        }
    }
    let mut number = [0; 8];
    let length = text.len().min(8);
    number[..length].copy_from_slice(&text.as_bytes()[..length]);
    let id = Id { epoch: Epoch(u64::from_le_bytes(number)), seq: Seq(u64::from_be_bytes(number)) };
    assert_eq!(Id::parse(&id.to_string()), Some(id));
}

/// Asks for `text` by every method, and looks at what that is taken for.
fn routes(text: &str) {
    let policy = Policy {
        limits: Limits::default(),
        origins: Origins {
            allowed: vec![OriginPattern::parse("https://a.example").expect("an origin")],
            ..Origins::default()
        },
        serves_files: true,
        ..Policy::default()
    };
    for method in ["GET", "HEAD", "POST", "PUT", "OPTIONS", "DELETE"] {
        let request = format!("{method} {text} HTTP/1.1\r\nHost: a\r\n\r\n");
        let head = HeadDecoder::default().decode(request.as_bytes(), request.len() + 1);
        let Ok(Parsed::Complete { value: head, .. }) = head else {
            continue;
        };
        match route(&head, &policy, Door::Public, false).want {
            Want::Publish(publish) => {
                assert!(matches!(method, "POST" | "PUT"));
                let event = publish.event.as_deref().unwrap_or("tick");
                assert!(!event.is_empty() && event.len() <= 64 && !event.contains(['\r', '\n']));
            }
            Want::Read(read) => {
                assert!((1..=TOPICS_PER_READER_MAX).contains(&read.topics.len()));
                let mut topics = read.topics.to_vec();
                topics.sort();
                topics.dedup();
                assert_eq!(topics.len(), read.topics.len(), "none twice");
                if let How::Poll { wait_s, limit, .. } = read.how {
                    assert!(wait_s != Some(0) && (1..=POLL_MESSAGES_MAX).contains(&limit));
                }
            }
            Want::File(file) if *file.path == *FileWant::FOLDER => {
                assert_eq!(head.target.split('?').next(), Some("/static"));
            }
            Want::File(file) => {
                assert!(head.target.starts_with("/static/"));
                for segment in file.path.split('/') {
                    assert!(!matches!(segment, "." | ".."), "{:?}", file.path);
                    assert!(!segment.contains(['\\', '\0']), "{:?}", file.path);
                }
            }
            Want::Refuse(problem) => assert!(problem.status.code() >= 400),
            Want::RefuseOrigin(_) => unreachable!("nobody said an origin"),
            Want::Options { .. } => assert_eq!(method, "OPTIONS"),
            _ => assert!(matches!(method, "GET" | "HEAD")),
        }
    }
}

pub fn seeds() -> Vec<Vec<u8>> {
    [
        "/",
        "/chat",
        "/a,b,c/sse",
        "/news/poll?wait=30&limit=5",
        "/news?since=e-1&wait=0",
        "/news/ws?lastEventId=latest",
        "/news/info",
        "/static",
        "/metrics",
        "/-/healthy",
        "/-/ready",
        "/static/",
        "/static/a/../b",
        "/static/%2e%2e/x",
        "/static/a%2Fb",
        "/static/%5c",
        "/n%65ws",
        "/%",
        "/%4",
        "/%zz",
        "/caf%C3%A9",
        "/a?x=%FF",
        "/a?q=a+b%2Bc&&=&z",
        "/a?event=tick%0D",
        "/a?event=%E2%98%83",
        "?since=latest",
        "*",
        "a-1",
        "0-0",
        "e-01",
        "3w5e11264sgsf-18446744073709551615",
        "earliest",
        "latest",
        "Latest",
        "A.b_c~d-9",
        "...",
        "..",
        "/.",
        "/robots.txt",
        "/-",
        "http://a.example/news?wait=1",
        "/a?wait=x",
        "/a?limit=0",
        "/a?limit=99999999999999999999999",
        "/a//b",
        "/a/",
        "//a",
        "/a,,b",
        "/,",
    ]
    .map(|text| text.as_bytes().to_vec())
    .into()
}
