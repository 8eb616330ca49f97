//! `/metrics`: the ledger in the Prometheus text exposition format 0.0.4.
//!
//! Names begin with `tollway_`, counters end with `_total`, units are bytes and seconds; what the
//! system says of a process has the names that every Prometheus client gives it. Labels have few
//! values: a technique, a class, a reason, a system call.
//!
//! Came from: `broker`. Goes to: monitoring. Absent on purpose: averages and rates; the one who
//! asks has a query language for them.

use std::fmt::{Display, Write as _};

use crate::ids::Millis;
use crate::ledger::{
    Account, AnswerCounts, Calls, Class, ConnectionCounts, Counter, Gauges, Payer, ShardReport,
    SharedCalls, SharedCounts, StoreReport, Tcp,
};

/// The media type of [`prometheus`].
pub const PROMETHEUS_TYPE: &str = "text/plain; version=0.0.4; charset=utf-8";

/// The buckets of a latency reach from 2^6 µs (64 µs) to 2^26 µs (67 s), an octave or two wide.
const LATENCY_BITS: [u32; 16] = [6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 20, 23, 26];

const MICROS_PER_S: f64 = 1_000_000.0;

/// What `sum` says, `now` milliseconds after the start.
pub fn prometheus(sum: &ShardReport, now: Millis) -> String {
    let mut page = Exposition { out: String::with_capacity(16 * 1024), sum };
    page.connections();
    page.requests();
    page.denied();
    page.bytes();
    page.calls();
    page.tcp();
    page.memory();
    page.latency();
    page.store();
    page.process(now);
    page.out
}

/// A page of metrics being written.
struct Exposition<'a> {
    out: String,
    sum: &'a ShardReport,
}

