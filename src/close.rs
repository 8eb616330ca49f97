//! Why connections end: one table. Each row is a counter, a row in the docs, a word in the log,
//! and has a transcript.
//!
//! Came from: the code that decides that a connection ends; the first reason counts. Goes to:
//! `ledger`, which counts it, and the access log. Absent on purpose: how it is said on the wire;
//! the technique says it.

use crate::named::named;

named! {
    /// Why a connection ended, in the order of a connection's life. The name is what logs, metrics
    /// and transcripts use.
    #[repr(u8)]
    pub enum CloseReason {
        Idle = "idle", "No request came on a kept-alive connection for --idle-timeout.";
        Displaced = "displaced",
            "A newcomer needed its place; no other had been without a request for so long.";
        TlsTimeout = "tls_timeout",
            "A TLS handshake was not complete within --head-timeout, or --idle-timeout if that is \
             less, of the connection's beginning.";
        TlsRefused = "tls_refused",
            "The TLS handshake failed: no version, cipher suite or protocol in common, or the peer \
             refused our certificate.";
        TlsMalformed = "tls_malformed", "What came on a TLS address was no sound TLS (an alert).";
        TlsTruncated = "tls_truncated",
            "The peer ended its side within a TLS handshake, or later without saying so by TLS.";
        HeadTimeout = "head_timeout",
            "A request head was begun and not ended within --head-timeout (408).";
        BodyTimeout = "body_timeout", "A request body was not ended within --body-timeout (408).";
        ProxyMalformed = "proxy_malformed",
            "A trusted proxy began with no sound header of the PROXY protocol.";
        MessageTimeout = "message_timeout",
            "A WebSocket message was begun and not ended within --body-timeout (1008).";
        Unfinished = "unfinished",
            "What came unfinished of all connections was more than --max-unfinished (503, 1013).";
        Refused = "refused", "A request was refused, and nothing after it can be read.";
        Answered = "answered", "The request was answered and keep-alive was not wanted.";
        PeerFinished = "peer_finished",
            "The peer ended its side and everything it had asked was answered.";
        PeerLeft = "peer_left",
            "The peer ended its side in the middle of a request, a stream or a socket.";
        PeerClosed = "peer_closed", "The peer sent a WebSocket Close frame and got ours.";
        ProtocolError = "protocol_error", "The peer broke a rule of RFC 6455 or RFC 7692 (1002).";
        NotUtf8 = "not_utf8", "The peer sent text that is not UTF-8 (1007).";
        NotAllowed = "not_allowed", "The peer published on a socket that may only read (1008).";
        TokenExpired = "token_expired",
            "The token by which a stream or a WebSocket read was good no longer (1008).";
        TooBig = "too_big",
            "The peer sent a message over --max-message, or too long a frame of tollway.v1 (1009).";
        Gap = "gap", "A raw WebSocket would have missed messages and has no word for it (1013).";
        TooFast = "too_fast",
            "A message said on a raw WebSocket was more than --max-publishes allows (1008).";
        Overloaded = "overloaded", "A message said on a WebSocket could not be taken (1013).";
        PongTimeout = "pong_timeout", "The peer sent nothing after a Ping for the pong deadline.";
        Stalled = "stalled",
            "The peer acknowledged none of the bytes that waited for it for --stall-timeout.";
        Reset = "reset",
            "Reading or writing failed: the peer reset the connection, or the network did.";
        Panicked = "panicked", "What the peer sent met a defect of the server; the log says which.";
        Interrupted = "interrupted",
            "A file that was being sent could not be read to its end, or the next message of a \
             poll's answer fell off before a slow peer took those before it.";
        Drained = "drained",
            "The server ends, and the peer was told in good order: 1001, retry:, or an end.";
        Cut = "cut", "The server ends, and --drain was over before the peer had everything.";
    }
}

#[cfg(test)]
mod tests {
    use super::CloseReason;

    #[test]
    fn names_are_unique_and_sentences_end() {
        let mut names: Vec<_> = CloseReason::ALL.iter().map(|r| r.name()).collect();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), CloseReason::ALL.len());
        assert!(CloseReason::ALL.iter().all(|r| r.sentence().ends_with('.')));
    }
}
