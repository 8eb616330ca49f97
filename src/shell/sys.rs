//! System calls that neither `std` nor `mio` has: the only room for `unsafe`.
//!
//! Came from: `listen`, `files`, `clock` and `mod`; `compare`, for its processes. Goes to: the
//! kernel. Absent on purpose: policy. Every function here is one system call (or one socket's worth
//! of them) behind a safe signature.

#![allow(unsafe_code)]

mod pages;
mod process;

use std::ffi::CStr;
use std::io;
use std::mem::{size_of, zeroed};
use std::net::SocketAddr;
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd, RawFd};

use libc::{c_int, c_void, socklen_t};

pub use self::pages::let_go_of_unchanged;
pub use self::process::{end_at, ends_with_us, is_ignored, survive_file_size_limit, terminate};

use crate::ledger::{Process, Sample};

/// A TCP socket bound to `address`, not yet listening, that does not block.
///
/// `SO_REUSEADDR` lets a server start again while connections of the last run are in `TIME_WAIT`.
/// `SO_REUSEPORT`, when `shared`, lets the server's other threads bind the same port: the kernel
/// then spreads new connections over all their queues. `IPV6_V6ONLY` keeps `[::]` from taking the
/// IPv4 port as well, whatever the machine's default is.
pub fn bound_socket(address: SocketAddr, shared: bool) -> io::Result<OwnedFd> {
    let family = if address.is_ipv4() { libc::AF_INET } else { libc::AF_INET6 };
    let kind = libc::SOCK_STREAM | libc::SOCK_NONBLOCK | libc::SOCK_CLOEXEC;
    // SAFETY: no pointers; a descriptor that is not −1 is new and nobody else's.
    let socket = unsafe { OwnedFd::from_raw_fd(checked(libc::socket(family, kind, 0))?) };
    set_option(&socket, libc::SOL_SOCKET, libc::SO_REUSEADDR, &1)?;
    if shared {
        set_option(&socket, libc::SOL_SOCKET, libc::SO_REUSEPORT, &1)?;
    }
    match address {
        SocketAddr::V4(v4) => bind(
            &socket,
            &libc::sockaddr_in {
                sin_family: libc::AF_INET as libc::sa_family_t,
                sin_port: v4.port().to_be(),
                sin_addr: libc::in_addr { s_addr: u32::from_ne_bytes(v4.ip().octets()) },
                sin_zero: [0; 8],
            },
        )?,
        SocketAddr::V6(v6) => {
            set_option(&socket, libc::IPPROTO_IPV6, libc::IPV6_V6ONLY, &1)?;
            bind(
                &socket,
                &libc::sockaddr_in6 {
                    sin6_family: libc::AF_INET6 as libc::sa_family_t,
                    sin6_port: v6.port().to_be(),
                    sin6_flowinfo: v6.flowinfo(),
                    sin6_addr: libc::in6_addr { s6_addr: v6.ip().octets() },
                    sin6_scope_id: v6.scope_id(),
                },
            )?;
        }
    }
    Ok(socket)
}

/// Lets connections come in, up to `backlog` before somebody accepts them. The kernel takes
/// `net.core.somaxconn` for a greater number.
pub fn listen(socket: &OwnedFd, backlog: c_int) -> io::Result<()> {
    // SAFETY: no pointers.
    checked(unsafe { libc::listen(socket.as_raw_fd(), backlog) }).map(drop)
}

/// Whether a socket takes connections, as only a listening stream does: `SO_ACCEPTCONN`, socket(7).
pub fn is_listening(socket: &impl AsRawFd) -> io::Result<bool> {
    // SAFETY: every C int is one.
    unsafe { option(socket, libc::SOL_SOCKET, libc::SO_ACCEPTCONN, 0) }.map(|on: c_int| on != 0)
}

