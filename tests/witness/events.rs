//! An event stream as it was captured.
//!
//! A parser of its own, written from WHATWG HTML §9.2.6 alone, for text that is there as a whole
//! and whose lines end in LF, as ours do.
//!
//! Came from: `exchange`, with the data of one chunk. Goes to: `account`. Absent on purpose:
//! reconnecting, and lines that end in CR.

/// The lines up to an empty one.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Block {
    pub(crate) id: Option<String>,
    pub(crate) event: Option<String>,
    /// The `data` lines, joined by LF; `None` without any.
    pub(crate) data: Option<String>,
    pub(crate) comments: Vec<String>,
    pub(crate) retry: bool,
    /// With the empty line.
    pub(crate) bytes: usize,
}

impl Block {
    /// Nothing but comments: a sign of life.
    pub(crate) fn is_comment(&self) -> bool {
        let quiet = self.id.is_none() && self.event.is_none() && self.data.is_none();
        quiet && !self.retry && !self.comments.is_empty()
    }
}

/// All blocks of `text`, which ends with the last of them.
pub(crate) fn blocks(text: &str) -> Vec<Block> {
    assert!(!text.contains('\r'), "a line that ends in CR: {text:?}");
    let mut found = Vec::new();
    let mut block = Block::default();
    for line in text.split_inclusive('\n') {
        block.bytes += line.len();
        let line = line.strip_suffix('\n').expect("a whole line");
        let (name, value) = line.split_once(':').unwrap_or((line, ""));
        let value = value.strip_prefix(' ').unwrap_or(value);
        match name {
            "" if line.is_empty() => found.push(std::mem::take(&mut block)),
            "" => block.comments.push(value.to_owned()),
            "id" => block.id = Some(value.to_owned()),
            "event" => block.event = Some(value.to_owned()),
            "retry" => block.retry = true,
            "data" => {
                let data = block.data.take();
                let joined = data.map_or_else(String::new, |lines| lines + "\n") + value;
                block.data = Some(joined);
            }
            other => panic!("no field of an event stream: {other:?}"),
        }
    }
    assert_eq!(block, Block::default(), "a block without its end");
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_streams_of_the_standard_are_read() {
        let text = ": test stream\n\ndata: first event\nid: 1\n\ndata:second event\nid\n\n\
            data:  third event\n\n";
        let found = blocks(text);
        let data: Vec<_> = found.iter().map(|block| block.data.as_deref()).collect();
        let expected = [None, Some("first event"), Some("second event"), Some(" third event")];
        assert_eq!(data, expected);
        assert!(found[0].is_comment() && !found[1].is_comment());
        assert_eq!(found[1].id.as_deref(), Some("1"));
        assert_eq!(found.iter().map(|block| block.bytes).sum::<usize>(), text.len());
    }

    #[test]
    fn lines_of_data_are_joined() {
        let found = blocks("data\n\ndata\ndata\n\ndata: YHOO\ndata: +2\ndata: 10\n\n");
        let data: Vec<_> = found.iter().map(|block| block.data.as_deref()).collect();
        assert_eq!(data, [Some(""), Some("\n"), Some("YHOO\n+2\n10")]);
    }
}
