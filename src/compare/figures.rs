//! What was measured: the figures of each variant, and the setup in which they were.
//!
//! Came from: `mod`, which puts together what the server and the clients say. Goes to: everyone who
//! shows figures; `--json` shows all. Absent on purpose: rounding.

use serde::{Serialize, Serializer};

use super::variant;
use crate::client::quantiles::Quantiles;
use crate::ledger::report::shapes::{ByClass, ServerLatency, TechniqueCounts};
use crate::ledger::{Process, SharedCounts};
use crate::technique::Technique;

/// A whole comparison.
#[derive(Clone, Debug, Serialize)]
pub struct Comparison {
    /// What was done.
    pub setup: RunSetup,
    /// What came of it, in the order in which the variants ran.
    pub techniques: Vec<Figures>,
}

/// What was done.
#[derive(Clone, Debug, Serialize)]
pub struct RunSetup {
    /// Name and version of the server, as it says.
    pub server: String,
    /// Event loops of the server.
    pub threads: u64,
    /// The running server that was compared; `null` when each variant had one of its own.
    pub url: Option<String>,
    /// Clients of each variant.
    pub clients: usize,
    /// Messages published to each variant.
    pub messages: u64,
    /// Messages a second.
    pub rate: f64,
    /// Bytes of each message.
    pub size: usize,
    /// Emulated round trip; 0 is none.
    pub rtt_ms: u64,
    /// The version of TLS that was spoken; without TLS there is no such member.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tls: Option<&'static str>,
    /// How it was measured, a sentence each.
    pub notes: Vec<String>,
}

/// The figures of one variant. Counts are the server's, over the whole run: from before the first
/// client connects until the last message has come, while all clients are still there.
#[derive(Clone, Debug, Serialize)]
pub struct Figures {
    /// Who pays.
    #[serde(serialize_with = "by_name")]
    pub technique: Technique,
    /// What sets it apart from the technique's other variants.
    pub variant: String,
    /// Clients that read.
    pub clients: usize,
    /// Between two polls; 0 for whoever does not poll by the clock.
    pub poll_interval_ms: u64,
    /// From before the first connection to the last reception.
    pub seconds: f64,
    /// The numbers of `/-/costs`: what was added in the run.
    #[serde(flatten)]
    pub row: TechniqueCounts,
    /// Commit → written. `None` where the server had delivered before: a quantile cannot be taken
    /// from another.
    pub latency_server: Option<ServerLatency>,
    /// TLS handshakes of the clients; without TLS there is no such member.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tls_handshakes: Option<TlsHandshakes>,
    /// Divided by deliveries.
    pub per_message: PerDelivery,
    /// Bytes held by the server, divided by clients.
    pub memory_per_client: PerClient,
    /// Of connections and requests.
    pub round_trips: RoundTrips,
    /// Publishing to receiving in microseconds, as the clients saw it.
    pub latency: Quantiles,
    /// How much later than they were due the messages were published, in microseconds: what this
    /// machine's other work adds to any time.
    pub late: Quantiles,
    /// Of the server's process.
    pub cpu: Cpu,
}

/// The name that `/-/costs` has for it.
#[expect(clippy::trivially_copy_pass_by_ref, reason = "as serde calls it")]
fn by_name<S: Serializer>(technique: &Technique, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(technique.name())
}

/// TLS handshakes that the server has completed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct TlsHandshakes {
    /// A certificate was shown.
    pub full: u64,
    /// An earlier session was taken up.
    pub resumed: u64,
}

impl TlsHandshakes {
    /// Those that were counted after `before`.
    pub const fn between(before: &SharedCounts, after: &SharedCounts) -> Self {
        let added = after.since(before);
        Self { full: added.tls_full, resumed: added.tls_resumed }
    }

    /// Without those that were somebody else's.
    #[must_use]
    pub const fn without(self, others: Self) -> Self {
        let (full, resumed) = (others.full, others.resumed);
        Self { full: self.full.saturating_sub(full), resumed: self.resumed.saturating_sub(resumed) }
    }
}

/// Divided by deliveries.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
pub struct PerDelivery {
    /// Received by the server.
    pub bytes_in: f64,
    /// The same by class.
    pub bytes_in_by_class: ByClass<f64>,
    /// Sent by the server.
    pub bytes_out: f64,
    /// The same by class.
    pub bytes_out_by_class: ByClass<f64>,
    /// Of all bytes in both directions, those that are the messages: 0 to 1.
    pub payload_share: f64,
    /// Sent and received, of any kind.
    pub segments: f64,
    /// Of the server.
    pub syscalls: f64,
    /// Handshakes and requests.
    pub round_trips: f64,
    /// CPU time of the server's process.
    pub cpu_us: f64,
}