/// `TCP_NODELAY`, `TCP_NOTSENT_LOWAT` and `TCP_USER_TIMEOUT`, set once on a listening socket: Linux
/// gives a copy of each to every connection that it accepts, which saves three system calls a
/// connection.
///
/// The last one (RFC 5482) is the kernel's own deadline, in milliseconds, for a peer that
/// acknowledges nothing or gives no room: it holds for a socket that we have closed too, whose last
/// bytes would otherwise be kept and offered for minutes.
pub fn tune_connections(
    listening: &impl AsRawFd,
    notsent_bytes_max: u32,
    unacknowledged_ms_max: u64,
) -> io::Result<()> {
    set_option(listening, libc::IPPROTO_TCP, libc::TCP_NODELAY, &1)?;
    let bytes = c_int::try_from(notsent_bytes_max).unwrap_or(c_int::MAX);
    set_option(listening, libc::IPPROTO_TCP, libc::TCP_NOTSENT_LOWAT, &bytes)?;
    let ms = c_int::try_from(unacknowledged_ms_max).unwrap_or(c_int::MAX);
    set_option(listening, libc::IPPROTO_TCP, libc::TCP_USER_TIMEOUT, &ms)
}

/// `SO_LINGER` with no time: closing the socket drops what it has for the peer, and sends a reset.
pub fn reset_on_close(socket: &impl AsRawFd) -> io::Result<()> {
    let value = libc::linger { l_onoff: 1, l_linger: 0 };
    set_option(socket, libc::SOL_SOCKET, libc::SO_LINGER, &value)
}

/// Lets no connection begin at a listening socket any more, and those that have begun be completed:
/// a filter drops every SYN as if it had been lost, so that the client sends it again a second
/// later, to whoever has the port by then. `SO_ATTACH_FILTER`, socket(7).
pub fn drop_syns(listening: &impl AsRawFd) -> io::Result<()> {
    let step =
        |code: u32, jt: u8, jf: u8, k: u32| libc::sock_filter { code: code as u16, jt, jf, k };
    // Of the thirteenth byte of a TCP header: SYN and no ACK. Each jump is over so many steps.
    let mut steps = [
        step(libc::BPF_LD | libc::BPF_B | libc::BPF_ABS, 0, 0, 13),
        step(libc::BPF_JMP | libc::BPF_JSET, 0, 2, 0b0000_0010),
        step(libc::BPF_JMP | libc::BPF_JSET, 1, 0, 0b0001_0000),
        step(libc::BPF_RET, 0, 0, 0),
        step(libc::BPF_RET, 0, 0, u32::MAX),
    ];
    let program = libc::sock_fprog { len: 5, filter: steps.as_mut_ptr() };
    set_option(listening, libc::SOL_SOCKET, libc::SO_ATTACH_FILTER, &program)
}

/// Opens `path` for reading, beneath `root` and nowhere else.
///
/// The kernel itself refuses to leave `root` on the way, by `..`, by an absolute path or by a link
/// (`RESOLVE_BENEATH`), so there is no moment between a check and its use. `O_NONBLOCK` keeps a
/// FIFO from holding up the thread, `O_NOCTTY` a terminal from adopting it. Linux 5.6 has the call.
pub fn open_beneath(root: &OwnedFd, path: &CStr) -> io::Result<OwnedFd> {
    let flags = libc::O_RDONLY | libc::O_CLOEXEC | libc::O_NONBLOCK | libc::O_NOCTTY;
    // SAFETY: `open_how` is three integers, for which zero is a value.
    let mut how: libc::open_how = unsafe { zeroed() };
    how.flags = u64::from(flags.cast_unsigned());
    how.resolve = libc::RESOLVE_BENEATH | libc::RESOLVE_NO_MAGICLINKS;
    // SAFETY: the path ends with a NUL, `how` has the size that is told, and both outlive the call.
    let opened = unsafe {
        libc::syscall(
            libc::SYS_openat2,
            root.as_raw_fd(),
            path.as_ptr(),
            &raw const how,
            size_of::<libc::open_how>(),
        )
    };
    // Exact: a descriptor is a C int.
    let opened = checked(opened as c_int)?;
    // SAFETY: the descriptor is new and nobody else's.
    Ok(unsafe { OwnedFd::from_raw_fd(opened) })
}

