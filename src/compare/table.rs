//! Figures as text tables: what stands in which column, and how a number is written.
//!
//! Came from: `terminal` and `markdown`. Goes to: the same, which draw the lines. Absent on
//! purpose: lines, and rarities: a column such as that of heartbeats is left out where all of it is
//! 0.

use super::figures::{Comparison, Figures};

/// One small table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Table {
    /// What it is about.
    pub title: String,
    /// A column's heading in lines.
    pub headings: Vec<Vec<&'static str>>,
    /// Label and cells of each variant.
    pub rows: Vec<(String, Vec<String>)>,
}

/// A column: heading, the figure of a row, how it is written, and what it says.
type Column = (&'static [&'static str], fn(&Figures) -> f64, Unit, &'static str);

/// How a figure is written.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Unit {
    /// A whole number.
    Count,
    /// A number with as many digits as carry something.
    Ratio,
    /// Of 1.
    Share,
    /// Microseconds.
    Time,
    /// Bytes of memory.
    Memory,
}

/// All tables of a comparison.
pub fn all(comparison: &Comparison) -> Vec<Table> {
    let rows = &comparison.techniques;
    TABLES.iter().map(|(title, columns)| table(title, columns, rows)).collect()
}

/// What each column says: title of the table, and its columns as heading and sentence.
pub fn explained() -> Vec<(&'static str, Vec<(String, &'static str)>)> {
    let explain = |(heading, .., says): &Column| (joined(heading), *says);
    let table = |(title, columns): &(&'static str, &[Column])| {
        (*title, columns.iter().map(explain).collect())
    };
    TABLES.iter().map(table).collect()
}

/// A heading in one line; a word that was split for a narrow column is whole again.
pub fn joined(lines: &[&str]) -> String {
    lines.join(" ").replace("- ", "").replace(" /", "/")
}

const TABLES: [(&str, &[Column]); 3] = [
    ("What goes over the network", TRAFFIC),
    ("Bytes for each delivered message", BYTES),
    ("What the server does, and how long a message takes", WORK),
];

const TRAFFIC: &[Column] = &[
    (
        &["connec-", "tions"],
        |f| f.row.connections.counts.opened as f64,
        Unit::Count,
        "connections that all clients together opened",
    ),
    (
        &["hand-", "shakes"],
        |f| f.row.tcp.counts.handshakes as f64,
        Unit::Count,
        "TCP handshakes: one for each connection",
    ),
    (
        &["TLS", "full"],
        |f| f.tls_handshakes.unwrap_or_default().full as f64,
        Unit::Count,
        "TLS handshakes in which the server showed its certificate",
    ),
    (
        &["TLS", "resumed"],
        |f| f.tls_handshakes.unwrap_or_default().resumed as f64,
        Unit::Count,
        "TLS handshakes that took up an earlier session of the same client",
    ),
    (
        &["requests"],
        |f| f.row.answers.requests as f64,
        Unit::Count,
        "requests answered; the handshake of a WebSocket is one",
    ),
    (
        &["empty", "answers"],
        |f| f.row.answers.answers_empty as f64,
        Unit::Count,
        "answers to polls that carried no message",
    ),
    (
        &["messages", "delivered"],
        |f| f.row.answers.messages as f64,
        Unit::Count,
        "messages that reached a client",
    ),
    (
        &["segments", "/message"],
        |f| f.per_message.segments,
        Unit::Ratio,
        "TCP segments in both directions, acknowledgements too, for each delivery",
    ),
    (
        &["retrans-", "mits"],
        |f| f.row.tcp.counts.retransmits as f64,
        Unit::Count,
        "segments that the server sent again",
    ),
    (
        &["RTTs to", "1st byte"],
        |f| f.round_trips.before_first_byte as f64,
        Unit::Count,
        "round trips from connecting for the first time to the first byte of an answer",
    ),
    (
        &["RTTs", "/message"],
        |f| f.round_trips.per_message,
        Unit::Ratio,
        "handshakes and requests for each delivery; a network multiplies them by its RTT",
    ),
];

