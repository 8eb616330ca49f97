//! Frames of `tollway.v1`: what is understood, what is refused, and what comes back of a ref.

use super::*;
use crate::wire::response::assert_row_is_sound;

const DATA_BYTES_MAX: usize = 1000;

/// The ref that comes back, and what was understood.
fn decoded(text: &str) -> (String, Result<Publication, PublishError>) {
    let (reference, publication) = decode(text, DATA_BYTES_MAX);
    (reference.json().to_owned(), publication)
}

fn accepted(text: &str) -> Publication {
    decoded(text).1.unwrap_or_else(|error| panic!("{text}: {error:?}"))
}

#[test]
fn an_object_with_data_is_a_publication() {
    let publication =
        Publication { topic: None, event: None, data: b"hello".to_vec(), binary: false, key: None };
    for text in [
        r#"{"data":"hello"}"#,
        " \r\n\t{ \"data\" : \"hello\" } \n",
        r#"{"data":"\u0068ello"}"#,
        r#"{"d\u0061ta":"hello"}"#,
        r#"{"data":"hello","ref":null,"topic":null,"event":null,"encoding":null,"key":null}"#,
        r#"{"data":"hello","once":true,"unknown":[{"data":1},"\ud800"],"unknown":2}"#,
    ] {
        assert_eq!(decoded(text).0, "null", "{text}");
        assert_eq!(accepted(text), publication, "{text}");
    }
    let all = r#"{"ref":"r","topic":"t","event":"e","data":"","encoding":"base64","key":"k"}"#;
    assert_eq!(
        accepted(all),
        Publication {
            topic: Some("t".into()),
            event: Some("e".into()),
            data: Vec::new(),
            binary: true,
            key: Some("k".into()),
        }
    );
}

