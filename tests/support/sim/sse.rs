//! A naive reader of event streams, written from the WHATWG standard and not from the server.

/// What stood between two blank lines.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Block {
    pub id: Option<String>,
    pub event: Option<String>,
    pub data: Option<String>,
    pub retry: Option<u64>,
    pub comments: Vec<String>,
}

#[derive(Default)]
pub struct Blocks {
    raw: Vec<u8>,
}

impl Blocks {
    /// Takes in bytes and gives the blocks that are complete.
    pub fn feed(&mut self, bytes: &[u8]) -> Vec<Block> {
        self.raw.extend_from_slice(bytes);
        let mut blocks = Vec::new();
        while let Some(end) = self.raw.windows(2).position(|two| two == b"\n\n") {
            let text = str::from_utf8(&self.raw[..end]).expect("an event stream is UTF-8");
            assert!(!text.contains('\r'), "we send LF only");
            blocks.push(block(text));
            self.raw.drain(..end + 2);
        }
        blocks
    }
}

fn block(text: &str) -> Block {
    let mut block = Block::default();
    for line in text.split('\n') {
        let (name, value) = line.split_once(':').unwrap_or((line, ""));
        let value = value.strip_prefix(' ').unwrap_or(value).to_owned();
        match name {
            "" => block.comments.push(value),
            "id" => block.id = Some(value),
            "event" => block.event = Some(value),
            "retry" => block.retry = Some(value.parse().expect("retry is a number")),
            "data" => {
                block.data = Some(match block.data.take() {
                    None => value,
                    Some(before) => format!("{before}\n{value}"),
                });
            }
            other => panic!("no field is named {other:?}"),
        }
    }
    block
}