/// What the kernel has counted on a connection: `TCP_INFO`, tcp(7).
///
/// `at_end`: the peer's end was read. The kernel counts a FIN as a byte received; that it is in can
/// be seen in the state too, except of a socket whose both sides are ended, which looks like one
/// that was reset. The SYN-ACK was sent on behalf of the listening socket and is not counted here.
pub fn tcp_sample(socket: &impl AsRawFd, at_end: bool) -> io::Result<Sample> {
    // SAFETY: `tcp_info` is integers, for which zero is a value.
    let info: libc::tcp_info =
        unsafe { option(socket, libc::IPPROTO_TCP, libc::TCP_INFO, zeroed()) }?;
    // CLOSE_WAIT, LAST_ACK and CLOSING: include/net/tcp_states.h.
    let fin = at_end || matches!(info.tcpi_state, 8 | 9 | 11);
    Ok(Sample {
        segments_in: info.tcpi_segs_in,
        segments_out: info.tcpi_segs_out,
        bytes_in: info.tcpi_bytes_received - u64::from(fin && info.tcpi_bytes_received > 0),
        bytes_out: info.tcpi_bytes_sent - info.tcpi_bytes_retrans,
        retransmits: info.tcpi_total_retrans,
        rtt_us: info.tcpi_rtt,
        kernel_bytes: 0,
    })
}

/// Bytes that were written to a connection and that its peer has not acknowledged: `TCP_INFO`. What
/// was sent twice counts once, and what is still to be sent counts too.
pub fn unacknowledged(socket: &impl AsRawFd) -> io::Result<u32> {
    // SAFETY: `tcp_info` is integers, for which zero is a value.
    let info: libc::tcp_info =
        unsafe { option(socket, libc::IPPROTO_TCP, libc::TCP_INFO, zeroed()) }?;
    let sent = info.tcpi_bytes_sent.saturating_sub(info.tcpi_bytes_retrans);
    let in_flight = sent.saturating_sub(info.tcpi_bytes_acked);
    let bytes = in_flight.saturating_add(u64::from(info.tcpi_notsent_bytes));
    Ok(u32::try_from(bytes).unwrap_or(u32::MAX))
}

/// Bytes that the kernel's buffers hold for a connection: `SO_MEMINFO`, which `sock_diag(7)` calls
/// `SK_MEMINFO`. Their own overhead is in it; the socket itself, some 2 KiB, is not.
pub fn socket_memory(socket: &impl AsRawFd) -> io::Result<u32> {
    /// asm-generic/socket.h; libc does not have it.
    const SO_MEMINFO: c_int = 55;
    // SAFETY: an array of integers, of the size that the kernel knows.
    let memory: [u32; 9] = unsafe { option(socket, libc::SOL_SOCKET, SO_MEMINFO, [0; 9]) }?;
    let of = |index: c_int| memory[index.unsigned_abs() as usize];
    Ok(of(libc::SK_MEMINFO_RMEM_ALLOC)
        + of(libc::SK_MEMINFO_WMEM_QUEUED)
        + of(libc::SK_MEMINFO_FWD_ALLOC))
}

