//! A comparison as a picture: bars for bytes and CPU, ranges for latency.
//!
//! The picture brings its own background, so that it looks the same on a light page and on a dark
//! one, and colours that people with any colour vision tell apart (Okabe and Ito's).
//!
//! Came from: `mod`. Goes to: the file of `--svg`. Absent on purpose: scripts, fonts, and pixels
//! that depend on either: text is measured generously.

use std::fmt::Write as _;

use libm::log10;

use super::figures::{Comparison, Figures};
use super::table::{ratio, setup_lines, time};

/// The whole document.
pub fn render(comparison: &Comparison) -> String {
    let mut canvas = Canvas { body: String::new(), y: MARGIN };
    canvas.title(comparison);
    let rows = &comparison.techniques;
    bytes(&mut canvas, rows);
    latency(&mut canvas, rows);
    cpu(&mut canvas, rows);
    canvas.document()
}

/// A class of bytes in the stack: name, colour, and bytes for each delivered message.
type Series = (&'static str, &'static str, fn(&Figures) -> f64);

/// Both directions together; only heads are apart, because the techniques differ in them.
const SERIES: [Series; 7] = [
    ("payload", "#0072b2", |f| {
        f.per_message.bytes_out_by_class.payload + f.per_message.bytes_in_by_class.payload
    }),
    ("framing", "#56b4e9", |f| {
        f.per_message.bytes_out_by_class.framing + f.per_message.bytes_in_by_class.framing
    }),
    ("answer heads", "#e69f00", |f| f.per_message.bytes_out_by_class.head),
    ("request heads", "#d55e00", |f| f.per_message.bytes_in_by_class.head),
    ("heartbeats", "#cc79a7", |f| {
        f.per_message.bytes_out_by_class.heartbeat + f.per_message.bytes_in_by_class.heartbeat
    }),
    ("other bodies", "#999999", |f| {
        f.per_message.bytes_out_by_class.body + f.per_message.bytes_in_by_class.body
    }),
    ("TLS", "#f0e442", Figures::tls_bytes_per_message),
];

fn bytes(canvas: &mut Canvas, rows: &[Figures]) {
    let occurs = |(_, _, class): &&Series| rows.iter().any(|row| class(row) > 0.0);
    let classes: Vec<&Series> = SERIES.iter().filter(occurs).collect();
    canvas.heading("Bytes for each delivered message, both directions");
    let legend: Vec<_> = classes.iter().map(|(name, colour, _)| (*name, *colour)).collect();
    canvas.legend(&legend);
    let scale = Linear::to(most(rows, Figures::bytes_per_message));
    canvas.grid(&scale.marks(), rows.len());
    for row in rows {
        canvas.row(&row.label(), |canvas, y| {
            let mut x = LEFT;
            for (name, colour, class) in &classes {
                let width = scale.x(class(row)) - LEFT;
                let tip = format!("{name}: {}", ratio(class(row)));
                canvas.bar(x, y, width, colour, &tip);
                x += width;
            }
            canvas.value(x, y, &ratio(row.bytes_per_message()));
        });
    }
}

fn cpu(canvas: &mut Canvas, rows: &[Figures]) {
    canvas.heading("Server CPU for each delivered message, in microseconds");
    let scale = Linear::to(most(rows, |f| f.per_message.cpu_us));
    canvas.grid(&scale.marks(), rows.len());
    for row in rows {
        canvas.row(&row.label(), |canvas, y| {
            let us = row.per_message.cpu_us;
            let width = scale.x(us) - LEFT;
            canvas.bar(LEFT, y, width, "#009e73", &format!("{} µs", ratio(us)));
            canvas.value(LEFT + width, y, &ratio(us));
        });
    }
}

fn latency(canvas: &mut Canvas, rows: &[Figures]) {
    canvas.heading("Latency, from publishing to receiving (logarithmic)");
    let y = canvas.y;
    canvas.range_legend(y);
    let least = rows.iter().map(|row| row.latency.p50).min().unwrap_or(1);
    let scale = Decades::around(least as f64, most(rows, |f| f.latency.max as f64));
    canvas.grid(&scale.marks(), rows.len());
    for row in rows {
        canvas.row(&row.label(), |canvas, y| {
            let latency = &row.latency;
            let [p50, p99, max] = [latency.p50, latency.p99, latency.max].map(|us| us as f64);
            canvas.range(scale.x(p50), scale.x(p99), scale.x(max), y);
            let text = format!("{}  ·  {}", time(p50), time(p99));
            canvas.value(scale.x(max), y, &text);
        });
    }
}

/// A round number without the zeros behind its point.
fn bare(number: f64) -> String {
    let text = ratio(number);
    if text.contains('.') {
        text.trim_end_matches('0').trim_end_matches('.').to_owned()
    } else {
        text
    }
}

/// The greatest of a figure, and 1 where all are less: a scale needs a length.
fn most(rows: &[Figures], figure: fn(&Figures) -> f64) -> f64 {
    rows.iter().map(figure).fold(1.0, f64::max)
}

/// From 0 to a maximum.
struct Linear {
    max: f64,
}

