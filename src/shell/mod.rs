//! The shell: sockets, system calls, threads and time. Everything that is not a pure function of
//! bytes and moments lives here, and nothing here decides anything.
//!
//! | file | what it owns |
//! | --- | --- |
//! | `event_loop` | one thread's life: wait, read, run effects, write |
//! | `socket` | what the kernel last said about a connection |
//! | `sockets` | the sockets of a thread |
//! | `budget` | how long a turn may take |
//! | `queue` | sockets that stand in line |
//! | `listen` | ports, taken before anybody is served |
//! | `ports` | all ports that a server has |
//! | `reached` | where a server is reached, and how |
//! | `inherited` | ports that somebody else took for us |
//! | `acceptor` | connections, as they come in |
//! | `effects` | what a broker wants that needs no socket: letters, counts, files |
//! | `mailbox` | letters from thread to thread |
//! | `bus` | the sequencer that all threads share, and their mailboxes |
//! | `keeping` | where messages are kept beyond the process |
//! | `storing` | the thread of a store |
//! | `sharing` | the threads of a log that many servers share |
//! | `failure` | why it cannot start, or ended |
//! | `ending` | the end of all threads |
//! | `sampling` | the kernel's counts for a report |
//! | `freed` | when memory is given back to the system |
//! | `secrets` | the operator's tokens and keys, read from their files |
//! | `tls` | TLS, between a socket and the broker |
//! | `files` | a folder that nobody gets out of |
//! | `output` | lines that perhaps nobody reads |
//! | `port_file` | where the ports are told |
//! | `greeting` | where to go, and what to try there |
//! | `token` | which descriptor an event is about |
//! | `notify` | how we are, for the service manager |
//! | `lookup` | names of hosts, for clients |
//! | `clock` | the only clock |
//! | `sys` | the only `unsafe` |
//!
//! Came from: `main`, with a [`Config`]. Goes to: `broker`, one for each thread. Absent on purpose:
//! work that is handed from thread to thread. A connection lives and dies where the kernel dealt
//! it.

pub mod acceptor;
pub mod budget;
pub mod bus;
pub mod clock;
pub mod effects;
pub mod ending;
pub mod event_loop;
pub mod failure;
pub mod files;
pub mod freed;
pub mod greeting;
pub mod inherited;
pub mod keeping;
pub mod listen;
pub mod lookup;
pub mod mailbox;
pub mod notify;
pub mod other_process;
pub mod output;
pub mod port_file;
pub mod ports;
pub mod queue;
pub mod reached;
pub mod sampling;
pub mod secrets;
pub mod sharing;
pub mod signals;
pub mod socket;
pub mod sockets;
pub mod storing;
pub mod sys;
pub mod tls;
pub mod token;

use std::fs::File;
use std::hash::{BuildHasher, Hasher, RandomState};
use std::io;
use std::net::SocketAddr;
use std::os::fd::AsRawFd;
use std::panic::{self, AssertUnwindSafe};
use std::path::Path;
use std::sync::{Arc, mpsc};
use std::thread;

use mio::{Interest, Poll, Waker};
use rustls::ServerConfig;
use signal_hook_mio::v1_0::Signals;

use self::acceptor::{Acceptor, Entrance};
use self::bus::Bus;
use self::clock::Clock;
use self::effects::Effects;
use self::event_loop::{EventLoop, LoopSetup};
use self::failure::{Crash, StartError};
use self::files::Files;
use self::keeping::Keeping;
use self::listen::Listening;
use self::mailbox::{Address, Mailbox};

pub use self::reached::Reached;
use self::reached::ports_of;
use self::secrets::SecretError;
use self::token::Source;
use crate::broker::{Setup, UnfinishedPool};
use crate::config::Config;
use crate::conn::origin::Origins;
use crate::conn::proxies::Proxies;
use crate::ids::{Door, Epoch, ShardId};
use crate::limits::MAPPED_BYTES_MIN;