/// What the system says about this process; zeros where it does not say.
pub fn process() -> Process {
    // SAFETY: `rusage` is integers, for which zero is a value; it is whole and outlives the call.
    let usage = unsafe {
        let mut usage: libc::rusage = zeroed();
        libc::getrusage(libc::RUSAGE_SELF, &raw mut usage);
        usage
    };
    let micros = |time: libc::timeval| {
        u64::try_from(time.tv_sec).unwrap_or_default() * 1_000_000
            + u64::try_from(time.tv_usec).unwrap_or_default()
    };
    // SAFETY: no pointers.
    let page = u64::try_from(unsafe { libc::sysconf(libc::_SC_PAGESIZE) }).unwrap_or_default();
    // The second number of statm is the resident pages, proc_pid_statm(5).
    let statm = std::fs::read_to_string("/proc/self/statm").unwrap_or_default();
    let pages: u64 =
        statm.split(' ').nth(1).and_then(|pages| pages.parse().ok()).unwrap_or_default();
    Process {
        rss: pages * page,
        cpu_user_us: micros(usage.ru_utime),
        cpu_system_us: micros(usage.ru_stime),
    }
}

/// Raises the bound on open descriptors as far as we may, and tells where it stands. A connection
/// is a descriptor, and the usual 1,024 is a bound for programs that call `select`.
pub fn raise_descriptor_limit() -> io::Result<u64> {
    let mut limit = libc::rlimit { rlim_cur: 0, rlim_max: 0 };
    // SAFETY: `limit` is a whole `rlimit` and outlives the call.
    checked(unsafe { libc::getrlimit(libc::RLIMIT_NOFILE, &raw mut limit) })?;
    if limit.rlim_cur < limit.rlim_max {
        limit.rlim_cur = limit.rlim_max;
        // SAFETY: as above; the call only reads it.
        checked(unsafe { libc::setrlimit(libc::RLIMIT_NOFILE, &raw const limit) })?;
    }
    Ok(limit.rlim_cur)
}

/// Microseconds on a clock that all processes of this machine share, and that never goes backwards
/// (`CLOCK_MONOTONIC`): one process may say when something left, and another when it came.
pub fn monotonic_us() -> u64 {
    let mut now = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: `now` is a whole `timespec` and outlives the call.
    let told = unsafe { libc::clock_gettime(libc::CLOCK_MONOTONIC, &raw mut now) };
    checked(told).expect("every Linux has this clock");
    // Exact: time since the machine was started is not negative.
    now.tv_sec.cast_unsigned() * 1_000_000 + now.tv_nsec.cast_unsigned() / 1000
}

/// A timer that can be watched like a socket, for waits shorter than a millisecond: timerfd(2).
pub fn timer() -> io::Result<OwnedFd> {
    let flags = libc::TFD_NONBLOCK | libc::TFD_CLOEXEC;
    // SAFETY: no pointers.
    let timer = checked(unsafe { libc::timerfd_create(libc::CLOCK_MONOTONIC, flags) })?;
    // SAFETY: the descriptor is new and nobody else's.
    Ok(unsafe { OwnedFd::from_raw_fd(timer) })
}

/// Has `timer` go off when [`monotonic_us`] says `moment_us`; at once when that has passed.
pub fn set_timer(timer: &OwnedFd, moment_us: u64) -> io::Result<()> {
    let never = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    // Exact: a moment in seconds, and less than a second in nanoseconds.
    let once = libc::timespec {
        tv_sec: (moment_us / 1_000_000).cast_signed(),
        tv_nsec: (moment_us % 1_000_000 * 1000).cast_signed().max(1), // 0 would stop it.
    };
    let set = libc::itimerspec { it_interval: never, it_value: once };
    let (fd, flags) = (timer.as_raw_fd(), libc::TFD_TIMER_ABSTIME);
    // SAFETY: `set` is whole and outlives the call; the old setting is not asked for.
    let done = unsafe { libc::timerfd_settime(fd, flags, &raw const set, std::ptr::null_mut()) };
    checked(done).map(drop)
}

/// How many ticks a second has in `/proc`.
pub fn clock_ticks() -> u64 {
    // SAFETY: no pointers.
    u64::try_from(unsafe { libc::sysconf(libc::_SC_CLK_TCK) }).unwrap_or(100).max(1)
}