impl Linear {
    const fn to(max: f64) -> Self {
        Self { max }
    }

    fn x(&self, value: f64) -> f64 {
        LEFT + PLOT * value / self.max
    }

    /// Three to six round numbers.
    fn marks(&self) -> Vec<(f64, String)> {
        let decade = 10_f64.powi(log10(self.max).floor() as i32);
        let steps = [0.2, 0.25, 0.5, 1.0, 2.0].map(|step| step * decade);
        let fits = |step: &f64| self.max / step <= MARKS_MAX;
        let step = steps.into_iter().find(fits).unwrap_or(decade * 2.0);
        // Exact: at most MARKS_MAX.
        let count = (self.max / step) as usize;
        let marks = (0..=count).map(|n| n as f64 * step);
        marks.map(|value| (self.x(value), bare(value))).collect()
    }
}

/// Powers of ten of a microsecond.
struct Decades {
    first: i32,
    last: i32,
}

impl Decades {
    fn around(shortest: f64, longest: f64) -> Self {
        // Exact: logarithms of figures that are microseconds of hours at most.
        let first = log10(shortest.max(1.0)).floor() as i32;
        let last = log10(longest.max(1.0)).ceil() as i32;
        Self { first, last: last.max(first + 1) }
    }

    fn x(&self, us: f64) -> f64 {
        let decades = f64::from(self.last - self.first);
        LEFT + PLOT * (log10(us.max(1.0)) - f64::from(self.first)).max(0.0) / decades
    }

    fn marks(&self) -> Vec<(f64, String)> {
        let marks = (self.first..=self.last).map(|power| 10_f64.powi(power));
        marks.map(|us| (self.x(us), time(us).replace(".00 ", " ").replace(".0 ", " "))).collect()
    }
}

/// The picture so far, from top to bottom.
struct Canvas {
    body: String,
    y: f64,
}

impl Canvas {
    fn add(&mut self, part: std::fmt::Arguments<'_>) {
        self.body.write_fmt(part).expect("a string takes everything");
        self.body.push('\n');
    }