/// A server whose ports are taken, and whose threads are still to be started.
pub struct Server {
    addresses: Vec<Reached>,
    admin_addresses: Vec<Reached>,
    bound: Vec<SocketAddr>,
    loop_setups: Vec<LoopSetup>,
    /// The store, and what its threads need, if there is one.
    keeping: Option<(Keeping, Arc<Bus>, Clock)>,
}

/// What all threads have in common.
struct Common<'s> {
    clock: Clock,
    keeping: Option<&'s Keeping>,
    tls: Option<&'s Arc<ServerConfig>>,
}

impl Server {
    /// Takes all ports, for all threads, and hears signals from then on: whoever is told of a port
    /// may send one. Connections and signals that come in wait until the threads
    /// [`run`](Self::run).
    pub fn bind(config: &Config) -> Result<Self, StartError> {
        sys::survive_file_size_limit();
        let clock = keeping::clock(config);
        let keeping = keeping::open(config, clock)?;
        let tls = tls::settings::start(&config.tls).map_err(StartError::Tls)?;
        let mut all = Vec::new();
        let mut sockets: Vec<Vec<_>> = (0..config.threads).map(|_| Vec::new()).collect();
        let (mut addresses, mut admin_addresses) = (Vec::new(), Vec::new());
        for (door, bound) in ports::take(config).map_err(StartError::Port)? {
            let first = Reached { address: bound[0].address, tls: bound[0].tls };
            match door {
                Door::Public => addresses.push(first),
                Door::Admin => admin_addresses.push(first),
            }
            for one in bound {
                all.push(one.address);
                let entrance = Entrance { door, tls: one.tls };
                for (acceptor, socket) in sockets.iter_mut().zip(one.sockets) {
                    acceptor.push((socket, entrance));
                }
            }
        }
        let shared = Common { clock, keeping: keeping.as_ref(), tls: tls.as_ref() };
        let (bus, mut loop_setups) = loop_setups(config, &addresses, sockets, &shared)?;
        let total = config.limits.connections_max.min(room_for_connections(config));
        for (shard, setup) in loop_setups.iter_mut().enumerate() {
            setup.setup.limits.connections_max = share(total, config.threads, shard);
        }
        on_signals(&mut loop_setups[0]).map_err(StartError::System)?;
        let keeping = keeping.map(|keeping| (keeping, bus, clock));
        Ok(Self { addresses, admin_addresses, bound: all, loop_setups, keeping })
    }

    /// The address of each port that was handed to us, and of each `--listen`, in their order, with
    /// the port that it got.
    pub fn addresses(&self) -> &[Reached] {
        &self.addresses
    }

    /// The address of each `--admin-listen`, likewise.
    pub fn admin_addresses(&self) -> &[Reached] {
        &self.admin_addresses
    }

    /// Every address that is listened on: a `--listen` may stand for two.
    pub fn bound(&self) -> &[SocketAddr] {
        &self.bound
    }

    /// Serves until SIGTERM, SIGINT or SIGHUP. A second one ends the process at once.
    pub fn run(self) -> Result<(), Crash> {
        // Most of what is mapped by now was needed to come here, and little of it will be again.
        sys::let_go_of_unchanged();
        notify::tell(notify::READY);
        let start = |(keeping, bus, clock): (Keeping, _, _)| keeping.start(bus, clock);
        let storing = self.keeping.map(start).transpose().map_err(Crash::System)?;
        let lives = self.loop_setups.into_iter();
        run_all(lives.map(|setup| move || EventLoop::new(setup).run()))?;
        storing.map_or(Ok(()), keeping::StoreThreads::end)
    }
}

