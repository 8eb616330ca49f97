//! The ledger against what was seen, when everybody has gone.

use tollway::broker::Broker;
use tollway::close::CloseReason;
use tollway::ledger::{Account, Payer};

use crate::world::World;

/// Every connection has gone and is counted under its reason; every byte is in one class.
pub fn hold(world: &World, bytes_sent: usize, bytes_received: usize) -> Result<(), String> {
    let open: usize = world.brokers.iter().map(Broker::connections).sum();
    equal("connections left", open, 0)?;
    equal("files left open", world.open_files(), 0)?;
    let sum = world.parts();
    for identity in sum.identities() {
        if !identity.holds() {
            return Err(format!("an identity does not hold: {identity:?}"));
        }
    }
    let accounts = Payer::ALL.map(|payer| sum.ledger.account(payer));
    let total = |pick: fn(&Account) -> u64| accounts.into_iter().map(pick).sum::<u64>() as usize;
    for reason in CloseReason::ALL {
        let seen = world.pipes.iter().filter(|pipe| pipe.closed == Some(reason));
        let counted = accounts.iter().map(|a| a.closed[reason as usize]);
        equal(reason.name(), counted.sum::<u64>() as usize, seen.count())?;
    }
    let unread: usize = world.pipes.iter().map(|pipe| pipe.inbound.len()).sum();
    equal("bytes in", total(|a| a.bytes_in.total()), bytes_sent - unread)?;
    equal("bytes out", total(|a| a.bytes_out.total()), bytes_received)?;
    let reads: usize = world.pipes.iter().map(|pipe| pipe.reads).sum();
    let writes: usize = world.pipes.iter().map(|pipe| pipe.writes).sum();
    equal("read calls", total(|a| a.calls.reads), reads)?;
    equal("write calls", total(|a| a.calls.writes), writes)?;
    // The fake kernel counts a segment for each call, and one for each handshake.
    equal("segments in", total(|a| a.tcp.segments_in), reads)?;
    let handshakes = total(|a| a.tcp.handshakes);
    equal("segments out", total(|a| a.tcp.segments_out), writes + handshakes)
}

pub fn equal(what: &str, counted: usize, expected: usize) -> Result<(), String> {
    if counted == expected {
        return Ok(());
    }
    Err(format!("{what}: the server counted {counted}, not {expected}"))
}
