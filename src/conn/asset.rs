//! Assets: what the program carries within itself for browsers, by the path below `/-/`.
//!
//! Came from: `route`, with a path. Goes to: `broker::asset`, which has the bytes. Absent on
//! purpose: the live page itself, whose answer depends on the host that was asked.

use crate::named::named;

named! {
    /// A file that the program carries. The name is its path below `/-/`.
    pub enum Asset {
        /// The client for browsers, which anybody's page may import.
        Client = "client.js";
        /// How the live page looks.
        Style = "page/page.css";
        /// The live page's own script, which brings the others.
        Page = "page/page.js";
        /// A lane: one technique on the page.
        Lane = "page/lane.js";
        /// What goes over the wire, seen from within the page.
        Tap = "page/tap.js";
        /// What happened, kept for the picture.
        Record = "page/record.js";
        /// What the lanes cost, by the server's ledger.
        Costs = "page/costs.js";
        /// The picture's layout on the page, and what is pointed at.
        Picture = "page/picture.js";
        /// How the picture is drawn.
        Draw = "page/draw.js";
        /// The picture as a file.
        Slide = "page/slide.js";
        /// Publishing from the page.
        Send = "page/send.js";
        /// Tokens that the page was given.
        Token = "page/token.js";
        /// What the page says, in English and in Chinese.
        Words = "page/words.js";
    }
}

impl Asset {
    /// The asset with this path below `/-/`.
    pub fn parse(path: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|asset| asset.name() == path)
    }
}
