//! Figures as tables of text: what stands in which column, and how a number is written.
//!
//! Came from: `table` and `markdown`. Goes to: the same, which draw the lines. Absent on purpose:
//! lines, and rarities: a column such as that of heartbeats is left out where all of it is 0.

use super::figures::{Comparison, Figures};

/// One small table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sheet {
    /// What it is about.
    pub title: String,
    /// A column's heading in lines.
    pub headings: Vec<Vec<&'static str>>,
    /// Label and cells of each variant.
    pub rows: Vec<(String, Vec<String>)>,
}

/// A column: heading, and the figure of a row.
type Column = (&'static [&'static str], fn(&Figures) -> f64, Unit);

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

/// All sheets of a comparison.
pub fn all(comparison: &Comparison) -> Vec<Sheet> {
    let rows = &comparison.techniques;
    vec![
        sheet("What goes over the network", TRAFFIC, rows),
        sheet("Bytes for each delivered message", BYTES, rows),
        sheet("What the server does, and how long a message takes", WORK, rows),
    ]
}

const TRAFFIC: &[Column] = &[
    (&["connec-", "tions"], |f| f.row.connections.opened as f64, Unit::Count),
    (&["hand-", "shakes"], |f| f.row.tcp.handshakes as f64, Unit::Count),
    (&["requests"], |f| f.row.requests as f64, Unit::Count),
    (&["empty", "answers"], |f| f.row.answers_empty as f64, Unit::Count),
    (&["messages", "delivered"], |f| f.row.messages as f64, Unit::Count),
    (&["segments", "/message"], |f| f.per_message.segments, Unit::Ratio),
    (&["retrans-", "mits"], |f| f.row.tcp.retransmits as f64, Unit::Count),
    (&["RTTs to", "1st byte"], |f| f.round_trips.before_first_byte as f64, Unit::Count),
    (&["RTTs", "/message"], |f| f.round_trips.per_message, Unit::Ratio),
];

const BYTES: &[Column] = &[
    (&["up:", "heads"], |f| f.per_message.bytes_in_by_class.head, Unit::Ratio),
    (&["up:", "framing"], |f| f.per_message.bytes_in_by_class.framing, Unit::Ratio),
    (&["up:", "payload"], |f| f.per_message.bytes_in_by_class.payload, Unit::Ratio),
    (&["up:", "heartbeat"], |f| f.per_message.bytes_in_by_class.heartbeat, Unit::Ratio),
    (&["up:", "bodies"], |f| f.per_message.bytes_in_by_class.body, Unit::Ratio),
    (&["up:", "all"], |f| f.per_message.bytes_in, Unit::Ratio),
    (&["down:", "heads"], |f| f.per_message.bytes_out_by_class.head, Unit::Ratio),
    (&["down:", "framing"], |f| f.per_message.bytes_out_by_class.framing, Unit::Ratio),
    (&["down:", "payload"], |f| f.per_message.bytes_out_by_class.payload, Unit::Ratio),
    (&["down:", "heartbeat"], |f| f.per_message.bytes_out_by_class.heartbeat, Unit::Ratio),
    (&["down:", "bodies"], |f| f.per_message.bytes_out_by_class.body, Unit::Ratio),
    (&["down:", "all"], |f| f.per_message.bytes_out, Unit::Ratio),
    (&["payload", "share"], |f| f.per_message.payload_share, Unit::Share),
];

const WORK: &[Column] = &[
    (&["syscalls", "/message"], |f| f.per_message.syscalls, Unit::Ratio),
    (&["CPU µs", "/message"], |f| f.per_message.cpu_us, Unit::Ratio),
    (&["memory/client", "user"], |f| f.memory_per_client.user, Unit::Memory),
    (&["memory/client", "kernel"], |f| f.memory_per_client.kernel, Unit::Memory),
    (&["latency", "p50"], |f| f.latency.p50 as f64, Unit::Time),
    (&["latency", "p99"], |f| f.latency.p99 as f64, Unit::Time),
    (&["latency", "max"], |f| f.latency.max as f64, Unit::Time),
];

/// Words of the headings of what need not occur at all.
const RARITIES: &[&str] = &["retrans-", "up:", "heartbeat", "bodies"];

fn sheet(title: &str, columns: &[Column], rows: &[Figures]) -> Sheet {
    let says_something = |(heading, figure, _): &&Column| {
        let rarity = RARITIES.iter().any(|rarity| heading.contains(rarity));
        !rarity || rows.iter().any(|row| figure(row) != 0.0)
    };
    let columns: Vec<&Column> = columns.iter().filter(says_something).collect();
    let cells = |row: &Figures| {
        let cells = columns.iter().map(|(_, figure, unit)| unit.write(figure(row)));
        (row.label(), cells.collect())
    };
    Sheet {
        title: title.to_owned(),
        headings: columns.iter().map(|(heading, _, _)| heading.to_vec()).collect(),
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
    let rtt = match setup.rtt_ms {
        0 => String::from("over loopback"),
        ms => format!("over loopback with an emulated round trip of {ms} ms"),
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
    use crate::compare::figures::example::comparison;

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
        let sheets = all(&comparison());
        let headings =
            |n: usize| -> Vec<String> { sheets[n].headings.iter().map(|h| h.join(" ")).collect() };
        assert!(headings(0).contains(&"empty answers".to_owned()), "one of two has some");
        assert!(!headings(0).contains(&"retrans- mits".to_owned()));
        assert!(!headings(1).contains(&"down: heartbeat".to_owned()));
        assert!(headings(2).contains(&"memory/client kernel".to_owned()), "0 is an answer");
        for sheet in &sheets {
            assert_eq!(sheet.rows.len(), 2);
            assert!(sheet.rows.iter().all(|(_, cells)| cells.len() == sheet.headings.len()));
        }
    }
}