const BYTES: &[Column] = &[
    (
        &["up:", "heads"],
        |f| f.per_message.bytes_in_by_class.head,
        Unit::Ratio,
        "from the clients: request heads",
    ),
    (
        &["up:", "framing"],
        |f| f.per_message.bytes_in_by_class.framing,
        Unit::Ratio,
        "from the clients: chunk lines, frame headers, JSON around data",
    ),
    (
        &["up:", "payload"],
        |f| f.per_message.bytes_in_by_class.payload,
        Unit::Ratio,
        "from the clients: data of messages",
    ),
    (
        &["up:", "heartbeat"],
        |f| f.per_message.bytes_in_by_class.heartbeat,
        Unit::Ratio,
        "from the clients: Pongs",
    ),
    (
        &["up:", "bodies"],
        |f| f.per_message.bytes_in_by_class.body,
        Unit::Ratio,
        "from the clients: any other body",
    ),
    (
        &["up:", "TLS"],
        |f| f.per_message.bytes_in_by_class.tls,
        Unit::Ratio,
        "from the clients: what TLS adds, its handshakes and what stands around each record",
    ),
    (&["up:", "all"], |f| f.per_message.bytes_in, Unit::Ratio, "from the clients: all of these"),
    (
        &["down:", "heads"],
        |f| f.per_message.bytes_out_by_class.head,
        Unit::Ratio,
        "to the clients: heads of answers",
    ),
    (
        &["down:", "framing"],
        |f| f.per_message.bytes_out_by_class.framing,
        Unit::Ratio,
        "to the clients: chunk lines, frame headers, field names of events, JSON around data",
    ),
    (
        &["down:", "payload"],
        |f| f.per_message.bytes_out_by_class.payload,
        Unit::Ratio,
        "to the clients: data of messages, as it was published",
    ),
    (
        &["down:", "heartbeat"],
        |f| f.per_message.bytes_out_by_class.heartbeat,
        Unit::Ratio,
        "to the clients: Pings, comments, interim answers",
    ),
    (
        &["down:", "bodies"],
        |f| f.per_message.bytes_out_by_class.body,
        Unit::Ratio,
        "to the clients: any other body",
    ),
    (
        &["down:", "TLS"],
        |f| f.per_message.bytes_out_by_class.tls,
        Unit::Ratio,
        "to the clients: the same",
    ),
    (&["down:", "all"], |f| f.per_message.bytes_out, Unit::Ratio, "to the clients: all of these"),
    (
        &["payload", "share"],
        |f| f.per_message.payload_share,
        Unit::Share,
        "of all bytes in both directions, those that are the messages",
    ),
];

const WORK: &[Column] = &[
    (
        &["syscalls", "/message"],
        |f| f.per_message.syscalls,
        Unit::Ratio,
        "system calls of the server for each delivery",
    ),
    (
        &["CPU µs", "/message"],
        |f| f.per_message.cpu_us,
        Unit::Ratio,
        "processor time of the server process for each delivery, publishing included",
    ),
    (
        &["memory/client", "user"],
        |f| f.memory_per_client.user,
        Unit::Memory,
        "what the server holds for a client in user space, at the end",
    ),
    (
        &["memory/client", "kernel"],
        |f| f.memory_per_client.kernel,
        Unit::Memory,
        "what the kernel's socket buffers hold for it",
    ),
    (
        &["latency", "p50"],
        |f| f.latency.p50 as f64,
        Unit::Time,
        "from before the publish is sent until the message is read: half took no longer",
    ),
    (
        &["latency", "p99"],
        |f| f.latency.p99 as f64,
        Unit::Time,
        "the same: 99 of 100 took no longer",
    ),
    (&["latency", "max"], |f| f.latency.max as f64, Unit::Time, "the same: the longest"),
];

/// Words of the headings of what need not occur at all.
const RARITIES: &[&str] = &["retrans-", "up:", "heartbeat", "bodies"];

/// A word of the headings of what there is with TLS only; there 0 is an answer.
const OF_TLS: &str = "TLS";

fn table(title: &str, columns: &[Column], rows: &[Figures]) -> Table {
    let says_something = |(heading, figure, ..): &&Column| {
        if heading.contains(&OF_TLS) {
            return rows.iter().any(|row| row.tls_handshakes.is_some());
        }
        let rarity = RARITIES.iter().any(|rarity| heading.contains(rarity));
        !rarity || rows.iter().any(|row| figure(row) != 0.0)
    };
    let columns: Vec<&Column> = columns.iter().filter(says_something).collect();
    let cells = |row: &Figures| {
        let cells = columns.iter().map(|(_, figure, unit, _)| unit.write(figure(row)));
        (row.label(), cells.collect())
    };
    Table {
        title: title.to_owned(),
        headings: columns.iter().map(|(heading, ..)| heading.to_vec()).collect(),
        rows: rows.iter().map(cells).collect(),
    }
}

