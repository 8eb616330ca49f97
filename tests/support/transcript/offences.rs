//! Every way to be refused, from the tables of those who refuse.

use tollway::conn::problem::Rule;
use tollway::rights::Denial;
use tollway::wire::body::BodyError;
use tollway::wire::handshake::HandshakeError;
use tollway::wire::head::HeadError;
use tollway::wire::message::MessageError;
use tollway::wire::target::TargetError;
use tollway::wire::v1::PublishError;

/// One row of one table.
#[derive(Clone, Copy, Debug)]
pub struct Offence {
    /// The table; where two have the same code, transcripts name it: `head.bare_line_feed`.
    pub table: &'static str,
    pub code: &'static str,
    /// A status of HTTP, or a close code of WebSocket.
    pub number: u16,
    pub detail: &'static str,
}

impl Offence {
    pub fn name(&self) -> String {
        format!("{}.{}", self.table, self.code)
    }
}

/// All of them, always in the same order.
pub fn all() -> Vec<Offence> {
    let mut all = Vec::new();
    macro_rules! take {
        ($table:literal, $error:ty) => {
            all.extend(<$error>::ALL.iter().map(|error| Offence {
                table: $table,
                code: error.code(),
                number: error.status().code(),
                detail: error.detail(),
            }));
        };
    }
    take!("head", HeadError);
    take!("body", BodyError);
    take!("target", TargetError);
    take!("handshake", HandshakeError);
    take!("rule", Rule);
    take!("denial", Denial);
    take!("publish", PublishError);
    all.extend(MessageError::ALL.iter().map(|error| Offence {
        table: "message",
        code: error.code(),
        number: error.close_code().number(),
        detail: error.detail(),
    }));
    all
}

/// The row that a transcript means by `name`, and its index in [`all`].
pub fn find(name: &str, number: u16) -> Result<(usize, Offence), String> {
    let found: Vec<_> = all()
        .into_iter()
        .enumerate()
        .filter(|(_, o)| o.number == number && (o.code == name || o.name() == name))
        .collect();
    match found[..] {
        [one] => Ok(one),
        [] => Err(format!("no table has {name} with {number}")),
        _ => Err(format!("several tables have {name}: say which, as in head.{name}")),
    }
}
