//! A second reading of RFC 1951, bit by bit and without any table but the RFC's own: slow, short,
//! and not flate2. It also tells how far back the data refers.
//!
//! Came from: RFC 1951 §3.2. Goes to: the tests beside it.

/// What was inflated, and the furthest reference.
#[derive(Debug, Default)]
pub(super) struct Inflated {
    pub(super) bytes: Vec<u8>,
    pub(super) furthest: usize,
}

struct Bits<'d> {
    data: &'d [u8],
    at: usize,
}

impl Bits<'_> {
    fn take(&mut self, count: usize) -> usize {
        (0..count).fold(0, |sum, n| {
            let bit = self.data[self.at / 8] >> (self.at % 8) & 1;
            self.at += 1;
            sum | usize::from(bit) << n
        })
    }
}

/// The lengths of the codes of an alphabet.
type Lengths = Vec<usize>;

/// Reads one symbol: canonical codes in the order of their lengths (§3.2.2).
fn symbol(lengths: &Lengths, bits: &mut Bits<'_>) -> usize {
    let (mut code, mut first) = (0, 0);
    for length in 1..=15 {
        code = code << 1 | bits.take(1);
        first <<= 1;
        let of_length = lengths.iter().enumerate().filter(|(_, l)| **l == length);
        let symbols: Vec<usize> = of_length.map(|(symbol, _)| symbol).collect();
        if let Some(&symbol) = symbols.get(code - first) {
            return symbol;
        }
        first += symbols.len();
    }
    panic!("no such code");
}

/// Inflates a stream whose last block is the empty one of a flush.
pub(super) fn inflate(data: &[u8]) -> Inflated {
    let mut out = Inflated::default();
    let mut bits = Bits { data, at: 0 };
    while bits.at.div_ceil(8) < data.len() {
        assert_eq!(bits.take(1), 0, "our blocks are never final");
        match bits.take(2) {
            0 => stored(&mut bits, &mut out),
            1 => {
                let ranges = [(8, 144), (9, 112), (7, 24), (8, 8)];
                let literals = ranges.iter().flat_map(|&(length, n)| vec![length; n]);
                block(&literals.collect(), &vec![5; 30], &mut bits, &mut out);
            }
            2 => {
                let (literals, distances) = tables(&mut bits);
                block(&literals, &distances, &mut bits, &mut out);
            }
            _ => panic!("a reserved block"),
        }
    }
    out
}

fn stored(bits: &mut Bits<'_>, out: &mut Inflated) {
    bits.at = bits.at.next_multiple_of(8);
    let length = bits.take(16);
    assert_eq!(bits.take(16), !length & 0xFFFF);
    out.bytes.extend((0..length).map(|_| bits.take(8) as u8));
}

/// §3.2.7.
fn tables(bits: &mut Bits<'_>) -> (Lengths, Lengths) {
    const ORDER: [usize; 19] = [16, 17, 18, 0, 8, 7, 9, 6, 10, 5, 11, 4, 12, 3, 13, 2, 14, 1, 15];
    let (literals, distances) = (bits.take(5) + 257, bits.take(5) + 1);
    let mut of_lengths = vec![0; 19];
    for place in &ORDER[..bits.take(4) + 4] {
        of_lengths[*place] = bits.take(3);
    }
    let mut lengths = Vec::new();
    while lengths.len() < literals + distances {
        let (length, times) = match symbol(&of_lengths, bits) {
            16 => (*lengths.last().expect("one before"), 3 + bits.take(2)),
            17 => (0, 3 + bits.take(3)),
            18 => (0, 11 + bits.take(7)),
            length => (length, 1),
        };
        lengths.extend(vec![length; times]);
    }
    let distances = lengths.split_off(literals);
    (lengths, distances)
}

/// §3.2.5.
fn block(literals: &Lengths, distances: &Lengths, bits: &mut Bits<'_>, out: &mut Inflated) {
    loop {
        let code = match symbol(literals, bits) {
            literal @ 0..256 => {
                out.bytes.push(literal as u8);
                continue;
            }
            256 => return,
            code => code - 257,
        };
        let length = match code {
            0..8 => 3 + code,
            28 => 258,
            _ => 3 + ((4 + code % 4) << (code / 4 - 1)) + bits.take(code / 4 - 1),
        };
        let distance = match symbol(distances, bits) {
            code @ 0..4 => 1 + code,
            code => 1 + ((2 + code % 2) << (code / 2 - 1)) + bits.take(code / 2 - 1),
        };
        out.furthest = out.furthest.max(distance);
        for _ in 0..length {
            out.bytes.push(out.bytes[out.bytes.len() - distance]);
        }
    }
}