/// 64 random bits of the kernel's, getrandom(2). Waits until it has some, which it may not right
/// after a machine was started: bits that are the same at each start are what must not be.
pub fn random_bits() -> io::Result<u64> {
    let mut bytes = [0_u8; 8];
    // SAFETY: the kernel writes at most as many bytes as there are, and they outlive the call.
    let got =
        unsafe { libc::getrandom(bytes.as_mut_ptr().cast::<c_void>(), size_of_val(&bytes), 0) };
    match got {
        8 => Ok(u64::from_ne_bytes(bytes)), // 256 bytes and less come whole.
        _ => Err(io::Error::last_os_error()),
    }
}

/// A descriptor of our own for what `descriptor` stands for. Both share their position.
pub fn duplicate(descriptor: RawFd) -> io::Result<OwnedFd> {
    // SAFETY: no pointers; an error if nothing is open there, and a new descriptor otherwise.
    let new = checked(unsafe { libc::fcntl(descriptor, libc::F_DUPFD_CLOEXEC, 0) })?;
    // SAFETY: it is new and nobody else's.
    Ok(unsafe { OwnedFd::from_raw_fd(new) })
}

/// Has the allocator keep to this bound: larger blocks are the system's again as soon as they are
/// free. Only glibc's can be told; others have habits of their own.
pub fn tune_allocator(mapped_bytes_min: usize) {
    #[cfg(target_env = "gnu")]
    {
        let bytes = c_int::try_from(mapped_bytes_min).unwrap_or(c_int::MAX);
        // SAFETY: no pointers; the call takes the allocator's own lock.
        unsafe { libc::mallopt(libc::M_MMAP_THRESHOLD, bytes) };
    }
    #[cfg(not(target_env = "gnu"))]
    let _ = mapped_bytes_min;
}

/// Has the allocator give back what is free to the system, pages between blocks in use too.
pub fn give_back_memory() {
    #[cfg(target_env = "gnu")]
    // SAFETY: no pointers; the call takes the allocator's own locks.
    unsafe {
        libc::malloc_trim(0);
    }
}

fn bind<A>(socket: &OwnedFd, address: &A) -> io::Result<()> {
    // Exact: socket addresses are at most 28 bytes long.
    let length = size_of::<A>() as socklen_t;
    let address = (&raw const *address).cast::<libc::sockaddr>();
    // SAFETY: both callers give a `sockaddr_in` or `sockaddr_in6`, `length` is its size, and it
    // outlives the call.
    checked(unsafe { libc::bind(socket.as_raw_fd(), address, length) }).map(drop)
}

fn set_option<T>(socket: &impl AsRawFd, level: c_int, name: c_int, value: &T) -> io::Result<()> {
    // Exact: options are small.
    let length = size_of::<T>() as socklen_t;
    let value = std::ptr::from_ref(value).cast::<c_void>();
    // SAFETY: the kernel reads `length` bytes of `value`, which has as many; it, and all that it
    // points to, outlives the call.
    checked(unsafe { libc::setsockopt(socket.as_raw_fd(), level, name, value, length) }).map(drop)
}

/// Asks for an option of a socket, into `value`.
///
/// # Safety
///
/// Whatever bytes the kernel writes must be a value of `T`.
unsafe fn option<T>(
    socket: &impl AsRawFd,
    level: c_int,
    name: c_int,
    mut value: T,
) -> io::Result<T> {
    // Exact: options are small.
    let mut length = size_of::<T>() as socklen_t;
    let into = (&raw mut value).cast::<c_void>();
    // SAFETY: `into` has room for `length` bytes, and both outlive the call; the kernel writes no
    // more, and less when it is older than `T`.
    let returned =
        unsafe { libc::getsockopt(socket.as_raw_fd(), level, name, into, &raw mut length) };
    checked(returned).map(|_| value)
}

/// What a C function returned, as a `Result`.
fn checked(returned: c_int) -> io::Result<c_int> {
    if returned < 0 { Err(io::Error::last_os_error()) } else { Ok(returned) }
}

#[cfg(test)]
mod tests;