/// Divided by clients.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
pub struct PerClient {
    /// In user space.
    pub user: f64,
    /// In the kernel's socket buffers.
    pub kernel: f64,
}

/// What a network multiplies by its round-trip time.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
pub struct RoundTrips {
    /// One for the TCP handshake, one for the request, and those of a client's first TLS handshake.
    pub before_first_byte: u64,
    /// Handshakes and requests, divided by deliveries.
    pub per_message: f64,
}

/// CPU time of the server's process, all of its work: publishing and accepting included.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
pub struct Cpu {
    /// In user space.
    pub user_us: u64,
    /// In the kernel.
    pub system_us: u64,
    /// Both.
    pub total_us: u64,
    /// Resident memory of the process at the end.
    pub rss: u64,
}

/// What is needed to derive the rest.
#[derive(Clone, Debug)]
pub struct Measured {
    /// Who pays.
    pub technique: Technique,
    /// Its variant.
    pub variant: String,
    /// Clients that read.
    pub clients: usize,
    /// Between two polls.
    pub poll_interval_ms: u64,
    /// How long it took.
    pub seconds: f64,
    /// What the technique has cost.
    pub row: TechniqueCounts,
    /// Commit → written, if it is of this run alone.
    pub latency_server: Option<ServerLatency>,
    /// The version of TLS, and its handshakes, if TLS was spoken.
    pub tls: Option<(&'static str, TlsHandshakes)>,
    /// The process before and after.
    pub process: (Process, Process),
    /// What the clients saw.
    pub latency: Quantiles,
    /// How late the publisher was.
    pub late: Quantiles,
}

impl Figures {
    /// Derives what follows from what was measured.
    pub fn of(measured: Measured) -> Self {
        let Measured { row, .. } = measured;
        let (before, after) = measured.process;
        let cpu = Cpu {
            user_us: after.cpu_user_us.saturating_sub(before.cpu_user_us),
            system_us: after.cpu_system_us.saturating_sub(before.cpu_system_us),
            total_us: 0,
            rss: after.rss,
        };
        let cpu = Cpu { total_us: cpu.user_us.saturating_add(cpu.system_us), ..cpu };
        let deliveries = row.answers.messages.max(1) as f64;
        let clients = measured.clients as f64;
        // Sums of figures: what another server says of itself need not fit into a counter.
        let bytes = (row.bytes_in.total as f64 + row.bytes_out.total as f64).max(1.0);
        let (in_full, shaking) = measured.tls.map_or((0, 0.0), |(version, tls)| {
            // RFC 8446 §2, RFC 5246 §7.3: what is taken up takes one by either.
            let in_full: u64 = if version == "1.3" { 1 } else { 2 };
            (in_full, in_full as f64 * tls.full as f64 + tls.resumed as f64)
        });
        let tcp = &row.tcp.counts;
        let handshakes = tcp.handshakes as f64 + shaking;
        let round_trips = (handshakes + row.answers.requests as f64) / deliveries;
        Self {
            technique: measured.technique,
            variant: measured.variant,
            clients: measured.clients,
            poll_interval_ms: measured.poll_interval_ms,
            seconds: measured.seconds,
            per_message: PerDelivery {
                bytes_in: row.bytes_in.total as f64 / deliveries,
                bytes_in_by_class: row.bytes_in.per(deliveries),
                bytes_out: row.bytes_out.total as f64 / deliveries,
                bytes_out_by_class: row.bytes_out.per(deliveries),
                payload_share: row.bytes_out.payload as f64 / bytes,
                segments: (tcp.segments_in as f64 + tcp.segments_out as f64) / deliveries,
                syscalls: row.syscalls.total / deliveries,
                round_trips,
                cpu_us: cpu.total_us as f64 / deliveries,
            },
            memory_per_client: PerClient {
                user: row.memory.user as f64 / clients,
                kernel: row.memory.kernel as f64 / clients,
            },
            round_trips: RoundTrips {
                before_first_byte: ROUND_TRIPS_BEFORE_FIRST_BYTE + in_full,
                per_message: round_trips,
            },
            latency: measured.latency,
            late: measured.late,
            latency_server: measured.latency_server,
            tls_handshakes: measured.tls.map(|(_, handshakes)| handshakes),
            cpu,
            row,
        }
    }

