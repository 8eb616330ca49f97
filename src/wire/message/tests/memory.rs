//! Facts about what the assembler holds, lends and refuses early.
//!
//! Came from: the promises at the top of `wire::message`. Goes to: `cargo test`.

use super::*;

#[test]
fn text_is_refused_at_its_first_offending_byte_in_the_middle_of_a_frame() {
    let bytes = frame(0x81, b"abc\xED\xA0\x80 and much more that need not come");
    let mut assembler = Assembler::default();
    let pushed = |n: usize, assembler: &mut Assembler| {
        let end = n + 6; // the header
        assembler.push(&mut bytes.clone()[end - 1..end], MAX).map(|_| ())
    };
    assert!(assembler.push(&mut bytes[..6].to_vec(), MAX).is_ok());
    for n in 1..=4 {
        assert_eq!(pushed(n, &mut assembler), Ok(()), "byte {n}");
    }
    assert_eq!(pushed(5, &mut assembler), Err(E::NotUtf8));
}

#[test]
fn what_is_announced_over_the_bound_is_refused_before_its_mask() {
    let mut assembler = Assembler::default();
    let mut header = [0x82, 0xFE, 0xFF, 0xFF];
    let announced = assembler.push(&mut header, MAX);
    assert_eq!(announced, Err(E::Frame(F::TooLong)));
}

#[test]
fn a_whole_frame_is_lent_from_the_callers_buffer() {
    let mut bytes = frame(0x81, "Hello");
    let place = bytes.as_ptr_range();
    let mut assembler = Assembler::default();
    let Ok(Step::Complete { incoming: Incoming::Text(text), used: 11 }) =
        assembler.push(&mut bytes, MAX)
    else {
        panic!("a text was pushed");
    };
    assert!(place.contains(&text.as_bytes().as_ptr()));
    assert_eq!((assembler.memory(), assembler.buffered(), assembler.mid_message()), (0, 0, false));
}

#[test]
fn a_message_that_was_lent_leaves_nothing_behind() {
    let mut bytes = [frame(0x01, [b'x'; 200]), frame(0x80, "y")].concat();
    let cut = bytes.len() - 1;
    let (mut early, mut late) = (bytes[..cut].to_vec(), bytes.split_off(cut));
    let mut assembler = Assembler::default();

    assert_eq!(assembler.push(&mut early, MAX), Ok(Step::Partial { used: cut }));
    assert_eq!((assembler.buffered(), assembler.mid_message()), (200, true));
    assert!(matches!(assembler.push(&mut late, MAX), Ok(Step::Complete { used: 1, .. })));
    assert_eq!((assembler.buffered(), assembler.mid_message()), (201, false));
    assembler.release();
    assert_eq!((assembler.buffered(), assembler.memory(), assembler.mid_message()), (0, 0, false));

    // A push with nothing to push gives back as well; what is unfinished stays.
    assert!(assembler.push(&mut frame(0x02, "z"), MAX).is_ok());
    assembler.release();
    assert_eq!(assembler.push(&mut [], MAX), Ok(Step::Partial { used: 0 }));
    assert_eq!((assembler.buffered(), assembler.mid_message()), (1, true));
}

#[test]
fn an_announced_message_costs_memory_only_as_it_comes() {
    let bound = 1024 * 1024;
    let mut assembler = Assembler::default();
    let mut bytes = vec![0x82, 0xFF, 0, 0, 0, 0, 0, 0x10, 0, 0, 1, 2, 3, 4];
    bytes.extend([0; 100]);
    assert_eq!(assembler.push(&mut bytes, bound), Ok(Step::Partial { used: 114 }));
    assert!(assembler.memory() < 400);
    for _ in 0..3000 {
        assert!(assembler.push(&mut [0; 300], bound).is_ok());
    }
    assert_eq!(assembler.buffered(), 100 + 3000 * 300);
    assert!(assembler.memory() <= size_of::<(Assembly, Unfinished)>() + bound);
}
