//! Why somebody may not: every way to be refused for want of a right, with its remedy. RFC 6750 §3.
//!
//! Came from: `rights`, and `conn::admission`, which reads credentials. Goes to: the answer as a
//! problem, and the ledger, which counts each by its code. Absent on purpose: whether a topic
//! exists. Nothing here depends on it, so that no answer can tell.

use crate::wire::offences::offences;

offences! {
    /// Why a request, or a frame, was denied.
    pub enum Denial {
        TokenMissing = Unauthorized, "token_missing",
            "This takes a right. Send a token as Authorization: Bearer or in a cookie; where no \
             field can be set, send a ticket, which POST /-/ticket gives for a token, as ?ticket=.";
        TokenMalformed = BadRequest, "token_malformed",
            "Authorization takes Bearer and one token of A-Z a-z 0-9 - . _ ~ + / and = at its end; \
             send Authorization and Cookie once each.";
        TokenInQuery = BadRequest, "token_in_query",
            "A token does not belong into a URL, which is logged and shared; send it as \
             Authorization: Bearer or in a cookie, or ask POST /-/ticket for a ticket.";
        TokenTooLong = Unauthorized, "token_too_long",
            "A token takes at most 4,096 bytes; let it name fewer topics, or patterns.";
        TokenUnknown = Unauthorized, "token_unknown",
            "Nobody here knows this token; it may be misspelt, or no longer in use.";
        CookieForeign = Unauthorized, "cookie_foreign",
            "A cookie counts when a page of this server asks, or of an origin that the operator \
             names by --allow-origin; send the token as Authorization: Bearer.";
        JwtMalformed = Unauthorized, "jwt_malformed",
            "The token has two dots and is no JWT: header, claims and signature in base64url, each \
             member once, and no crit.";
        JwtAlgorithm = Unauthorized, "jwt_algorithm",
            "The token's alg is not that of a key of this server; sign by HS256 or EdDSA, \
             whichever the operator has given a --jwt-key for.";
        JwtSignature = Unauthorized, "jwt_signature",
            "The token's signature fits no key of this server.";
        JwtExpired = Unauthorized, "jwt_expired",
            "The token's time is over by its exp; fetch a new one.";
        JwtNotYetValid = Unauthorized, "jwt_not_yet_valid",
            "The token's time has not come by its nbf; see whether the clocks agree.";
        JwtAudience = Unauthorized, "jwt_audience",
            "The token's aud does not name this server; the operator says what it is called by \
             --jwt-audience.";
        JwtIssuer = Unauthorized, "jwt_issuer",
            "The token's iss is not the one that the operator names by --jwt-issuer.";
        JwtClaims = Unauthorized, "jwt_claims",
            "The token's claims take exp, a number, and tollway, an object with the lists publish \
             and subscribe, together of at most 64 patterns of topics.";
        TicketUnknown = Unauthorized, "ticket_unknown",
            "The ticket was used, is older than 30 seconds, or was never given; ask POST /-/ticket \
             for a new one before each connection.";
        TicketsExhausted = Unavailable, "tickets_exhausted",
            "Too many tickets were given and not used; use those first, or try again in a moment.";
        RightMissing = Forbidden, "right_missing",
            "The token is good, and does not give the right to do this.";
    }
}

impl Denial {
    /// The value of `WWW-Authenticate`, RFC 6750 §3.1, which goes with it.
    pub const fn challenge(self) -> Option<&'static str> {
        match self {
            Self::TokenMissing | Self::CookieForeign => Some(r#"Bearer realm="tollway""#),
            Self::TokenMalformed | Self::TokenInQuery => {
                Some(r#"Bearer realm="tollway", error="invalid_request""#)
            }
            Self::RightMissing => Some(r#"Bearer realm="tollway", error="insufficient_scope""#),
            Self::TicketsExhausted => None,
            Self::TokenTooLong | Self::TokenUnknown | Self::TicketUnknown => INVALID,
            Self::JwtMalformed | Self::JwtAlgorithm | Self::JwtSignature => INVALID,
            Self::JwtExpired | Self::JwtNotYetValid | Self::JwtAudience => INVALID,
            Self::JwtIssuer | Self::JwtClaims => INVALID,
        }
    }

    /// The denial of that code.
    pub fn of_code(code: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|denial| denial.code() == code)
    }
}

const INVALID: Option<&str> = Some(r#"Bearer realm="tollway", error="invalid_token""#);

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::response::Status;

    #[test]
    fn every_401_challenges_and_every_row_is_found_by_its_code() {
        for &denial in Denial::ALL {
            let unauthorized = denial.status() == Status::Unauthorized;
            assert!(!unauthorized || denial.challenge().is_some(), "RFC 9110 §15.5.2: {denial:?}");
            assert_eq!(Denial::of_code(denial.code()), Some(denial));
            assert!(denial.detail().ends_with('.'), "{denial:?}");
        }
        assert_eq!(Denial::of_code("topic_malformed"), None);
    }
}
