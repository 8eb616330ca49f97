//! Figures of the WebSocket codec alone: ratios, measured in turn within one process.
//!
//! ```text
//! cargo bench --bench codec            # all of them
//! cargo bench --bench codec -- small   # 16-byte frames, beside tungstenite and fastwebsockets
//! cargo bench --bench codec -- large   # 64 KiB texts, beside a plain copy of the same bytes
//! ```
//!
//! All decoders read the same masked text frames from the same stream, an endless one in memory,
//! which costs each a copy as reading a socket would. All give text that was checked to be UTF-8.
//! Each keeps its defaults, and is built once: no figure has a set-up in it. Who goes first changes
//! from round to round, and a ratio is of one round, so that a busy machine slows both of its
//! sides. Nothing is asserted: a machine that does other work has no right to fail anybody.

#[path = "../support/readers/mod.rs"]
mod readers;

use std::hint::black_box;
use std::io::{self, Read, Write};
use std::pin::{Pin, pin};
use std::task::{Context, Poll, Waker};
use std::time::{Duration, Instant};

use readers::frames;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tollway::limits::{MESSAGE_BYTES_MAX, READ_BYTES};
use tollway::wire::frame::unmask;
use tollway::wire::message::{Assembler, Incoming, Step};

const ROUNDS: usize = 101;
/// Frames in the stream before it begins anew, and frames decoded by each in a round.
const SMALL_FRAMES: usize = 4096;
const SMALL_BYTES: usize = 16;
const LARGE_BYTES: usize = 64 * 1024;
/// Texts decoded by each in a round.
const LARGE_TEXTS: usize = 16;
const PIECE_BYTES: usize = 16 * 1024;
const MASK: [u8; 4] = [0x37, 0xFA, 0x21, 0x3D];

fn main() {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let words = words.iter().map(String::as_str).filter(|w| *w != "--bench");
    match words.collect::<Vec<_>>()[..] {
        ["small"] => small(),
        ["large"] => large(),
        [] => {
            small();
            large();
        }
        _ => panic!("one of: small, large"),
    }
}

// --- 16 bytes a frame ----------------------------------------------------------------------------

/// A decoder at the end of a stream. Gives the payload bytes of the next `frames` text messages.
type Decoder = Box<dyn FnMut(usize) -> usize>;

fn small() {
    let text = "typing… 12.3456";
    let text = &text[..text.floor_char_boundary(SMALL_BYTES)];
    assert_eq!(text.len(), SMALL_BYTES, "the text fills its frame");
    let frames = client_frame(text.as_bytes()).repeat(SMALL_FRAMES);
    let decoders: [(&str, Decoder); 3] = [
        ("tollway", ours(Wire::new(&frames))),
        ("tungstenite", tungstenite(Wire::new(&frames))),
        ("fastwebsockets", fastwebsockets(Wire::new(&frames))),
    ];
    let (names, mut decoders): (Vec<_>, Vec<_>) = decoders.into_iter().unzip();
    let times = in_turn(ROUNDS, decoders.len(), |who| {
        let began = Instant::now();
        let bytes = decoders[who](black_box(SMALL_FRAMES));
        let spent = began.elapsed();
        assert_eq!(bytes, SMALL_FRAMES * SMALL_BYTES, "{}", names[who]);
        spent
    });
    println!("masked text frames of {SMALL_BYTES} bytes, {SMALL_FRAMES} a round:");
    for (name, times) in names.iter().zip(&times) {
        let per_frame =
            times.iter().map(|time| time.as_secs_f64() * 1e9 / f64::from(SMALL_FRAMES as u32));
        println!("  {name:<34}{}  ns a frame", spread(per_frame));
    }
    for (name, others) in names.iter().zip(&times).skip(1) {
        println!("  {:<34}{}", format!("{name} / tollway"), ratios(others, &times[0]));
    }
}

