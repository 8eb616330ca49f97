//! Standard input as messages: a whole one, or one for each line.
//!
//! Came from: standard input. Goes to: `publisher`. Absent on purpose: what is to be done with it.

use std::io::{self, BufRead, BufReader, Read, Stdin};

use crate::limits::MESSAGE_BYTES_CEILING;

/// Lines of standard input. What is read ahead is longer than most lines: whether another one has
/// come is seen there.
pub fn lines(input: Stdin) -> BufReader<Stdin> {
    BufReader::with_capacity(AHEAD_BYTES, input)
}

/// All of standard input.
pub fn whole(input: &Stdin) -> Result<Vec<u8>, String> {
    let mut data = Vec::new();
    let most = MESSAGE_BYTES_CEILING as u64 + 1;
    input.lock().take(most).read_to_end(&mut data).map_err(no_input)?;
    if data.len() > MESSAGE_BYTES_CEILING {
        return Err(too_long("standard input"));
    }
    Ok(data)
}

/// The next line, without its end. `None`: there are no more.
pub fn next_line(input: &mut impl BufRead) -> Result<Option<Vec<u8>>, String> {
    let mut line = Vec::new();
    let most = MESSAGE_BYTES_CEILING as u64 + 2;
    let length = input.take(most).read_until(b'\n', &mut line).map_err(no_input)?;
    line.pop_if(|last| *last == b'\n');
    if line.len() > MESSAGE_BYTES_CEILING {
        return Err(too_long("a line"));
    }
    Ok((length > 0).then_some(line))
}

#[expect(clippy::needless_pass_by_value, reason = "as `map_err` hands it over")]
fn no_input(error: io::Error) -> String {
    format!("standard input: {error}")
}

fn too_long(what: &str) -> String {
    format!("{what} is longer than {MESSAGE_BYTES_CEILING} bytes; publish it in parts")
}

const AHEAD_BYTES: usize = 1024 * 1024;