    fn title(&mut self, comparison: &Comparison) {
        self.y += 22.0;
        let y = self.y;
        self.add(format_args!(
            r#"<text x="{MARGIN}" y="{y}" class="title">What a message costs, by technique</text>"#
        ));
        self.y += 5.0;
        for line in setup_lines(comparison) {
            self.y += 20.0;
            let (y, line) = (self.y, escaped(&line));
            self.add(format_args!(r#"<text x="{MARGIN}" y="{y}" class="soft">{line}</text>"#));
        }
        self.y += 8.0;
    }

    fn heading(&mut self, text: &str) {
        self.y += 36.0;
        let y = self.y;
        self.add(format_args!(r#"<text x="{MARGIN}" y="{y}" class="heading">{text}</text>"#));
        self.y += 12.0;
    }

    fn legend(&mut self, entries: &[(&str, &str)]) {
        let (mut x, y) = (LEFT, self.y);
        for (name, colour) in entries {
            let (text_x, text_y) = (x + 17.0, y + 10.0);
            self.add(format_args!(
                r#"<rect x="{x}" y="{y}" width="11" height="11" rx="2" fill="{colour}"/><text x="{text_x}" y="{text_y}" class="small">{name}</text>"# // rustfmt::skip
            ));
            x += 17.0 + 7.0 * name.len() as f64 + 18.0;
        }
        self.y += 22.0;
    }

    /// What the three marks of a range mean.
    fn range_legend(&mut self, y: f64) {
        let (x, y) = (LEFT + 6.0, y + 6.0);
        let (to, text_x, text_y) = (x + 96.0, x + 108.0, y + 4.0);
        self.range(x, x + 60.0, to, y - BAR / 2.0);
        self.add(format_args!(
            r#"<text x="{text_x}" y="{text_y}" class="small">median, 99 of 100, slowest; figures: median · 99 of 100</text>"# // rustfmt::skip
        ));
        self.y += 22.0;
    }

    /// Vertical lines through `rows` rows that are still to come, with their marks above.
    fn grid(&mut self, marks: &[(f64, String)], rows: usize) {
        self.y += 14.0;
        let (top, bottom) = (self.y, self.y + ROW * rows as f64);
        for (x, text) in marks {
            let (y, line) = (top - 4.0, format!(r#"x1="{x:.1}" x2="{x:.1}""#));
            self.add(format_args!(
                r#"<line {line} y1="{top}" y2="{bottom}" class="grid"/><text x="{x:.1}" y="{y}" class="mark">{text}</text>"# // rustfmt::skip
            ));
        }
    }

    /// A variant's row: its label, and what `draw` puts at the top of its bar.
    fn row(&mut self, label: &str, draw: impl FnOnce(&mut Self, f64)) {
        let (x, y) = (LEFT - 12.0, self.y + ROW / 2.0 + 4.5);
        let label = escaped(label);
        self.add(format_args!(
            r#"<g class="variant"><text x="{x}" y="{y}" class="label">{label}</text>"#
        ));
        draw(self, self.y + (ROW - BAR) / 2.0);
        self.add(format_args!("</g>"));
        self.y += ROW;
    }

    fn bar(&mut self, x: f64, y: f64, width: f64, colour: &str, tip: &str) {
        if width > 0.0 {
            self.add(format_args!(
                r#"<rect x="{x:.1}" y="{y}" width="{width:.1}" height="{BAR}" fill="{colour}"><title>{tip}</title></rect>"# // rustfmt::skip
            ));
        }
    }

    /// From the median to the slowest, with the 99th of 100 in between.
    fn range(&mut self, p50: f64, p99: f64, max: f64, y: f64) {
        let y = y + BAR / 2.0;
        let (top, bottom) = (y - 5.0, y + 5.0);
        self.add(format_args!(
            r#"<line x1="{p50:.1}" x2="{max:.1}" y1="{y}" y2="{y}" class="range"/><line x1="{max:.1}" x2="{max:.1}" y1="{top}" y2="{bottom}" class="range"/><circle cx="{p99:.1}" cy="{y}" r="5" class="p99"/><circle cx="{p50:.1}" cy="{y}" r="5.5" class="p50"/>"# // rustfmt::skip
        ));
    }

    /// A figure behind what it belongs to.
    fn value(&mut self, x: f64, y: f64, text: &str) {
        let (x, y) = (x + 10.0, y + BAR / 2.0 + 4.5);
        self.add(format_args!(r#"<text x="{x:.1}" y="{y}" class="value">{text}</text>"#));
    }

    fn document(self) -> String {
        let height = self.y + MARGIN;
        let body = self.body;
        format!(
            r##"<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}"
 width="{WIDTH}" height="{height}" role="img" aria-label="What a message costs, by technique">
<style>
text {{ font-family: system-ui, "Segoe UI", "Helvetica Neue", Arial, sans-serif; }}
text {{ font-size: 13px; fill: #1f2933; }}
.title {{ font-size: 22px; font-weight: 600; }}
.soft {{ fill: #52606d; }}
.heading {{ font-size: 15px; font-weight: 600; }}
.label {{ text-anchor: end; }}
.value {{ stroke: #ffffff; stroke-width: 4px; paint-order: stroke; }}
.small {{ font-size: 12px; fill: #3e4c59; }}
.mark {{ font-size: 11px; fill: #7b8794; text-anchor: middle; }}
.grid {{ stroke: #e4e7eb; }}
.range {{ stroke: #7b8794; stroke-width: 2; }}
.p50 {{ fill: #0072b2; }}
.p99 {{ fill: #ffffff; stroke: #0072b2; stroke-width: 2; }}
</style>
<rect width="{WIDTH}" height="{height}" rx="10" fill="#ffffff"/>
{body}</svg>
"## // rustfmt::skip
        )
    }
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;")
}

const WIDTH: f64 = 960.0;
const MARGIN: f64 = 28.0;
/// Where bars begin: labels end before.
const LEFT: f64 = 264.0;
/// The longest bar. Behind it there is room for a figure.
const PLOT: f64 = 530.0;
const ROW: f64 = 26.0;
const BAR: f64 = 16.0;
const MARKS_MAX: f64 = 6.0;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::compare::figures::example::comparison;

    #[test]
    fn every_variant_has_a_row_in_each_of_three_panels() {
        let text = render(&comparison());
        assert_eq!(text.matches(r#"<g class="variant">"#).count(), 6);
        assert_eq!(text.matches("class=\"heading\"").count(), 3);
        for tag in ["g", "svg", "text", "style"] {
            let opened = text.matches(&format!("<{tag} ")).count()
                + text.matches(&format!("<{tag}>")).count();
            assert_eq!(opened, text.matches(&format!("</{tag}>")).count(), "{tag}");
        }
    }

    #[test]
    fn a_stack_is_as_long_as_its_sum() {
        let comparison = comparison();
        let row = &comparison.techniques[0];
        let sum: f64 = SERIES.iter().map(|(_, _, class)| class(row)).sum();
        assert!((sum - row.bytes_per_message()).abs() < 1e-9, "{sum}");
    }

    #[test]
    fn scales_have_round_marks_within_the_plot() {
        for max in [1.0, 7.3, 130.0, 2345.0, 98_765.0] {
            let marks = Linear::to(max).marks();
            assert!((3..=7).contains(&marks.len()), "{max}: {marks:?}");
            assert!(marks.iter().all(|(x, _)| *x <= LEFT + PLOT + 0.1), "{max}");
        }
        let marks = Decades::around(150.0, 1_200_000.0).marks();
        let texts: Vec<&str> = marks.iter().map(|(_, text)| text.as_str()).collect();
        assert_eq!([0.0, 0.5, 50.0, 200.0].map(bare), ["0", "0.5", "50", "200"]);
        assert_eq!(texts, ["100 µs", "1 ms", "10 ms", "100 ms", "1 s", "10 s"]);
        let one = Decades::around(0.0, 0.0);
        assert!(one.x(5.0) > LEFT && one.x(0.0) >= LEFT);
    }

    #[test]
    fn names_cannot_break_the_document() {
        assert_eq!(escaped("a<b>&c"), "a&lt;b>&amp;c");
    }
}