/// Our own decoder, read into as the shell reads: at most [`READ_BYTES`] at once, and the front of
/// an unfinished frame moved to the front of the buffer.
fn ours(mut wire: Wire) -> Decoder {
    let mut assembler = Assembler::default();
    let mut inbox = vec![0; READ_BYTES];
    let (mut at, mut end) = (0, 0);
    Box::new(move |mut frames| {
        let mut bytes = 0;
        while frames > 0 {
            match assembler.push(&mut inbox[at..end], MESSAGE_BYTES_MAX) {
                Ok(Step::Complete { incoming, used }) => {
                    let Incoming::Text(text) = incoming else {
                        panic!("no text: {incoming:?}");
                    };
                    bytes += black_box(text).as_bytes().len();
                    frames -= 1;
                    at += used;
                }
                Ok(Step::Partial { used }) => {
                    inbox.copy_within(at + used..end, 0);
                    end -= at + used;
                    at = 0;
                    end += wire.read(&mut inbox[end..]).expect("memory");
                }
                Err(error) => panic!("{error:?}"),
            }
        }
        bytes
    })
}

fn tungstenite(wire: Wire) -> Decoder {
    use tungstenite::protocol::Role;
    use tungstenite::{Message, WebSocket};
    let mut socket = WebSocket::from_raw_socket(wire, Role::Server, None);
    Box::new(move |frames| {
        let text = |_| match socket.read() {
            Ok(Message::Text(text)) => black_box(text).len(),
            other => panic!("no text: {other:?}"),
        };
        (0..frames).map(text).sum()
    })
}

/// By its `read_frame`, the lowest that is public, without the collector of fragments.
fn fastwebsockets(wire: Wire) -> Decoder {
    use fastwebsockets::{OpCode, Role, WebSocket};
    let mut socket = WebSocket::after_handshake(wire, Role::Server);
    Box::new(move |frames| {
        let all = async {
            let mut bytes = 0;
            for _ in 0..frames {
                let frame = socket.read_frame().await.expect("a frame");
                assert!(frame.fin && frame.opcode == OpCode::Text, "no text");
                bytes += black_box(frame).payload.len();
            }
            bytes
        };
        // One poll, since the stream is always ready: no runtime takes a share.
        match pin!(all).poll(&mut Context::from_waker(Waker::noop())) {
            Poll::Ready(bytes) => bytes,
            Poll::Pending => panic!("memory is always ready"),
        }
    })
}

// --- 64 KiB a message ----------------------------------------------------------------------------

fn large() {
    println!("masked texts of {LARGE_BYTES} bytes, against `copy_from_slice` of the same bytes:");
    let scripts = [
        ("ASCII", "The quick brown fox jumps over the lazy dog. "),
        ("German", "Zwölf Boxkämpfer jagen Viktor quer über den großen Sylter Deich. "),
        ("Greek", "Ξεσκεπάζω την ψυχοφθόρα βδελυγμία. "),
        ("Japanese", "いろはにほへとちりぬるを我が世誰ぞ常ならむ。"),
        ("emoji", "😀😃😄😁😆😅🤣😂"),
    ];
    for (script, sample) in scripts {
        let mut text = sample.repeat(LARGE_BYTES / sample.len() + 1);
        text.truncate(text.floor_char_boundary(LARGE_BYTES));
        // Short of the length by a part of a character at most.
        text.push_str(&"x".repeat(LARGE_BYTES - text.len()));
        large_texts(script, &text);
    }
}

