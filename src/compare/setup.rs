//! What was done, and how it was measured, in words.
//!
//! Came from: `mod`, when all variants have run. Goes to: everyone who shows figures. Absent on
//! purpose: figures.

use super::figures::RunSetup;
use super::flags::CompareOptions;
use super::target::Target;

/// What servers say of themselves, and the version of TLS that they speak, if they do.
#[derive(Clone, Debug, Default)]
pub struct ServerWords {
    /// Name and version.
    pub name: String,
    /// Event loops.
    pub threads: u64,
    /// Of TLS.
    pub tls: Option<&'static str>,
}

/// What was done.
pub fn setup(options: &CompareOptions, server: ServerWords) -> RunSetup {
    RunSetup {
        notes: notes(options, &server),
        server: server.name,
        threads: server.threads,
        url: options.url.as_ref().map(|target| Target::url(target, "")),
        clients: options.clients,
        messages: options.messages,
        rate: options.rate,
        size: options.size,
        rtt_ms: options.rtt_ms,
        tls: server.tls,
    }
}

fn notes(options: &CompareOptions, server: &ServerWords) -> Vec<String> {
    let mut notes = vec![
        "Counts are the server's own (/-/costs), from before the first client connects until the \
         last message has come: connecting is in them, spread over the messages."
            .to_owned(),
        "CPU is that of the server's whole process over that time, publishing included. Latency is \
         the clients': from before the publish is sent until the message is read."
            .to_owned(),
    ];
    if server.tls.is_some() {
        notes.push(
            "Each client remembers its own TLS sessions: its first handshake is a full one, and \
             when it connects anew it takes up its last session. The handshakes of whoever \
             publishes, and of whoever asks for the costs, are not counted. Memory is without the \
             keys that TLS keeps for an open connection, some 3.8 KB."
                .to_owned(),
        );
    }
    if server.tls.is_some() && options.url.is_none() {
        notes.push(
            "The certificate was made for this comparison and vouches for itself: about 400 \
             bytes, with a key on P-256. The chain of an authority has two or three thousand bytes \
             more in each full handshake."
                .to_owned(),
        );
    }
    if options.rtt_ms > 0 {
        let rtt = options.rtt_ms;
        notes.push(format!(
            "A round trip of {rtt} ms is emulated by the clients: a new connection sends nothing \
             for {rtt} ms, and afterwards every write leaves, and every read is seen, half of that \
             later. Bandwidth, loss and slow start are not emulated, and the publisher is not held \
             back."
        ));
    }
    if options.url.is_some() {
        notes.push(
            "The server was running before: whatever others did there meanwhile is in its counts, \
             its CPU and its memory."
                .to_owned(),
        );
    }
    notes
}