/// Runs each of `lives` on a thread of its own. Ends when all have ended well, or at the first that
/// has not: the others share its log and its lock, so the server is no more.
fn run_all<L>(lives: impl Iterator<Item = L>) -> Result<(), Crash>
where
    L: FnOnce() -> io::Result<()> + Send + 'static,
{
    let (sender, endings) = mpsc::channel();
    for (shard, life) in lives.enumerate() {
        let sender = sender.clone();
        let body = move || {
            // Nobody receives any more when another thread crashed first.
            let _ = sender.send((shard, panic::catch_unwind(AssertUnwindSafe(life))));
        };
        let thread = thread::Builder::new().name(format!("shard-{shard}"));
        thread.spawn(body).map_err(Crash::System)?;
    }
    drop(sender);
    for (shard, ending) in endings {
        let result = ending.map_err(|_| Crash::Panic { shard })?;
        result.map_err(Crash::System)?;
    }
    Ok(())
}

/// Who is believed whose requests it brings.
fn believed(config: &Config) -> Proxies {
    let crate::config::ProxyConfig { trusted, header } = config.proxies.clone();
    Proxies { trusted, header }
}

/// Which pages may ask.
fn origins(config: &Config, bound: &[Reached]) -> Origins {
    Origins {
        allowed: config.allow_origin.clone(),
        hosts: config.allow_host.clone(),
        ports: ports_of(bound, false),
        tls_ports: ports_of(bound, true),
        ..Origins::default()
    }
}

/// A setup for each thread, with that thread's sockets.
fn loop_setups(
    config: &Config,
    bound: &[Reached],
    sockets: Vec<Vec<(Listening, Entrance)>>,
    shared: &Common<'_>,
) -> Result<(Arc<Bus>, Vec<LoopSetup>), StartError> {
    let Common { clock, keeping, tls } = *shared;
    let mut polls = Vec::new();
    let mut addresses = Vec::new();
    for _ in 0..config.threads {
        let (poll, address, mailbox) = poll_and_mailbox().map_err(StartError::System)?;
        polls.push((poll, mailbox));
        addresses.push(address);
    }
    let bus = Arc::new(Bus::new(&config.limits, addresses, keeping.is_some()));
    let unfinished = UnfinishedPool::new(config.limits.unfinished_bytes_max);
    sys::tune_allocator(MAPPED_BYTES_MIN);
    let epoch = match keeping {
        Some(keeping) => keeping.epoch,
        None => Epoch::draw(sys::random_bits().map_err(StartError::System)?),
    };
    let origins = origins(config, bound);
    let rights = secrets::rights(&config.rights).map_err(|error| match error {
        SecretError::Unusable(line) => StartError::Secret(line),
        SecretError::System(error) => StartError::System(error),
    })?;
    let mut loop_setups = Vec::new();
    for (shard, ((poll, mailbox), sockets)) in polls.into_iter().zip(sockets).enumerate() {
        let acceptor = Acceptor::new(sockets, poll.registry()).map_err(StartError::System)?;
        let files = config.static_dir.as_deref().map(open_folder).transpose()?;
        let setup = Setup {
            // Exact: there are 64 threads at most.
            shard: ShardId(shard as u16),
            threads: config.threads as u16,
            epoch,
            past: keeping.map(|keeping| Arc::clone(&keeping.past)),
            began: clock.now(),
            limits: config.limits.clone(),
            unfinished: unfinished.clone(),
            origins: origins.clone(),
            serves_files: files.is_some(),
            admin_listens: config.rights.admin_listens,
            rights: rights.clone(),
            proxies: believed(config),
            // The standard library's hash keys are drawn from the system's randomness.
            seed: RandomState::new().build_hasher().finish(),
        };
        loop_setups.push(LoopSetup {
            poll,
            acceptor,
            effects: Effects::new(setup.shard, Arc::clone(&bus), mailbox, clock, files),
            signals: None,
            clock,
            tls: tls.map(Arc::clone),
            setup,
        });
    }
    Ok((bus, loop_setups))
}

fn poll_and_mailbox() -> io::Result<(Poll, Address, Mailbox)> {
    let poll = Poll::new()?;
    let waker = Waker::new(poll.registry(), Source::Waker.token())?;
    let (address, mailbox) = mailbox::new(waker);
    Ok((poll, address, mailbox))
}

fn open_folder(folder: &Path) -> Result<Files, StartError> {
    Files::new(folder).map_err(|error| StartError::Folder(folder.to_owned(), error))
}