impl Exposition<'_> {
    fn connections(&mut self) {
        self.counters(ConnectionCounts::COUNTERS, |account| account.into());
        self.family("connections_closed_total", "counter", "Connections ended.");
        for payer in Payer::ALL {
            // Only those that occur: most reasons are of one technique alone.
            for (reason, n) in self.sum.ledger.account(payer).closed.occurred() {
                let labels = [("technique", payer.name()), ("reason", reason.name())];
                self.sample("connections_closed_total", &labels, n);
            }
        }
        self.gauge("connections_open", "Open connections.", |g| g.open);
        self.gauge("connections_parked", "Requests that are parked.", |g| g.parked);
        let strangers = self.sum.strangers;
        self.one(
            "connections_strangers",
            "gauge",
            "Connections that have not asked anything yet.",
            strangers,
        );
        let shared = SharedCounts::from(&self.sum.ledger.shared);
        for counter in SharedCounts::COUNTERS {
            let help = counter.help.expect("each has its own metric");
            self.one(
                &format!("{}_total", counter.metric),
                "counter",
                help,
                (counter.read)(&shared),
            );
        }
    }

    fn requests(&mut self) {
        self.counters(AnswerCounts::COUNTERS, |account| account.into());
    }

    fn denied(&mut self) {
        let name = "denied_total";
        self.family(name, "counter", "Requests and frames that wanted a right.");
        for (code, n) in self.sum.ledger.shared.denied.occurred() {
            self.sample(name, &[("code", code)], n);
        }
    }

    fn bytes(&mut self) {
        for (name, help, incoming) in [
            ("received_bytes_total", "Bytes that read brought.", true),
            ("sent_bytes_total", "Bytes that write took.", false),
        ] {
            self.family(name, "counter", help);
            for payer in Payer::ALL {
                let account = self.sum.ledger.account(payer);
                let bytes = if incoming { account.bytes_in } else { account.bytes_out };
                for class in Class::ALL {
                    let labels = [("technique", payer.name()), ("class", class.name())];
                    self.sample(name, &labels, bytes.of(class));
                }
            }
        }
    }

    fn calls(&mut self) {
        let name = "syscalls_total";
        self.family(name, "counter", "System calls made for the connections of a technique.");
        for payer in Payer::ALL {
            let calls = self.sum.ledger.account(payer).calls;
            for counter in Calls::COUNTERS.iter().filter(|counter| counter.help.is_none()) {
                let labels = [("technique", payer.name()), ("call", counter.metric)];
                self.sample(name, &labels, (counter.read)(&calls));
            }
        }
        self.counters(Calls::COUNTERS, |account| account.calls);
        let name = "syscalls_shared_total";
        self.family(name, "counter", "System calls made for all connections.");
        let shared = self.sum.ledger.shared.calls;
        for counter in SharedCalls::COUNTERS {
            self.sample(name, &[("call", counter.metric)], (counter.read)(&shared));
        }
    }

    fn tcp(&mut self) {
        self.counters(Tcp::COUNTERS, |account| account.tcp);
        let name = "tcp_rtt_seconds";
        self.family(name, "gauge", "Mean smoothed round-trip time of the open connections.");
        for payer in Payer::ALL {
            let gauges = self.sum.gauges[payer as usize];
            if let Some(mean_us) = gauges.rtt_us.checked_div(gauges.open) {
                let labels = [("technique", payer.name())];
                self.sample(name, &labels, seconds(mean_us));
            }
        }
    }

    fn memory(&mut self) {
        self.gauge(
            "memory_user_bytes",
            "User space held by the connections of a technique.",
            |g| g.user_bytes,
        );
        self.gauge(
            "memory_kernel_bytes",
            "What the kernel's buffers hold for the connections of a technique.",
            |g| g.kernel_bytes,
        );
    }

    fn latency(&mut self) {
        let name = "delivery_latency_seconds";
        let help = "From the commit of a message until the kernel had all of it.";
        self.family(name, "histogram", help);
        for payer in Payer::ALL.into_iter().filter(|payer| payer.is_technique()) {
            let sum = self.sum;
            let all = &sum.ledger.account(payer).latency;
            let label = ("technique", payer.name());
            for bits in LATENCY_BITS {
                // Values are whole microseconds: below 2^n is up to 2^n − 1.
                let le = seconds((1 << bits) - 1).to_string();
                let labels = [label, ("le", le.as_str())];
                self.sample(&format!("{name}_bucket"), &labels, all.count_below(bits));
            }
            let labels = [label, ("le", "+Inf")];
            self.sample(&format!("{name}_bucket"), &labels, all.count());
            self.sample(&format!("{name}_sum"), &[label], seconds(all.sum_us()));
            self.sample(&format!("{name}_count"), &[label], all.count());
        }
    }

    /// Only where there is one.
    fn store(&mut self) {
        let Some(store) = self.sum.store else {
            return;
        };
        for counter in StoreReport::COUNTERS {
            if let Some(help) = counter.help {
                let name = format!("{}_total", counter.metric);
                self.one(&name, "counter", help, (counter.read)(&store));
            }
        }
        let help = "Whether the store can be used: 1, or 0.";
        self.one("store_available", "gauge", help, u64::from(store.unavailable == 0));
    }

    fn process(&mut self, now: Millis) {
        self.one("uptime_seconds", "gauge", "Since the start.", seconds(now.0 * 1000));
        let process = self.sum.process;
        let cpu = seconds(process.cpu_user_us + process.cpu_system_us);
        let lines = format!(
            "# HELP process_cpu_seconds_total Processor time, in and outside the kernel.\n\
             # TYPE process_cpu_seconds_total counter\n\
             process_cpu_seconds_total {cpu}\n\
             # HELP process_resident_memory_bytes Resident memory.\n\
             # TYPE process_resident_memory_bytes gauge\n\
             process_resident_memory_bytes {}\n",
            process.rss
        );
        self.out.push_str(&lines);
    }

    /// The counters that have metrics of their own, with a sample for each technique.
    fn counters<T>(&mut self, counters: &[Counter<T>], of: fn(&Account) -> T) {
        for counter in counters {
            let Some(help) = counter.help else { continue };
            let name = format!("{}_total", counter.metric);
            self.family(&name, "counter", help);
            for payer in Payer::ALL {
                let value = (counter.read)(&of(self.sum.ledger.account(payer)));
                self.sample(&name, &[("technique", payer.name())], value);
            }
        }
    }

    /// A gauge with a sample for each technique.
    fn gauge(&mut self, name: &str, help: &str, pick: fn(&Gauges) -> u64) {
        self.family(name, "gauge", help);
        for payer in Payer::ALL {
            let value = pick(&self.sum.gauges[payer as usize]);
            self.sample(name, &[("technique", payer.name())], value);
        }
    }

    /// A metric without labels.
    fn one(&mut self, name: &str, kind: &str, help: &str, value: impl Display) {
        self.family(name, kind, help);
        self.sample(name, &[], value);
    }

    fn family(&mut self, name: &str, kind: &str, help: &str) {
        let lines = format!("# HELP tollway_{name} {help}\n# TYPE tollway_{name} {kind}\n");
        self.out.push_str(&lines);
    }

    fn sample(&mut self, name: &str, labels: &[(&str, &str)], value: impl Display) {
        let labels: Vec<_> = labels.iter().map(|(k, v)| format!("{k}=\"{v}\"")).collect();
        let braces = match &labels[..] {
            [] => String::new(),
            labels => format!("{{{}}}", labels.join(",")),
        };
        writeln!(self.out, "tollway_{name}{braces} {value}").expect("a string takes everything");
    }
}

fn seconds(us: u64) -> f64 {
    // Exact up to 285 years; then to a few microseconds.
    #[expect(clippy::cast_precision_loss, reason = "see above")]
    let us = us as f64;
    us / MICROS_PER_S
}