/// One kind of text: whole in the buffer; and read piece by piece, as long texts arrive. Beside
/// them the two things that nobody can leave out, each by itself: what `simdutf8` takes to judge
/// text is less than any decoder takes that judges with it.
fn large_texts(script: &str, text: &str) {
    let frame = client_frame(text.as_bytes());
    let header = frame.len() - LARGE_BYTES;
    let mut inbox = frame.clone();
    let mut copy = vec![0; LARGE_BYTES];
    let mut assembler = Assembler::default();
    let times = in_turn(ROUNDS, 5, |who| {
        let mut spent = Duration::ZERO;
        for _ in 0..LARGE_TEXTS {
            // The decoder leaves plain text behind. What puts the masked one back is not timed, and
            // warms the cache for everybody alike, as reading a socket would.
            inbox.copy_from_slice(&frame);
            let began = Instant::now();
            match who {
                0 => copy.copy_from_slice(black_box(&inbox[header..])),
                1 => unmask(black_box(&mut inbox[header..]), MASK, 0),
                2 => assert!(simdutf8::basic::from_utf8(black_box(text.as_bytes())).is_ok()),
                3 => assert_eq!(decoded(&mut assembler, &mut inbox, usize::MAX), LARGE_BYTES),
                _ => assert_eq!(decoded(&mut assembler, &mut inbox, PIECE_BYTES), LARGE_BYTES),
            }
            spent += began.elapsed();
            black_box(&mut copy);
        }
        spent
    });
    let speed =
        |time: &Duration| f64::from((LARGE_TEXTS * LARGE_BYTES) as u32) / time.as_secs_f64() / 1e9;
    let copied = spread(times[0].iter().map(speed));
    println!("  {:<34}{copied}  GB/s", format!("{script}, copied"));
    let ways = ["unmasked alone", "judged alone", "whole", "in 16 KiB pieces"];
    for (way, times_of_it) in ways.iter().zip(&times[1..]) {
        let ratio = ratios(times_of_it, &times[0]);
        println!("  {:<34}{ratio}", format!("{script}, {way} / copied"));
    }
}

/// Decodes one frame that arrives in pieces of this size; gives the length of its text.
fn decoded(assembler: &mut Assembler, inbox: &mut [u8], piece: usize) -> usize {
    let (mut at, mut end) = (0, inbox.len().min(piece));
    loop {
        match assembler.push(&mut inbox[at..end], MESSAGE_BYTES_MAX) {
            Ok(Step::Partial { used }) => {
                at += used;
                end = inbox.len().min(end + piece);
            }
            Ok(Step::Complete { incoming: Incoming::Text(text), .. }) => {
                return black_box(text).as_bytes().len();
            }
            other => panic!("no text: {other:?}"),
        }
    }
}

// --- what both need ------------------------------------------------------------------------------

/// A whole text frame as a client sends it (RFC 6455 §5.2).
fn client_frame(payload: &[u8]) -> Vec<u8> {
    frames::client(true, frames::TEXT, payload, MASK)
}

/// Times everybody once a round, beginning with another one each round. The first rounds, which
/// fill caches and grow buffers, are not counted. Gives the times by who.
fn in_turn(
    rounds: usize,
    players: usize,
    mut play: impl FnMut(usize) -> Duration,
) -> Vec<Vec<Duration>> {
    let mut times = vec![Vec::with_capacity(rounds); players];
    let warm_up = rounds / 10;
    for round in 0..warm_up + rounds {
        for turn in 0..players {
            let who = (round + turn) % players;
            let spent = play(who);
            if round >= warm_up {
                times[who].push(spent);
            }
        }
    }
    times
}

fn ratios(above: &[Duration], below: &[Duration]) -> String {
    let ratio = |(above, below): (&Duration, &Duration)| above.as_secs_f64() / below.as_secs_f64();
    spread(above.iter().zip(below).map(ratio))
}

fn spread(figures: impl Iterator<Item = f64>) -> String {
    let mut figures: Vec<f64> = figures.collect();
    figures.sort_by(f64::total_cmp);
    let (min, median) = (figures[0], figures[figures.len() / 2]);
    let max = figures[figures.len() - 1];
    format!("min {min:7.2}  median {median:7.2}  max {max:7.2}")
}

/// Frames without end, and nowhere for what a decoder may want to say.
struct Wire {
    frames: Vec<u8>,
    at: usize,
}

impl Wire {
    fn new(frames: &[u8]) -> Self {
        let (frames, at) = (frames.to_vec(), 0);
        Self { frames, at }
    }
}

impl Read for Wire {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        let rest = &self.frames[self.at..];
        let n = rest.len().min(buf.len());
        buf[..n].copy_from_slice(&rest[..n]);
        self.at = (self.at + n) % self.frames.len();
        Ok(n)
    }
}

impl Write for Wire {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl AsyncRead for Wire {
    fn poll_read(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let rest = &self.frames[self.at..];
        let n = rest.len().min(buf.remaining());
        buf.put_slice(&rest[..n]);
        self.at = (self.at + n) % self.frames.len();
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Wire {
    fn poll_write(
        self: Pin<&mut Self>,
        _: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Poll::Ready(Ok(bytes.len()))
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}
