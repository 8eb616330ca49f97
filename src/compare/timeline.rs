//! The timeline of a comparison: one row for each variant on one axis of time, and beside it the
//! bytes of a message on one scale. The live page draws the same.
//!
//! A request leans down from the client to the server, an answer leans up, by half of the emulated
//! round trip, and by some pixels at least, so that the two can be told apart. What carries a
//! message is thick; what is held open is a bar on the server's rail, and on both rails for a
//! WebSocket. The dashed lines are publishes, and the shade is the time for which a message waits.
//!
//! The picture brings its own background, so that it looks the same on a light page and on a dark
//! one.
//!
//! Came from: `mod`, with what the first client of each variant saw. Goes to: the file of
//! `--timeline`. Absent on purpose: scripts and fonts.

use std::fmt::Write as _;

use super::figures::Figures;
use super::table::{grouped, ratio, time};
use crate::client::trace::Moment;
use crate::technique::Technique;

/// What the first client of a variant saw.
#[derive(Clone, Debug)]
pub struct TimelineRow {
    /// Whose it is.
    pub technique: Technique,
    /// What went over the wire, in order.
    pub moments: Vec<Moment>,
}

/// The whole document: `rows` and `figures` are of the same variants, in the same order.
pub fn render(rows: &[TimelineRow], figures: &[Figures], rtt_us: u64) -> String {
    let mut drawing = Drawing { body: String::new(), way_us: rtt_us / 2, span_us: span(rows) };
    let most = figures.iter().map(Figures::bytes_per_message).fold(1.0, f64::max);
    let cheapest = figures.iter().map(Figures::bytes_per_message).fold(f64::MAX, f64::min);
    drawing.hairlines(rows);
    for (number, (row, figures)) in rows.iter().zip(figures).enumerate() {
        let top = TOP + ROW * number as f64;
        drawing.rails(row, figures, top);
        drawing.figures(figures, top, most, cheapest);
    }
    drawing.document(rows.len())
}

/// When its first message was published; the axis begins a little before.
fn start_us(row: &TimelineRow) -> u64 {
    let published = row.moments.iter().flat_map(|moment| &moment.published_us);
    published.min().copied().unwrap_or_default().saturating_sub(LEAD_US)
}

/// How much of the time is shown: until the last message has come by the slowest variant.
fn span(rows: &[TimelineRow]) -> u64 {
    let whole = |row: &TimelineRow| {
        let full = |moment: &&Moment| !moment.published_us.is_empty();
        let last = row.moments.iter().rfind(full).map_or(0, |moment| moment.at_us);
        last.saturating_sub(start_us(row)) + LEAD_US / 2
    };
    rows.iter().map(whole).max().unwrap_or_default().clamp(LEAD_US, SPAN_US_MAX)
}

struct Drawing {
    body: String,
    /// From one end to the other.
    way_us: u64,
    span_us: u64,
}

impl Drawing {
    fn add(&mut self, part: std::fmt::Arguments<'_>) {
        self.body.write_fmt(part).expect("a string takes everything");
        self.body.push('\n');
    }

    /// Where a moment is, counted from the beginning of the axis.
    fn x(&self, us: u64) -> f64 {
        LEFT + PLOT * us as f64 / self.span_us as f64
    }

    /// Publishes, as the first row had them: all rows keep to one schedule.
    fn hairlines(&mut self, rows: &[TimelineRow]) {
        let Some(row) = rows.first() else {
            return;
        };
        let start = start_us(row);
        let mut published: Vec<u64> =
            row.moments.iter().flat_map(|moment| &moment.published_us).copied().collect();
        published.sort_unstable();
        let bottom = TOP + ROW * rows.len() as f64 - 14.0;
        let mut free = LEFT;
        for (number, us) in published.into_iter().enumerate() {
            let x = self.x(us - start);
            if x > LEFT + PLOT {
                break;
            }
            self.add(format_args!(
                r#"<line x1="{x:.1}" x2="{x:.1}" y1="{TOP}" y2="{bottom}" class="hair"/>"#
            ));
            // A number for each message, as far as there is room.
            if x >= free {
                free = x + 24.0;
                let (left, top, text) = (x - 9.0, TOP - 22.0, TOP - 8.0);
                self.add(format_args!(
                    r#"<rect x="{left:.1}" y="{top}" width="18" height="18" rx="4" class="ink"/><text x="{x:.1}" y="{text}" class="number">{}</text>"#, // rustfmt::skip
                    number + 1
                ));
            }
        }
    }

