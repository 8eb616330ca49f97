//! Sequence diagrams: a story → SVG, light or dark as its reader likes it.
//!
//! Came from: `story.rs`. Goes to: `diagrams.rs`, which keeps the pictures. Absent on purpose:
//! colours and fonts from elsewhere, scripts, and a measure of the text: it is set in a font in
//! which all letters are equally wide.

use std::fmt::Write as _;

use crate::story::{PUBLISHER, Scene, Story};

/// A telephone shows it whole, with letters that can be read.
pub(crate) const WIDTH: usize = 460;
const SERVER: usize = WIDTH - 40;
const FIRST_LANE: usize = 26;
/// How far a lane is from the next, and the last from the first if there are many.
const PITCH: usize = 34;
const LANES: usize = 200;
const LINE: usize = 15;
/// Tenths of a pixel that a letter is wide, in a font of 12 pixels; most have 72.
pub(crate) const LETTER: usize = 73;

const STYLE: &str = "\
text { font: 12px ui-monospace, SFMono-Regular, Menlo, Consolas, \"DejaVu Sans Mono\", monospace; \
white-space: pre; }
.paper { fill: #ffffff; } .lane { stroke: #c4ccd4; stroke-width: 1.5; } .head { fill: #eef1f4; }
text { fill: #1f2933; stroke: #ffffff; stroke-width: 4px; paint-order: stroke; \
stroke-linejoin: round; }
.name { stroke: none; text-anchor: middle; font-weight: 600; } .soft { fill: #616e7c; }
.up, .down, .ends { fill: none; stroke-width: 1.5; }
.up { stroke: #0072b2; } .down { stroke: #b34700; } .ends { stroke: #52606d; }
.tip-up { fill: #0072b2; } .tip-down { fill: #b34700; } .signal { stroke-dasharray: 4 3; }
.time { fill: #f4f0e4; } .note { stroke: none; } .middle { text-anchor: middle; }
.right { text-anchor: end; }
@media (prefers-color-scheme: dark) {
.paper { fill: #0d1117; } .lane { stroke: #3d4650; } .head { fill: #1f2730; }
text { fill: #e2e8ee; stroke: #0d1117; } .soft { fill: #9aa7b4; }
.up { stroke: #58b4f0; } .down { stroke: #f0a050; } .ends { stroke: #9aa7b4; }
.tip-up { fill: #58b4f0; } .tip-down { fill: #f0a050; } .time { fill: #2a2718; }
.name, .note { stroke: none; }
}
";

/// A picture that grows downwards.
struct Sheet<'s> {
    story: &'s Story,
    body: String,
    y: usize,
    /// Where the lane of each client ends, once it does.
    ends: Vec<Option<usize>>,
}

/// Draws a story. `title` is for those who cannot see it.
pub(crate) fn draw(title: &str, story: &Story) -> String {
    let ends = vec![None; story.clients.len()];
    let mut sheet = Sheet { story, body: String::new(), y: 44, ends };
    for scene in &story.scenes {
        sheet.scene(scene);
    }
    sheet.finished(title)
}

impl Sheet<'_> {
    /// Where a client's lane is. That of the publisher has a longer name, and more room.
    fn lane(&self, client: usize) -> usize {
        let clients = &self.story.clients;
        let pitch = PITCH.min(LANES / clients.len());
        let publisher = clients.iter().position(|name| name == PUBLISHER);
        let more = match publisher {
            Some(at) if at == client => PITCH / 2,
            Some(at) if at < client => PITCH,
            _ => 0,
        };
        FIRST_LANE + client * pitch + more
    }

    fn scene(&mut self, scene: &Scene) {
        match scene {
            Scene::Said { client, up, lines, name } => self.said(*client, *up, lines, name),
            Scene::Signal { client, up, name } => {
                self.text(self.lane(*client) + 8, "soft", name);
                self.arrow(*client, *up, " signal");
            }
            Scene::Closed { client, reason } => {
                let (x, y) = (self.lane(*client), self.y + 4);
                let cross = format!("M{} {}l8 8m0 -8l-8 8", x - 4, y - 4);
                self.add(&format!("<path class=\"ends\" d=\"{cross}\"/>"));
                self.y += 8;
                let lane = &self.story.clients[*client];
                self.text_at(SERVER - 8, "soft right", &format!("close {lane} {reason}"));
                self.ends[*client] = Some(y);
                self.y += 12;
            }
            Scene::Wait(time) => self.band("time", time),
            Scene::Note(words) => self.band("head", words),
        }
    }

    /// What is said, and an arrow below it.
    fn said(&mut self, client: usize, up: bool, lines: &[String], name: &str) {
        let x = self.lane(client) + 8;
        let letters = (SERVER - 8 - x) * 10 / LETTER;
        let rows = lines.iter().flat_map(|line| wrapped(line, letters));
        let rows: Vec<String> = rows.collect();
        for (n, row) in rows.iter().enumerate() {
            let fits = row.chars().count() + name.len() + 2 <= letters;
            if n + 1 == rows.len() && !name.is_empty() && fits {
                let y = self.y + LINE - 4;
                self.add(&format!(
                    "<text x=\"{}\" y=\"{y}\" class=\"soft right\">{name}</text>",
                    SERVER - 8
                ));
            }
            self.text(x, "", row);
        }
        self.arrow(client, up, "");
    }

    fn arrow(&mut self, client: usize, up: bool, more: &str) {
        let (x, y) = (self.lane(client), self.y + 5);
        let (way, from, to, back) = if up { ("up", x, SERVER, -8) } else { ("down", SERVER, x, 8) };
        self.ends[client] = None;
        self.add(&format!("<path class=\"{way}{more}\" d=\"M{from} {y}H{to}\"/>"));
        self.add(&format!("<path class=\"tip-{way}\" d=\"M{to} {y}l{back} -4v8z\"/>"));
        self.y += 16;
    }

    /// Words that concern all lanes.
    fn band(&mut self, class: &str, words: &str) {
        for row in wrapped(words, (WIDTH - 16) * 10 / LETTER) {
            let (x, y, width) = (8, self.y, WIDTH - 16);
            self.add(&format!(
                "<rect class=\"{class}\" x=\"{x}\" y=\"{y}\" width=\"{width}\" height=\"17\"/>"
            ));
            self.y += 13;
            self.text_at(WIDTH / 2, "note middle", &row);
            self.y += 4;
        }
        self.y += 8;
    }

    /// A line of text, and down to the next.
    fn text(&mut self, x: usize, class: &str, text: &str) {
        self.y += LINE - 4;
        self.text_at(x, class, text);
        self.y += 4;
    }

    fn text_at(&mut self, x: usize, class: &str, text: &str) {
        let class = if class.is_empty() { String::new() } else { format!(" class=\"{class}\"") };
        let text = escaped(text);
        self.add(&format!("<text x=\"{x}\" y=\"{}\"{class}>{text}</text>", self.y));
    }

    fn add(&mut self, element: &str) {
        self.body.push_str(element);
        self.body.push('\n');
    }

    fn finished(self, title: &str) -> String {
        let (height, title) = (self.y + 6, escaped(title));
        let mut svg = format!(
            "<svg xmlns=\"http://www.w3.org/2000/svg\" xml:space=\"preserve\" role=\"img\" \
             viewBox=\"0 0 {WIDTH} {height}\" width=\"{WIDTH}\" height=\"{height}\">\n\
             <title>{title}</title>\n<style>\n{STYLE}</style>\n\
             <rect class=\"paper\" width=\"{WIDTH}\" height=\"{height}\" rx=\"6\"/>\n"
        );
        let clients = self.story.clients.iter().enumerate();
        let lanes = clients.map(|(n, name)| (self.lane(n), &**name, self.ends[n]));
        for (x, name, end) in lanes.chain([(SERVER, "tollway", None)]) {
            let bottom = end.unwrap_or(height - 6);
            let width = name.len() * LETTER / 10 + 12;
            let left = x - width / 2;
            writeln!(
                svg,
                "<path class=\"lane\" d=\"M{x} 30V{bottom}\"/>\n\
                 <rect class=\"head\" x=\"{left}\" y=\"10\" width=\"{width}\" height=\"20\" \
                 rx=\"4\"/>\n<text x=\"{x}\" y=\"24\" class=\"name\">{name}</text>"
            )
            .expect("a string");
        }
        svg + &self.body + "</svg>\n"
    }
}

/// A line in rows of at most so many letters; what follows the first is indented.
fn wrapped(line: &str, letters: usize) -> Vec<String> {
    let mut rows = Vec::new();
    let mut rest: Vec<char> = line.chars().collect();
    while rest.len() > letters {
        // Behind a space or a comma, if there is one in the second half.
        let breaks = |c: &char| matches!(c, ' ' | ',' | '&' | '[');
        let half = letters / 2;
        let near = rest[half..letters].iter().rposition(breaks);
        let at = near.map_or(letters, |near| half + near + 1);
        let behind = rest.split_off(at);
        rows.push(rest.into_iter().collect());
        rest = [' ', ' '].into_iter().chain(behind).collect();
    }
    rows.push(rest.into_iter().collect());
    rows
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}
