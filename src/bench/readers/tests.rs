//! Readers that publish by their own sockets, at a port where nobody answers.

use std::cell::Cell;
use std::net::TcpListener;

use mio::Poll;

use super::*;

#[test]
fn how_late_a_message_is_is_looked_up_before_each_system_call() {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let address = listener.local_addr().expect("it is bound");
    let poll = Poll::new().expect("a descriptor is left");
    let registry = poll.registry().try_clone().expect("a descriptor is left");
    let mode = ReadMode::WebSocket { v1: false };
    let subscriber = |topic: u32| (Subscriber::new(mode, topic.into(), "a", "b"), topic);
    let setup = ReaderSetup { address, trust: None, mode, interval_us: 0 };
    let mut readers = Readers::new((0..3).map(subscriber).collect(), setup, registry);
    let mut messages = Messages::new(&[1, 1, 1], 40);
    readers.connect_some(&mut messages);
    let clock = Cell::new(0);
    let tick = || clock.replace(clock.get() + 100) + 100;
    for (number, due_us) in [Some(10), Some(10), None].into_iter().enumerate() {
        assert!(readers.has_room(number));
        readers.publish(number, due_us, &mut messages, tick);
    }
    let late = messages.counts.late_us.iter_recorded();
    let late: Vec<_> = late.map(|step| step.value_iterated_to()).collect();
    assert_eq!(late, [0, 90, 190], "the third one was due when it was sent");
    let due_us = messages.topic(2).message(1).and_then(|message| message.due_us);
    assert_eq!(due_us, Some(300));
}