    fn rails(&mut self, row: &TimelineRow, figures: &Figures, top: f64) {
        let (client, server) = (top + 20.0, top + 82.0);
        let (hue, right) = (hue(row.technique), LEFT + PLOT);
        let (above, below) = (client + 4.0, server + 4.0);
        let (name, variant) = (name(row.technique), escaped(&figures.variant));
        self.add(format_args!(r#"<g class="row"><text x="{MARGIN}" y="{above}" class="name" "#));
        self.add(format_args!(r#"style="fill: {hue}">{name}</text>"#));
        let middle = above + 20.0;
        self.add(format_args!(r#"<text x="{MARGIN}" y="{middle}" class="soft">{variant}</text>"#));
        for (y, text, name) in [(client, above, "client"), (server, below, "server")] {
            let x = LEFT - 10.0;
            self.add(format_args!(r#"<text x="{x}" y="{text}" class="end">{name}</text>"#));
            self.add(format_args!(
                r#"<line x1="{LEFT}" x2="{right}" y1="{y}" y2="{y}" class="rail"/>"#
            ));
        }
        self.holds(row, hue, client, server);
        let start = start_us(row);
        let mut asked = f64::MIN;
        for moment in &row.moments {
            let Some(at) = moment.at_us.checked_sub(start).filter(|&at| at <= self.span_us) else {
                continue;
            };
            asked = self.arrow(moment, at, start, asked, (client, server), hue);
        }
        self.add(format_args!("</g>"));
    }

    /// One arrow, and the shade of what waited for it. Tells where a request reaches the server: no
    /// answer leaves before.
    fn arrow(
        &mut self,
        moment: &Moment,
        at: u64,
        start: u64,
        asked: f64,
        (client, server): (f64, f64),
        hue: &str,
    ) -> f64 {
        let class = if moment.published_us.is_empty() { "thin" } else { "thick" };
        let tip = format!("{} bytes", grouped(moment.bytes as f64));
        if !moment.is_answer {
            let x1 = self.x(at);
            let x2 = self.x(at + self.way_us).max(x1 + LEAN);
            self.add(format_args!(
                r#"<line x1="{x1:.1}" y1="{client}" x2="{x2:.1}" y2="{server}" class="{class}" stroke="{hue}"><title>{tip}</title></line>"# // rustfmt::skip
            ));
            return x2;
        }
        let x1 = self.x(at.saturating_sub(self.way_us)).max(asked);
        let x2 = self.x(at).max(x1 + LEAN);
        for &published in &moment.published_us {
            let from = self.x(published.saturating_sub(start));
            let (width, top) = (x1 - from, server - WAIT);
            if width > 2.0 {
                self.add(format_args!(
                    r#"<rect x="{from:.1}" y="{top}" width="{width:.1}" height="{WAIT}" fill="{hue}" class="wait"/>"# // rustfmt::skip
                ));
            }
        }
        let (radius, fill) = if class == "thick" { (4.5, hue) } else { (3.0, GROUND) };
        self.add(format_args!(
            r#"<line x1="{x1:.1}" y1="{server}" x2="{x2:.1}" y2="{client}" class="{class}" stroke="{hue}"><title>{tip}</title></line><circle cx="{x2:.1}" cy="{client}" r="{radius}" fill="{fill}" stroke="{hue}"/>"# // rustfmt::skip
        ));
        f64::MIN
    }

    /// What the server holds: a request that waits, or an answer that goes on.
    fn holds(&mut self, row: &TimelineRow, hue: &str, client: f64, server: f64) {
        let (start, end) = (start_us(row), start_us(row) + self.span_us);
        let mut spans = Vec::new();
        match row.technique {
            Technique::ShortPoll => {}
            Technique::LongPoll => {
                let mut asked = None;
                for moment in &row.moments {
                    if !moment.is_answer {
                        asked = Some(moment.at_us + self.way_us);
                    } else if let Some(from) = asked.take() {
                        spans.push((from, moment.at_us.saturating_sub(self.way_us)));
                    }
                }
                spans.extend(asked.map(|from| (from, end)));
            }
            Technique::Sse | Technique::WebSocket => {
                let first = row.moments.iter().find(|moment| moment.is_answer);
                let from = |moment: &Moment| moment.at_us.saturating_sub(self.way_us);
                spans.extend(first.map(|moment| (from(moment), end)));
            }
        }
        for (from, to) in spans {
            let (from, to) = (from.clamp(start, end) - start, to.clamp(start, end) - start);
            let (x, width) = (self.x(from), self.x(to) - self.x(from));
            let both = if row.technique == Technique::WebSocket { Some(client) } else { None };
            for y in both.into_iter().chain([server]) {
                let top = y - 2.0;
                self.add(format_args!(
                    r#"<rect x="{x:.1}" y="{top}" width="{width:.1}" height="4" fill="{hue}"/>"#
                ));
            }
        }
    }

    /// Bytes of a message by class, all rows on one scale.
    fn figures(&mut self, figures: &Figures, top: f64, most: f64, cheapest: f64) {
        let each = &figures.per_message;
        let (out, into) = (&each.bytes_out_by_class, &each.bytes_in_by_class);
        let classes = [
            ("text", out.payload + into.payload),
            ("wrapping", out.framing + into.framing),
            ("heads", out.head + into.head),
            ("rest", out.heartbeat + into.heartbeat + out.body + into.body),
        ];
        let (hue, mut x) = (hue(figures.technique), BARS);
        for ((name, bytes), share) in classes.into_iter().zip(SHARES) {
            let (width, y, bytes) = (BAR_MAX * bytes / most, top + 12.0, ratio(bytes));
            self.add(format_args!(
                r#"<rect x="{x:.1}" y="{y}" width="{width:.1}" height="16" fill="{hue}" fill-opacity="{share}"><title>{name}: {bytes}</title></rect>"# // rustfmt::skip
            ));
            x += width;
        }
        let bytes = figures.bytes_per_message();
        let (first, second) = (top + 47.0, top + 66.0);
        // A server that charges nothing gives nothing to compare with.
        let times = if cheapest > 0.0 { bytes / cheapest } else { 1.0 };
        let said = format!("{} bytes · ×{}", ratio(bytes), ratio(times));
        self.add(format_args!(r#"<text x="{BARS}" y="{first}" class="figure">{said}</text>"#));
        let answers = &figures.row.answers;
        let said = format!(
            "{} · {} for {}",
            time(figures.latency.p50 as f64),
            counted(answers.requests, "request"),
            counted(answers.messages, "message")
        );
        self.add(format_args!(r#"<text x="{BARS}" y="{second}" class="end left">{said}</text>"#));
    }

    fn document(self, rows: usize) -> String {
        let height = TOP + ROW * rows as f64 + 34.0;
        let (last, seconds) = (height - 18.0, time(self.span_us as f64));
        let (right, axis, body) = (LEFT + PLOT, TOP - 8.0, self.body);
        format!(
            r#"<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}"
 width="{WIDTH}" height="{height}" role="img"
 aria-label="The same messages, by each technique, over time">
<style>
text {{ font-family: system-ui, "Segoe UI", "Helvetica Neue", Arial, sans-serif; }}
text {{ font-size: 12px; fill: #1d2126; }}
.title {{ font-size: 22px; font-weight: 600; }}
.soft, .end {{ fill: #636970; }}
.end {{ text-anchor: end; font-size: 11px; }}
.left {{ text-anchor: start; font-size: 12px; }}
.name {{ font-size: 15px; font-weight: 600; }}
.figure {{ font-size: 15px; font-weight: 600; }}
.number {{ fill: #fffefb; font-weight: 600; text-anchor: middle; }}
.ink {{ fill: #1d2126; }}
.rail {{ stroke: #cfcabc; stroke-width: 1.5; }}
.hair {{ stroke: #636970; stroke-dasharray: 2 3; stroke-opacity: .7; }}
.thin {{ stroke-width: 1; stroke-opacity: .65; }}
.thick {{ stroke-width: 2.5; }}
.wait {{ fill-opacity: .3; }}
circle {{ stroke-width: 1.5; }}
</style>
<rect width="{WIDTH}" height="{height}" rx="10" fill="{GROUND}"/>
<text x="{MARGIN}" y="44" class="title">The same messages, by each technique</text>
<text x="{MARGIN}" y="66" class="soft">Time runs to the right. Down: a request. Up: an answer.
Thick: it carries a message. What one of the clients saw.</text>
<text x="{BARS}" y="{axis}" class="soft">bytes a message, one scale</text>
{body}<text x="{LEFT}" y="{last}" class="soft">0 s</text>
<text x="{right}" y="{last}" class="end">{seconds}</text>
<text x="{BARS}" y="{last}" class="soft">from dark to pale: text, wrapping, heads, rest</text>
</svg>
"#
        )
    }
}

/// The colour of a technique, as on the live page.
const fn hue(technique: Technique) -> &'static str {
    match technique {
        Technique::ShortPoll => "#a05a00",
        Technique::LongPoll => "#b5246a",
        Technique::Sse => "#0b756a",
        Technique::WebSocket => "#3f51c9",
    }
}

/// The name of a technique, for people.
const fn name(technique: Technique) -> &'static str {
    match technique {
        Technique::ShortPoll => "Short poll",
        Technique::LongPoll => "Long poll",
        Technique::Sse => "SSE",
        Technique::WebSocket => "WebSocket",
    }
}

/// “3 requests”, and “1 request”.
fn counted(count: u64, one: &str) -> String {
    let end = if count == 1 { "" } else { "s" };
    format!("{} {one}{end}", grouped(count as f64))
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;")
}

const GROUND: &str = "#fffefb";
const WIDTH: f64 = 1280.0;
const MARGIN: f64 = 28.0;
const TOP: f64 = 118.0;
const ROW: f64 = 104.0;
/// The rails begin behind the names of the variants.
const LEFT: f64 = 262.0;
const PLOT: f64 = 640.0;
const BARS: f64 = 938.0;
const BAR_MAX: f64 = 310.0;
/// How much of the hue a class of bytes has.
const SHARES: [f64; 4] = [1.0, 0.62, 0.34, 0.15];
/// Pixels by which an arrow leans at least.
const LEAN: f64 = 5.0;
/// The height of the shade while a message waits.
const WAIT: f64 = 9.0;
/// Shown before the first publish.
const LEAD_US: u64 = 500_000;
/// The longest time that can be seen at a glance.
const SPAN_US_MAX: u64 = 12_000_000;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::compare::figures::PerDelivery;
    use crate::compare::figures::example::comparison;

    fn moment(at_ms: u64, is_answer: bool, published: &[u64]) -> Moment {
        let published_us = published.iter().map(|ms| ms * 1000).collect();
        Moment { at_us: at_ms * 1000, is_answer, bytes: 100, published_us }
    }

    #[test]
    fn each_variant_has_its_row_and_each_moment_its_arrow() {
        let comparison = comparison();
        let rows: Vec<TimelineRow> = comparison
            .techniques
            .iter()
            .map(|figures| TimelineRow {
                technique: figures.technique,
                moments: vec![
                    moment(1_000, false, &[]),
                    moment(1_002, true, &[]),
                    moment(2_000, false, &[]),
                    moment(2_002, true, &[1_400, 1_900]),
                ],
            })
            .collect();
        let text = render(&rows, &comparison.techniques, 80_000);
        assert_eq!(text.matches(r#"<g class="row">"#).count(), rows.len());
        // The axis begins half a second before the first publish, and all four are seen.
        assert_eq!(text.matches(r#"class="thin""#).count(), 3 * rows.len());
        assert_eq!(text.matches(r#"class="thick""#).count(), rows.len());
        assert_eq!(text.matches(r#"class="wait""#).count(), 2 * rows.len());
        assert_eq!(text.matches(r#"class="hair""#).count(), 2, "two publishes, through all rows");
        for tag in ["g", "svg", "text", "style"] {
            let opened = text.matches(&format!("<{tag} ")).count()
                + text.matches(&format!("<{tag}>")).count();
            assert_eq!(opened, text.matches(&format!("</{tag}>")).count(), "{tag}");
        }
    }

    #[test]
    fn a_server_that_charges_nothing_is_drawn_with_figures_all_the_same() {
        let none = |of: Figures| Figures { per_message: PerDelivery::default(), ..of };
        let figures: Vec<Figures> = comparison().techniques.into_iter().map(none).collect();
        // Far away, from a machine that has just been switched on.
        let moments = vec![moment(1, true, &[])];
        let row = |of: &Figures| TimelineRow { technique: of.technique, moments: moments.clone() };
        let rows: Vec<TimelineRow> = figures.iter().map(row).collect();
        let text = render(&rows, &figures, 10_000_000);
        assert!(text.contains("0 bytes · ×1.00") && !text.contains("NaN"), "{text}");
    }

    #[test]
    fn nobody_has_to_have_seen_anything() {
        let comparison = comparison();
        let technique = Technique::Sse;
        let text =
            render(&[TimelineRow { technique, moments: vec![] }], &comparison.techniques[..1], 0);
        assert!(text.ends_with("</svg>\n"));
    }
}
