//! The ledger against what was seen, when everybody has gone.

use tollway::broker::Broker;
use tollway::close::CloseReason;
use tollway::ledger::{Class, Counter, Ledger, Payer};

use crate::world::World;

/// Every connection has gone and is counted under its reason; every byte is in one class.
pub fn hold(world: &World, bytes_sent: usize, bytes_received: usize) -> Result<(), String> {
    let open: usize = world.brokers.iter().map(Broker::connections).sum();
    equal("connections left", open, 0)?;
    equal("files left open", world.open_files(), 0)?;
    let books = &world.books;
    for &reason in CloseReason::ALL {
        let seen = world
            .pipes
            .iter()
            .filter(|pipe| pipe.closed == Some(reason));
        let counted = books.sum(|ledger| ledger.closes(reason)) as usize;
        equal(reason.name(), counted, seen.count())?;
    }
    let unread: usize = world.pipes.iter().map(|pipe| pipe.inbound.len()).sum();
    let total = |pick: fn(&Ledger, Payer, Class) -> &Counter| -> usize {
        let pairs = Payer::ALL
            .into_iter()
            .flat_map(|p| Class::ALL.map(|c| (p, c)));
        let one = |(p, c)| books.sum(|ledger| pick(ledger, p, c)) as usize;
        pairs.map(one).sum()
    };
    let bytes_in = total(|l, payer, class| &l.account(payer).bytes_in[class as usize]);
    let bytes_out = total(|l, payer, class| &l.account(payer).bytes_out[class as usize]);
    equal("bytes in", bytes_in, bytes_sent - unread)?;
    equal("bytes out", bytes_out, bytes_received)
}

pub fn equal(what: &str, counted: usize, expected: usize) -> Result<(), String> {
    if counted == expected {
        return Ok(());
    }
    Err(format!(
        "{what}: the server counted {counted}, not {expected}"
    ))
}