#[test]
fn base64_is_bytes_and_text_is_text() {
    let bytes = accepted(r#"{"data":"/wD+","encoding":"base64"}"#);
    assert_eq!((bytes.data.as_slice(), bytes.binary), (&[0xFF, 0x00, 0xFE][..], true));
    let text = accepted(r#"{"data":"\ud83d\ude00\u0000 é"}"#);
    assert_eq!((text.data.as_slice(), text.binary), ("😀\0 é".as_bytes(), false));
}

#[test]
fn a_ref_comes_back_as_it_was_spelled() {
    for json in [
        "7",
        "-0.0",
        "1e400",
        "1234567890123456789012345678901234567890",
        r#""a \u0062 \" \ud800""#,
        r#"[1, {"ref" : [ ]}]"#,
        "{}",
        "false",
        r#""""#,
        &format!("\"{}\"", "x".repeat(REF_BYTES_MAX - 2)),
        &format!("{}{}", "[".repeat(REF_BYTES_MAX / 2), "]".repeat(REF_BYTES_MAX / 2)),
    ] {
        assert_eq!(decoded(&format!(r#"{{"data":"","ref": {json} }}"#)).0, json);
        // Also when it comes behind what is wrong.
        let refused = decoded(&format!(r#"{{"data":[],"ref":{json}}}"#));
        assert_eq!(refused, (json.to_owned(), Err(PublishError::DataNotText)));
    }
}

#[test]
fn a_key_is_a_string_of_its_own() {
    for (json, key) in [(r#""a\u0062""#, Some("ab")), (r#""""#, Some("")), ("null", None)] {
        let publication = accepted(&format!(r#"{{"key":{json},"data":"","ref":1}}"#));
        assert_eq!(publication.key.as_deref(), key);
    }
    // A ref is no key, and neither is a member that was one once.
    assert_eq!(accepted(r#"{"ref":1,"once":true,"data":""}"#).key, None);
}

/// Every offence, by a frame that commits it, and the ref that the refusal has.
fn offences() -> Vec<(String, &'static str, PublishError)> {
    use PublishError as E;
    let long = |length: usize| format!("\"{}\"", "x".repeat(length - 2));
    let mut rows = Vec::new();
    let mut row = |text: &str, reference, error| rows.push((text.to_owned(), reference, error));
    for text in ["", "{", "hello", r#"{"ref":1"#, "{'ref':1}", r#"{"ref":1} x"#, "[", "1 2"] {
        row(text, "null", E::NotJson);
    }
    for text in ["1", "null", r#""data""#, "[]", r#"[1,"t","e","data",null,null]"#, "[1]"] {
        row(text, "null", E::NotAnObject);
    }
    row(r#"{"ref":1,"data":"","ref":2}"#, "null", E::MemberDouble);
    row(&format!(r#"{{"ref":{},"data":""}}"#, long(257)), "null", E::RefTooLong);
    row(r#"{"ref":1,"data":"","topic":["t"]}"#, "1", E::TopicNotText);
    row(r#"{"ref":1,"data":"","event":5}"#, "1", E::EventNotText);
    row(r#"{"ref":1}"#, "1", E::DataMissing);
    row(r#"{"ref":1,"data":null}"#, "1", E::DataMissing);
    row(r#"{"ref":1,"data":{"a":1}}"#, "1", E::DataNotText);
    row(r#"{"ref":1,"data":"\ud800"}"#, "1", E::DataNotText);
    row(r#"{"ref":1,"data":"","encoding":"hex"}"#, "1", E::EncodingUnknown);
    row(r#"{"ref":1,"data":"","encoding":64}"#, "1", E::EncodingUnknown);
    for data in ["a", "/w", "_w==", "/w==\\n", "/x==", "é"] {
        let text = format!(r#"{{"ref":1,"data":"{data}","encoding":"base64"}}"#);
        row(&text, "1", E::DataNotBase64);
    }
    row(&format!(r#"{{"ref":1,"data":{}}}"#, long(1003)), "1", E::DataTooBig);
    for key in ["1", "true", "[]", r#""\ud800""#] {
        row(&format!(r#"{{"ref":1,"data":"","key":{key}}}"#), "1", E::KeyNotText);
    }
    rows
}

#[test]
fn every_offence_has_its_name_and_the_ref_if_it_can() {
    let mut seen = Vec::new();
    for (text, reference, error) in offences() {
        assert_eq!(decoded(&text), (reference.to_owned(), Err(error)), "{text}");
        seen.push(error);
    }
    for error in PublishError::ALL {
        assert!(seen.contains(error), "{error:?} is produced by no test");
        assert_row_is_sound(&format!("{error:?}"), error.status(), error.code(), error.detail());
    }
}

#[test]
fn data_up_to_the_bound_is_taken_however_it_is_spelled() {
    let text = format!(r#"{{"data":"{}"}}"#, "\\u0000".repeat(DATA_BYTES_MAX));
    assert_eq!(accepted(&text).data, vec![0; DATA_BYTES_MAX]);
    let base64 = STANDARD.encode(vec![0xFF; DATA_BYTES_MAX]);
    let text = format!(r#"{{"data":"{base64}","encoding":"base64"}}"#);
    assert_eq!(accepted(&text).data, vec![0xFF; DATA_BYTES_MAX]);
}

#[test]
fn a_deep_frame_costs_no_stack() {
    let deep = format!("{}{}", "[".repeat(1_000_000), "]".repeat(1_000_000));
    assert_eq!(accepted(&format!(r#"{{"data":"x","unknown":{deep}}}"#)).data, b"x");
    let refused = decoded(&format!(r#"{{"data":"x","ref":{deep}}}"#));
    assert_eq!(refused.1, Err(PublishError::RefTooLong));
}

#[test]
fn a_frame_cut_anywhere_is_refused_and_never_misread() {
    let whole = r#"{"ref":"é","topic":"t","data":"\u00e9","encoding":null,"key":"k"}"#;
    accepted(whole);
    for at in (0..whole.len()).filter(|&at| whole.is_char_boundary(at)) {
        assert_eq!(decoded(&whole[..at]).1, Err(PublishError::NotJson), "{at}");
    }
}