/// How many connections there are descriptors for, besides those that the server itself has open by
/// now and those it still needs: for signals, and for each thread to accept one connection more,
/// only to refuse it, and to open a file. With files to serve each may have one open beside it.
///
/// The broker refuses what is beyond, and a refusal is an answer. Without this, two threads would
/// contend for the last descriptor, and the loser could not even refuse.
fn room_for_connections(config: &Config) -> usize {
    let limit = sys::raise_descriptor_limit().unwrap_or_else(|error| {
        log::warn!("the limit on descriptors stays where it is: {error}");
        1024
    });
    // The kernel gives out the lowest number that is free, so that number of them are open.
    let open = File::open("/dev/null").map_or(0, |file| u64::from(file.as_raw_fd().unsigned_abs()));
    let room = room(limit, open, config.threads as u64, config.static_dir.is_some());
    log::debug!("{limit} descriptors may be open: room for {room} connections");
    usize::try_from(room).unwrap_or(usize::MAX)
}

/// The same, if `limit` descriptors may be open and `open` are.
fn room(limit: u64, open: u64, threads: u64, serves_files: bool) -> u64 {
    let each = 1 + u64::from(serves_files);
    (limit.saturating_sub(open + 4 + 2 * threads) / each).max(threads)
}

/// How many of `total` connections a thread may have. The shares add up to the whole.
fn share(total: usize, threads: usize, shard: usize) -> usize {
    total / threads + usize::from(shard < total % threads)
}

/// Makes the signals that end a server events of this thread's loop.
fn on_signals(setup: &mut LoopSetup) -> io::Result<()> {
    let mut signals = Signals::new(signals::heard()?)?;
    let registry = setup.poll.registry();
    registry.register(&mut signals, Source::Signals.token(), Interest::READABLE)?;
    setup.signals = Some(signals);
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_thread_that_panics_ends_the_server_and_is_named() {
        // The other one would go on for ever: it waits for this sender to be dropped.
        let (keep, wait) = mpsc::channel::<()>();
        let lives: [Box<dyn FnOnce() -> io::Result<()> + Send>; 2] = [
            Box::new(move || wait.recv().map_err(io::Error::other)),
            Box::new(|| panic!("a bug, for a test")),
        ];
        let crash = run_all(lives.into_iter()).expect_err("one of two panicked");
        assert!(matches!(crash, Crash::Panic { shard: 1 }), "{crash:?}");
        assert!(crash.to_string().contains("thread shard-1 panicked"));
        drop(keep);
    }

    #[test]
    fn a_server_ends_well_when_all_its_threads_do() {
        assert!(run_all((0..3).map(|_| || Ok(()))).is_ok());
        let broken =
            (0..2).map(|n| move || if n == 0 { Ok(()) } else { Err(io::Error::other("x")) });
        assert!(matches!(run_all(broken), Err(Crash::System(_))));
    }

    #[test]
    fn every_connection_has_descriptors_also_while_it_is_sent_a_file() {
        for (limit, open, threads) in [(64, 12, 1), (1024, 30, 4), (1_000_000, 200, 64)] {
            let needed = open + 4 + 2 * threads;
            assert_eq!(needed + room(limit, open, threads, false), limit);
            let serving = room(limit, open, threads, true);
            assert!(limit - 2 < needed + 2 * serving && needed + 2 * serving <= limit);
        }
        assert_eq!(room(16, 16, 3, true), 3, "each thread has one, come what may");
    }

    #[test]
    fn shares_add_up_and_differ_by_one_at_most() {
        for (total, threads) in [(1, 1), (7, 2), (1_000_000, 64), (65, 64), (64, 64)] {
            let shares = (0..threads).map(|shard| share(total, threads, shard));
            let shares: Vec<_> = shares.collect();
            assert_eq!(shares.iter().sum::<usize>(), total);
            assert!(shares[0] - shares[threads - 1] <= 1 && shares[threads - 1] > 0);
        }
    }
}