impl Unit {
    fn write(self, figure: f64) -> String {
        match self {
            Self::Count => grouped(figure),
            Self::Ratio => ratio(figure),
            Self::Share => format!("{:.1} %", 100.0 * figure),
            Self::Time => time(figure),
            Self::Memory => format!("{} B", grouped(figure)),
        }
    }
}

/// `1,234,567`.
pub fn grouped(number: f64) -> String {
    let digits = format!("{number:.0}");
    let mut text = String::new();
    for (place, digit) in digits.chars().enumerate() {
        if place > 0 && (digits.len() - place).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// Two decimals below 10, one below 100, none above.
pub fn ratio(number: f64) -> String {
    if number == 0.0 {
        "0".into()
    } else if number < 9.995 {
        format!("{number:.2}")
    } else if number < 99.95 {
        format!("{number:.1}")
    } else {
        grouped(number)
    }
}

/// Microseconds in the unit that people would use.
pub fn time(us: f64) -> String {
    let (number, unit) = match us {
        us if us < 999.5 => return format!("{us:.0} µs"),
        us if us < 999_500.0 => (us / 1e3, "ms"),
        us => (us / 1e6, "s"),
    };
    format!("{} {unit}", ratio(number))
}

/// What was done, in a line or two.
pub fn setup_lines(comparison: &Comparison) -> Vec<String> {
    let setup = &comparison.setup;
    let seconds = setup.messages as f64 / setup.rate;
    let threads = if setup.threads == 1 {
        "1 event loop".to_owned()
    } else {
        format!("{} event loops", setup.threads)
    };
    let whom = match &setup.url {
        Some(url) => format!("{} at {url}, {threads}", setup.server),
        None => format!("{}, {threads}, a fresh server for each row", setup.server),
    };
    let by = setup.tls.map_or_else(String::new, |version| format!(" by TLS {version}"));
    let rtt = match setup.rtt_ms {
        0 => format!("over loopback{by}"),
        ms => format!("over loopback{by} with an emulated round trip of {ms} ms"),
    };
    vec![
        format!(
            "{} clients, {} messages of {} bytes at {} a second ({} s), {rtt}",
            grouped(setup.clients as f64),
            grouped(setup.messages as f64),
            grouped(setup.size as f64),
            setup.rate,
            ratio(seconds),
        ),
        whom,
    ]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::compare::figures::example::{comparison, secured};

    #[test]
    fn numbers_have_as_many_digits_as_carry_something() {
        for (number, text) in [(0.0, "0"), (0.5, "0.50"), (9.999, "10.0"), (99.96, "100")] {
            assert_eq!(ratio(number), text);
        }
        for (us, text) in
            [(0.4, "0 µs"), (999.7, "1.00 ms"), (12_345.0, "12.3 ms"), (2e6, "2.00 s")]
        {
            assert_eq!(time(us), text);
        }
        assert_eq!(grouped(1_234_567.0), "1,234,567");
        assert_eq!(grouped(999.0), "999");
    }

    #[test]
    fn a_rarity_that_never_occurs_is_left_out_and_nothing_else() {
        let tables = all(&comparison());
        let headings =
            |n: usize| -> Vec<String> { tables[n].headings.iter().map(|h| h.join(" ")).collect() };
        assert!(headings(0).contains(&"empty answers".to_owned()), "one of two has some");
        assert!(!headings(0).contains(&"retrans- mits".to_owned()));
        assert!(!headings(1).contains(&"down: heartbeat".to_owned()));
        assert!(headings(2).contains(&"memory/client kernel".to_owned()), "0 is an answer");
        let of_tls = |tables: &[Table]| {
            let all = tables.iter().flat_map(|table| &table.headings);
            all.filter(|heading| heading.contains(&OF_TLS)).count()
        };
        let secure = all(&secured("1.3"));
        assert_eq!((of_tls(&tables), of_tls(&secure)), (0, 4));
        for table in tables.iter().chain(&secure) {
            assert_eq!(table.rows.len(), 2);
            assert!(table.rows.iter().all(|(_, cells)| cells.len() == table.headings.len()));
        }
    }
}
