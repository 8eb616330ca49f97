//! Facts about what is agreed on.
//!
//! Came from: RFC 6455 §9.1, RFC 7692 §5 and §7.1. Goes to: `cargo test`.

use super::*;

const BARE: &str = "permessage-deflate; server_no_context_takeover; client_no_context_takeover";

/// The answer to an offer; empty when there is none.
fn answer(fields: &[&str]) -> Result<String, Malformed> {
    let fields: Vec<&[u8]> = fields.iter().map(|field| field.as_bytes()).collect();
    agree(&fields).map(|agreed| agreed.map(|terms| terms.to_string()).unwrap_or_default())
}

/// What is offered behind the name, and what the answer has behind `server_no_context_takeover`.
const MET: &[(&str, &str)] = &[
    ("", "client_no_context_takeover"),
    ("; client_no_context_takeover", "client_no_context_takeover"),
    ("; server_no_context_takeover", "client_no_context_takeover"),
    ("; client_max_window_bits", "client_max_window_bits=12"),
    ("; client_max_window_bits=15", "client_max_window_bits=12"),
    ("; client_max_window_bits=12", "client_max_window_bits=12"),
    ("; client_max_window_bits=11", "client_max_window_bits=11"),
    ("; client_max_window_bits=8", "client_max_window_bits=8"),
    ("; client_max_window_bits; client_no_context_takeover", "client_no_context_takeover"),
    ("; server_max_window_bits=15", "server_max_window_bits=15; client_no_context_takeover"),
    ("; server_max_window_bits=14", "server_max_window_bits=12; client_no_context_takeover"),
    ("; server_max_window_bits=12", "server_max_window_bits=12; client_no_context_takeover"),
    ("; server_max_window_bits=11", "server_max_window_bits=9; client_no_context_takeover"),
    ("; server_max_window_bits=9", "server_max_window_bits=9; client_no_context_takeover"),
    (
        "; client_max_window_bits=10; server_max_window_bits=10; server_no_context_takeover",
        "server_max_window_bits=9; client_max_window_bits=10",
    ),
    // Quotes and blanks say the same.
    ("; client_max_window_bits=\"9\"", "client_max_window_bits=9"),
    ("; client_max_window_bits=\"1\\0\"", "client_max_window_bits=10"),
    ("\t;client_max_window_bits = 9 ", "client_max_window_bits=9"),
];

#[test]
fn offers_that_can_be_met_are_answered_in_our_terms() {
    for (offered, terms) in MET {
        let terms = format!("permessage-deflate; server_no_context_takeover; {terms}");
        let offered = format!("permessage-deflate{offered}");
        assert_eq!(answer(&[&offered]), Ok(terms), "{offered}");
    }
}

/// What is offered behind the name, and cannot be met.
const DECLINED: &[&str] = &[
    // No encoder makes this window.
    "; server_max_window_bits=8",
    // §7.1: unknown, double, with a value that is bad, without one that is needed.
    "; window=9",
    "; Server_No_Context_Takeover",
    "; server_no_context_takeover; server_no_context_takeover",
    "; client_no_context_takeover; client_no_context_takeover",
    "; server_max_window_bits=9; server_max_window_bits=9",
    "; client_max_window_bits; client_max_window_bits=9",
    "; server_no_context_takeover=1",
    "; client_no_context_takeover=\"true\"",
    "; server_max_window_bits",
    "; server_max_window_bits=7",
    "; server_max_window_bits=16",
    "; server_max_window_bits=09",
    "; server_max_window_bits=1",
    "; server_max_window_bits=100",
    "; client_max_window_bits=7",
    "; client_max_window_bits=16",
    "; client_max_window_bits=08",
    "; client_max_window_bits=+9",
    "; client_max_window_bits=nine",
];

#[test]
fn offers_that_cannot_be_met_are_declined_and_the_next_one_is_looked_at() {
    for offered in DECLINED {
        let offered = format!("permessage-deflate{offered}");
        assert_eq!(answer(&[&offered]), Ok(String::new()), "{offered}");
        let list = format!("{offered}, permessage-deflate");
        assert_eq!(answer(&[&list]), Ok(BARE.to_owned()), "{list}");
        let fields = [&*offered, "permessage-deflate"];
        assert_eq!(answer(&fields), Ok(BARE.to_owned()), "{fields:?}");
    }
}

#[test]
fn the_first_offer_that_can_be_met_is_taken() {
    let first = "permessage-deflate; server_no_context_takeover; server_max_window_bits=9; \
                 client_no_context_takeover";
    let cases: &[&[&str]] = &[
        &["permessage-deflate; server_max_window_bits=9, permessage-deflate"],
        &["x, permessage-deflate; server_max_window_bits=9", "permessage-deflate"],
        &["permessage-bzip2; level=\"9\"", "", "permessage-deflate; server_max_window_bits=10"],
        &[", ,permessage-deflate ;server_max_window_bits=\"11\",,", "x"],
    ];
    for fields in cases {
        assert_eq!(answer(fields), Ok(first.to_owned()), "{fields:?}");
    }
}

#[test]
fn without_an_offer_there_is_no_answer() {
    let cases: &[&[&str]] = &[
        &[],
        &[""],
        &[" , "],
        &["x-webkit-deflate-frame"],
        &["permessage-deflat; a, permessage-deflated", "Permessage-Deflate"],
        &["x; a=1; b; c=\"d\""],
    ];
    for fields in cases {
        assert_eq!(answer(fields), Ok(String::new()), "{fields:?}");
    }
}

#[test]
fn what_is_no_list_is_malformed_also_behind_a_good_offer() {
    let cases = [
        ";",
        "=",
        "a;",
        "a; ;b",
        "a; b=",
        "a; =b",
        "a; b=c=d",
        "a b",
        "a; b c",
        "a; b=\"\"",
        "a; b=\"c",
        "a; b=\"c\\",
        "a; b=\"c d\"",
        "a; b=\"c,d\"",
        "a; b=\"c\"d",
        "a; b=\"\\\"\"",
        "\"a\"",
        "a, (b)",
        "a\u{e9}",
    ];
    for field in cases {
        assert_eq!(answer(&[field]), Err(Malformed), "{field}");
        let fields = ["permessage-deflate", field];
        assert_eq!(answer(&fields), Err(Malformed), "{field}");
    }
}

#[test]
fn a_client_that_was_told_8_may_use_9() {
    let agreed = agree(&[b"permessage-deflate; client_max_window_bits=8"]);
    let agreed = agreed.expect("well-formed").expect("agreed");
    assert_eq!(agreed.context_bits(), Some(9));
}