    /// Technique and variant, for people.
    pub fn label(&self) -> String {
        variant::label(self.technique, &self.variant)
    }

    /// Bytes of TLS in both directions for each delivered message.
    pub fn tls_bytes_per_message(&self) -> f64 {
        self.per_message.bytes_in_by_class.tls + self.per_message.bytes_out_by_class.tls
    }

    /// Bytes in both directions for each delivered message.
    pub fn bytes_per_message(&self) -> f64 {
        self.per_message.bytes_in + self.per_message.bytes_out
    }
}

/// One for the TCP handshake, one for the request and the first byte of its answer.
const ROUND_TRIPS_BEFORE_FIRST_BYTE: u64 = 2;

#[cfg(test)]
pub(super) mod example;
#[cfg(test)]
mod tests {
    use super::example::{comparison, measured, secured};
    use super::*;

    #[test]
    fn what_is_derived_follows_from_what_was_counted() {
        let figures = &comparison().techniques[0];
        let per = figures.per_message;
        assert_eq!((per.bytes_in, per.bytes_out), (400.0, 600.0));
        assert_eq!((per.payload_share, per.cpu_us), (0.1, 20.0));
        assert_eq!((per.segments, per.syscalls, per.round_trips), (4.0, 3.0, 2.0));
        let memory = figures.memory_per_client;
        assert_eq!((per.bytes_out_by_class.payload, memory.user), (100.0, 256.0));
    }

    /// Of a running server, which may count what it likes.
    #[test]
    fn sums_of_great_figures_are_great() {
        let secure = secured("1.2");
        let mut measured = measured(&secure.techniques[0]);
        let (row, most) = (&mut measured.row, u64::MAX);
        (row.bytes_in.total, row.bytes_out.total, row.bytes_out.payload) = (most, most, most);
        (row.tcp.counts.segments_in, row.tcp.counts.segments_out) = (most, most);
        (row.tcp.counts.handshakes, row.answers.requests) = (most, most);
        (measured.process.1.cpu_user_us, measured.process.1.cpu_system_us) = (most, most);
        let shaking = TlsHandshakes { full: most, resumed: most };
        measured.tls = Some(("1.2", shaking));
        let figures = Figures::of(measured);
        let (per, most) = (figures.per_message, most as f64 / 100.0);
        assert!((per.payload_share - 0.5).abs() < 1e-9, "{per:?}");
        assert!((per.segments / most - 2.0).abs() < 1e-9, "{per:?}");
        assert!((per.round_trips / most - 5.0).abs() < 1e-9, "{per:?}");
        assert!((per.cpu_us / most - 1.0).abs() < 1e-9, "as much as there can be: {per:?}");
    }

    #[test]
    fn tls_adds_its_round_trips_and_members_and_only_where_it_was_spoken() {
        let plain = serde_json::to_string(&comparison()).expect("plain data");
        assert!(!plain.contains("\"tls_handshakes\"") && !plain.contains("\"tls\":\""), "{plain}");
        for (version, before_first_byte, per_message) in [("1.3", 3, 2.12), ("1.2", 4, 2.22)] {
            // Twelve handshakes for a hundred deliveries, ten of them in full.
            let secure = secured(version);
            let row = &secure.techniques[0];
            assert_eq!(row.round_trips.before_first_byte, before_first_byte);
            assert!((row.round_trips.per_message - per_message).abs() < 1e-9, "{version}");
            let object = serde_json::to_value(&secure).expect("plain data");
            assert_eq!(object["setup"]["tls"], version);
            assert_eq!(object["techniques"][0]["tls_handshakes"]["resumed"], 2);
        }
    }

    #[test]
    fn the_object_has_the_documented_members() {
        let object = serde_json::to_value(comparison()).expect("plain data");
        let row = &object["techniques"][0];
        for member in [
            "technique",
            "variant",
            "connections",
            "requests",
            "answers_empty",
            "messages",
            "bytes_in",
            "bytes_out",
            "syscalls",
            "tcp",
            "memory",
            "parked",
            "latency",
            "latency_server",
            "per_message",
            "cpu",
        ] {
            assert!(!row[member].is_null(), "{member}");
        }
        for (place, technique) in [(0, "short_poll"), (1, "websocket")] {
            assert_eq!(object["techniques"][place]["technique"], technique);
        }
        assert_eq!(row["latency"]["p50"], 500);
        assert_eq!(row["latency_server"]["p50_us"], 30);
    }
}
