//! What a client says in `tollway.v1`: whatever is understood, written anew by a stranger, is
//! understood the same; a ref comes back as it was spelled; no bound is passed.
//!
//! Came from: text, as it is and as the data of a sound frame; the first byte chooses the bound.
//! Goes to: `wire::v1`, `technique::v1`.

use tollway::ids::{Epoch, Id, Seq};
use tollway::limits::REF_BYTES_MAX;
use tollway::technique::v1;
use tollway::wire::v1::{Publication, PublishError, Reference, decode};

use super::choice;
use super::readers::json::Json;
use super::readers::{frames, json};

pub fn check(input: &[u8]) {
    let (bound, bytes) = choice(input);
    let bound = [1000, 0, 1, 5, 64, 70_000][usize::from(bound % 6)];
    let text = String::from_utf8_lossy(bytes);
    let (reference, publication) = decode(&text, bound);
    let spelled = reference.json();
    assert!(spelled.len() <= REF_BYTES_MAX, "{spelled}");
    assert!(spelled == "null" || text.contains(spelled), "{spelled} was never said");
    match &publication {
        Ok(publication) => {
            assert!(publication.data.len() <= bound);
            assert!(publication.binary || str::from_utf8(&publication.data).is_ok());
            means_the_same_written_anew(spelled, publication, bound);
        }
        Err(offence) => {
            assert!(offence.status().code() >= 400);
            if matches!(offence, PublishError::NotJson | PublishError::NotAnObject) {
                assert_eq!(spelled, "null");
            }
        }
    }
    is_taken_as_data(&text, bytes);
    answers_read_back(&reference, publication.is_ok());
}

/// As JSON with every character that is not a letter escaped, and members in another order.
fn means_the_same_written_anew(reference: &str, publication: &Publication, bound: usize) {
    let Publication { topic, event, data, binary, key } = publication;
    let data = match binary {
        true => format!("{:?},\"encoding\":\"base64\"", json::to_base64(data)),
        false => quoted(str::from_utf8(data).unwrap()),
    };
    let member = |name: &str, text: &Option<String>| match text {
        Some(text) => format!("\"{name}\":{},", quoted(text)),
        None => String::new(),
    };
    let [topic, event, key] =
        [("topic", topic), ("event", event), ("key", key)].map(|(name, text)| member(name, text));
    let anew = format!("{{{event}{key}\"data\":{data},{topic}\"ref\":{reference}}}");
    let (again, understood) = decode(&anew, bound);
    assert_eq!(understood.as_ref(), Ok(publication), "{anew}");
    assert_eq!(again.json(), reference);
}

fn quoted(text: &str) -> String {
    let mut out = String::from("\"");
    for unit in text.encode_utf16() {
        match u8::try_from(unit) {
            Ok(letter) if letter.is_ascii_alphanumeric() => out.push(char::from(letter)),
            _ => out.push_str(&format!("\\u{unit:04x}")),
        }
    }
    out.push('"');
    out
}

fn is_taken_as_data(text: &str, bytes: &[u8]) {
    let spelled = quoted(text);
    let (reference, said) = decode(&format!("{{\"ref\":7,\"data\":{spelled}}}"), text.len());
    assert_eq!(reference.json(), "7");
    let said = said.expect("it is sound");
    assert_eq!((said.data.as_slice(), said.binary, said.key), (text.as_bytes(), false, None));
    let base64 = json::to_base64(bytes);
    let frame = format!("{{\"data\":\"{base64}\",\"encoding\":\"base64\"}}");
    let said = decode(&frame, bytes.len()).1.expect("it is sound");
    assert_eq!((said.data.as_slice(), said.binary), (bytes, true));
    if let Some(less) = bytes.len().checked_sub(1) {
        assert_eq!(decode(&frame, less).1, Err(PublishError::DataTooBig));
    }
}

/// The answers are text frames of one object, whatever the ref is.
fn answers_read_back(reference: &Reference, simple: bool) {
    let id = Id { epoch: Epoch(14), seq: Seq(3) };
    let mut out = Vec::new();
    v1::acknowledge(reference, id, &mut out);
    for offence in PublishError::ALL {
        let problem = (offence.status(), offence.code(), offence.detail());
        v1::refuse(reference, problem, &mut out);
    }
    let (frames, left) = frames::server(&out);
    assert!(left.is_empty() && frames.len() == 1 + PublishError::ALL.len());
    let begins = format!("{{\"ref\":{},", reference.json());
    for frame in &frames {
        assert!(frame.opcode == 1 && frame.payload.starts_with(begins.as_bytes()));
        assert!(str::from_utf8(&frame.payload).is_ok());
    }
    // Half of a surrogate pair is JSON that a stranger need not read.
    if simple && !reference.json().contains(['\\', ' ', '\n', '\r', '\t']) {
        let read = json::read(&frames[0].payload);
        assert_eq!(read.get("id"), Some(&Json::Text("e-3".to_owned())));
    }
}

pub fn seeds() -> Vec<Vec<u8>> {
    [
        r#"{"data":"hello"}"#,
        r#"{"ref":1,"topic":"news","event":"tick","data":"caf\u00e9 \ud83d\ude00","key":"k"}"#,
        r#" { "ref" : "a b" , "data" : "/wD+" , "encoding" : "base64" } "#,
        r#"{"d\u0061ta":"x","unknown":[{"data":1},"\ud800"],"unknown":2}"#,
        r#"{"ref":[1,{"ref":[]}],"data":"x","encoding":null,"topic":null}"#,
        r#"{"ref":-0.0e7,"data":"x","key":null}"#,
        r#"{"ref":1,"ref":2,"data":"x"}"#,
        r#"{"ref":1,"data":5}"#,
        r#"{"ref":1,"data":"\ud800"}"#,
        r#"{"ref":1,"data":"x","encoding":"hex"}"#,
        r#"{"ref":1,"data":"_w==","encoding":"base64"}"#,
        r#"{"ref":1,"data":"x","topic":["t"]}"#,
        r#"{"data":"x","key":1}"#,
        r#"{"ref":"","data":"x","key":""}"#,
        r#"["data"]"#,
        "null",
        "{",
    ]
    .iter()
    .enumerate()
    .map(|(n, text)| [&[if n == 5 { 2 } else { 0 }], text.as_bytes()].concat())
    .collect()
}
