//! Stories to grow from: each has something to tell about a rule of the server.

use super::super::operations;
use super::Step;

pub fn seeds() -> Vec<Vec<u8>> {
    let connect = Step::Connect { thread: 0 };
    let get = |client, how, since| Step::Get { client, topics: 1, how, since };
    let post = |client, length| Step::Post { client, topic: 0, length, key: 0 };
    let frame = |client, opcode| Step::Frame { client, opcode, length: 40 };
    let rest = Step::Rest {};
    let three = [connect, Step::Connect { thread: 1 }, connect, connect];
    let all_ways: Vec<Step> =
        (0..10).flat_map(|how| [connect, get(how, how, 0), rest, post(how, 10), rest]).collect();
    let stories: Vec<Vec<Step>> = vec![
        [&three[..], &[get(0, 3, 0), get(1, 5, 0), get(2, 2, 2), rest, post(3, 10), rest]].concat(),
        [
            &three[..],
            &[get(0, 3, 0), Step::Room { client: 0, bytes: 50 }, rest],
            &[post(1, 1999); 60],
            &[rest, Step::Drink { client: 0 }, rest],
        ]
        .concat(),
        [
            &three[..],
            &[get(0, 5, 0), Step::Room { client: 0, bytes: 0 }, rest],
            &[post(1, 1998); 60],
            &[rest, Step::Sleep { ms: 61_000 }],
        ]
        .concat(),
        [
            &three[..],
            &[get(0, 5, 0), rest, frame(0, 0), frame(0, 2), frame(0, 4), rest, frame(0, 6)],
        ]
        .concat(),
        [&three[..], &[get(0, 5, 0), get(1, 5, 0), rest, frame(0, 7), frame(1, 1), rest]].concat(),
        [
            &three[..],
            &[
                get(0, 7, 0),
                Step::Room { client: 0, bytes: 9999 },
                rest,
                Step::Unreadable { on: 1 },
                Step::Drink { client: 0 },
                rest,
            ],
        ]
        .concat(),
        [
            &three[..],
            &[post(0, 5), post(0, 2100), post(0, 5), rest, get(1, 0, 1), get(1, 0, 4), rest],
        ]
        .concat(),
        [
            &three[..],
            &[Step::Overload { on: 1 }, post(0, 5), get(1, 5, 0), rest, frame(1, 0), rest],
        ]
        .concat(),
        [&three[..], &[Step::Post { client: 0, topic: 1, length: 9, key: 1 }; 3], &[rest]].concat(),
        [
            &three[..],
            &[
                Step::Chunks { client: 0, topic: 0, length: 250, ends: 0 },
                rest,
                Step::Chunks { client: 1, topic: 0, length: 9, ends: 7 },
                Step::Sleep { ms: 61_000 },
            ],
        ]
        .concat(),
        [&three[..], &[get(0, 2, 0), Step::Finish { client: 0 }, rest, Step::Sleep { ms: 3000 }]]
            .concat(),
        [&three[..], &[get(0, 2, 2), get(0, 0, 1), post(0, 3), Step::Turn {}, post(1, 3), rest]]
            .concat(),
        [
            &three[..],
            &[
                Step::Head { client: 0, which: 15, cut: 0 },
                Step::Noise { client: 1, bytes: 9 },
                Step::Head { client: 2, which: 3, cut: 9 },
                rest,
                Step::Sleep { ms: 16_000 },
                Step::Turn {},
            ],
        ]
        .concat(),
        [
            &three[..],
            &[
                Step::Get { client: 0, topics: 7, how: 3, since: 1 },
                Step::Get { client: 1, topics: 7, how: 5, since: 0 },
                rest,
                post(2, 7),
                frame(1, 0),
                rest,
                Step::Reset { client: 0 },
            ],
        ]
        .concat(),
        [
            &three[..],
            &[get(0, 9, 0), get(1, 9, 3), get(2, 9, 12), rest, frame(0, 0), frame(0, 7)],
            &[frame(0, 1), rest, frame(1, 2), Step::Overload { on: 1 }, frame(1, 1), rest],
            &[frame(1, 6), rest],
        ]
        .concat(),
        all_ways,
    ];
    let bounds = [0, 2, 3, 0, 1, 0, 14, 1, 0, 3, 0, 1, 16, 7, 1, 0];
    let seed = |(story, bounds): (&Vec<Step>, u8)| {
        [&[bounds], operations::write(story).as_slice()].concat()
    };
    stories.iter().zip(bounds).map(seed).collect()
}
