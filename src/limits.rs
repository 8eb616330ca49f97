//! Every bound on what a stranger or an operator can make grow, in one file: value, unit in the
//! name, reason, precedent.
//!
//! Came from: RFCs, proxies' habits and measurements, named at each row. Goes to: every file that
//! keeps such a thing, or does such work. Constants are the defaults and the fixed bounds;
//! [`Limits`] holds those that an operator may turn by a flag. Absent on purpose: bounds that
//! follow from others (those are asserted); sizes that nobody outside can change, which stand
//! beside their use; and the bounds of `tollway compare`, which bind its own user.

mod shared;
mod stored;
mod turned;
mod worst_case;

pub use shared::*;
pub use stored::*;
pub use turned::Limits;
pub use worst_case::WorstCase;

/// Room for a request head, request line and all fields. nginx gives 8 KiB a line and 32 KiB in
/// all, Node 16 KiB in all, h11 16 KiB. Beyond: 431.
pub const HEAD_BYTES_MAX: usize = 16 * 1024;
/// Room for a request target. RFC 9112 §3 asks for 8,000 octets at least. Beyond: 414.
pub const TARGET_BYTES_MAX: usize = 8 * 1024;
/// What a request line may hold beside its target: two spaces, `HTTP/1.1`, CRLF, and 52 bytes of
/// method; the longest one registered, `UPDATEREDIRECTREF`, has 17. Beyond: 414, for an endless
/// method as well; the line is what that status is about.
pub const REQUEST_LINE_OVERHEAD_BYTES: usize = 64;
/// The least that `--max-head` may be: the smallest head that a browser's request fits in.
pub const HEAD_BYTES_MIN: usize = 1024;
/// A header of the PROXY protocol, TLVs included. Its authors advise 536 bytes; with the
/// certificate of a client it is longer. Beyond: the connection is closed.
pub const PROXY_HEADER_BYTES_MAX: usize = 4 * 1024;
/// Fields in a head. Apache's default is 100. Beyond: 431.
pub const HEAD_FIELDS_MAX: usize = 100;
/// Heads of polls and publishes that a thread keeps, with what they ask, and reads no more.
pub const FAMILIAR_MAX: usize = 64;
/// The longest such head. A browser's has 400 to 900 bytes.
pub const FAMILIAR_BYTES_MAX: usize = 1024;
/// A chunk-size line, extensions included. A size takes 16 digits at most; nobody we know sends
/// extensions. Beyond: 400.
pub const CHUNK_LINE_BYTES_MAX: usize = 256;
/// A trailer section after the last chunk; we read and drop it. Beyond: 431.
pub const TRAILER_BYTES_MAX: usize = 4 * 1024;
/// One message, published over HTTP or WebSocket. Centrifugo takes 64 KiB, uWebSockets 16 KiB,
/// nchan 1 MiB (nginx's body limit). Beyond: 413, a close of a raw WebSocket with 1009, an error
/// for the frame in `tollway.v1`.
pub const MESSAGE_BYTES_MAX: usize = 1024 * 1024;
/// The most that `--max-message` may be: escaped in JSON a message may grow sixfold, and the size
/// of an encoded one is kept in 32 bits. Redis takes strings of 512 MiB as well.
pub const MESSAGE_BYTES_CEILING: usize = 512 * 1024 * 1024;
/// Payload of a WebSocket control frame, RFC 6455 §5.5.
pub const CONTROL_BYTES_MAX: usize = 125;
/// Header of a WebSocket frame: 2 bytes, up to 8 of length, 4 of mask. RFC 6455 §5.2.
pub const FRAME_HEADER_BYTES_MAX: usize = 14;
/// A WebSocket message below this goes out uncompressed, whatever was agreed on. JSON of 64 bytes
/// compressed by itself does not shrink at all, of 128 by a sixth, for the same 13 µs.
pub const DEFLATE_BYTES_MIN: usize = 128;
/// The window, as a power of two, in which a client may refer back to its earlier compressed
/// messages: what a connection that has sent such messages keeps of them. 4 KiB brings JSON of
/// 120 bytes from 84 % to 27 % of its size; zlib's 32 KiB would bring it to 25 %.
pub const DEFLATE_CONTEXT_BITS: u8 = 12;
/// Name of an event (`event:` of SSE), in bytes.
pub const EVENT_BYTES_MAX: usize = 64;
/// Name of a topic, in bytes, after percent-decoding.
pub const TOPIC_BYTES_MAX: usize = 64;
/// Topics read over one connection. Centrifugo subscribes a client to 128 channels at most; here
/// they stand in the path of one request. Beyond: 400.
pub const TOPICS_PER_READER_MAX: usize = 32;
/// Topics that retain a message, in all. ntfy keeps 15,000, most servers as many as there is memory
/// for, which `--retain-bytes` bounds in any case. Beyond: 503 for a message to any other topic, an
/// error for the frame in `tollway.v1`, a close of a raw WebSocket with 1013; a topic whose last
/// message is dropped makes room. Each thread may go beyond by what it has on its way.
pub const TOPICS_MAX: usize = 1_000_000;
/// A cursor as a client sends it. Ours take 29 bytes at most; a foreign one is quoted in a gap.
pub const CURSOR_BYTES_MAX: usize = 64;
/// An `Idempotency-Key`. A UUID takes 36 bytes.
pub const IDEMPOTENCY_KEY_BYTES_MAX: usize = 128;
/// A `ref` of `tollway.v1`: the client's JSON, kept until it is answered. A UUID in quotes takes 38
/// bytes. Beyond: an error for that frame.
pub const REF_BYTES_MAX: usize = 256;
/// Messages of one WebSocket that are not in the log yet, and frames of `tollway.v1` that wait for
/// their answers: beyond, we read no further until the first is, and TCP pushes back. With
/// [`REF_BYTES_MAX`] it bounds what the frames hold.
pub const UNANSWERED_MAX: usize = 128;
/// What a frame of `tollway.v1` may hold beside the data: ref, topic, event and key with every
/// character escaped, the names likewise, and some white space.
pub const PUBLISH_OVERHEAD_BYTES: usize = 4 * 1024;
/// What one byte of data may take in JSON, at most: six bytes, as in `\u0041`; and in base64, where
/// three bytes of data are four such characters, eight.
pub const SPELLING_FACTOR: usize = 8;
/// A token, in the field, the cookie, or a flag. A JWT with a few patterns takes some hundred
/// bytes. Beyond: 401.
pub const TOKEN_BYTES_MAX: usize = 4 * 1024;
/// The least that a token of the operator's may have: 16 hexadecimal digits are 64 bits.
pub const TOKEN_BYTES_MIN: usize = 16;
/// The least that a secret of HS256 may have: RFC 7518 §3.2 asks for as many bits as the hash has.
pub const JWT_SECRET_BYTES_MIN: usize = 32;
/// Patterns of topics in one JWT: each frame that publishes may be held against all of them.
/// Beyond: 401.
pub const JWT_PATTERNS_MAX: usize = 64;
/// How long a ticket is good that was not used. A page opens its connection at once.
pub const TICKET_MS_MAX: u64 = 30_000;
/// Tickets that were given in the last 30 s, in all: each keeps what a token allows, 8 KiB at most.
/// Beyond: 503.
pub const TICKETS_MAX: usize = 16_384;
/// Tickets of one JWT that are not used yet, so that its holder does not take those of all others.
/// Beyond: 503.
pub const TICKETS_PER_JWT_MAX: usize = 16;
/// Keys remembered in all. Beyond, the address that has most of them gives up its oldest.
pub const IDEMPOTENCY_KEYS_MAX: usize = 65_536;
/// Keys remembered of one address. Beyond, its oldest goes.
pub const IDEMPOTENCY_KEYS_PER_ADDRESS_MAX: usize = 32_768;
/// Keys remembered of one topic. Beyond, the address that has most of them gives up its oldest.
pub const IDEMPOTENCY_KEYS_PER_TOPIC_MAX: usize = 16_384;
/// How long a key is remembered.
pub const IDEMPOTENCY_MS_MAX: u64 = 10 * 60 * 1000;

/// Messages in one poll answer: default and maximum of `?limit=`.
pub const POLL_MESSAGES_MAX: usize = 1000;
/// Bytes of messages in one poll answer. One message is always given, however long.
pub const POLL_BYTES_MAX: usize = 1024 * 1024;
/// A message that is longer is not encoded whole for the answer to a poll, but a piece at a time,
/// as the one before leaves.
pub const LONG_MESSAGE_BYTES: usize = 32 * 1024;
/// Data in such a piece; a multiple of three, for base64. Escaped, six times as much goes out.
pub const LONG_PIECE_BYTES: usize = 12 * 1024;

/// Messages retained per topic.
pub const HISTORY_MESSAGES: usize = 1000;
/// Bytes retained per topic, payload and [`MESSAGE_OVERHEAD_BYTES`] each.
pub const HISTORY_BYTES: usize = 8 * 1024 * 1024;
/// How long a message is retained. nchan: 1 h, ntfy: 12 h.
pub const HISTORY_AGE_MS: u64 = 60 * 60 * 1000;
/// Bytes retained in all topics, on all threads together: messages, topics, lists, and what
/// messages were encoded to. What can be made again goes first, then the oldest message of the
/// server.
pub const RETAIN_BYTES: usize = 256 * 1024 * 1024;
/// What an empty message costs in memory, so that a flood of them is bounded too.
pub const MESSAGE_OVERHEAD_BYTES: usize = 256;
/// What a retained message costs on each thread beside that, in the lists by topic and by age.
pub const ENTRY_OVERHEAD_BYTES: usize = 64;
/// What a topic that has messages costs on each thread: its name, its place, its list.
pub const TOPIC_OVERHEAD_BYTES: usize = 512;
/// This part of `--retain-bytes` is for what messages were encoded to, shared out among the
/// threads.
pub const RENDITIONS_SHARE: usize = 64;
/// What a thread keeps of that at least, so that all readers of the newest message share it.
pub const RENDITIONS_BYTES_MIN: usize = 512 * 1024;
/// Blocks of messages that fell off, kept for those that come: 32 KiB, and topics' names.
pub const MESSAGE_BLOCKS_KEPT: usize = 256;
/// Entries of messages long gone, beyond a quarter of those held, before a queue by age is swept.
pub const SWEPT_SLACK: usize = 1024;
/// Entries of such a queue that one step of sweeping goes through.
pub const SWEPT_BLOCK: usize = 128;
/// Groups in which a thread remembers the highest number that forgotten topics had, 8 bytes each:
/// topics can be invented without end, this memory does not grow. With more topics than groups a
/// reader is told of a gap that there may not have been.
pub const FORGOTTEN_GROUPS: usize = 1024;

/// Connections of one server; each thread has its share of the places. The process's descriptors
/// usually end first. Beyond: the longest idle connection of the thread makes room, or 503.
pub const CONNECTIONS_MAX: usize = 1_000_000;
/// Connections of one address, on all threads; 0: as many as there are places. An IPv6 /64 counts
/// as one address, the client behind a trusted proxy as itself. Off by default, since a whole
/// office or a mobile network may be one address; nginx and HAProxy have no default either. Facing
/// the internet, 100 is kind. Beyond: 429, and the connection is closed.
pub const CONNECTIONS_PER_ADDRESS_MAX: usize = 0;
/// Messages published in a second from one address, over all its connections; 0: no bound, for the
/// same reason as above. nginx's `limit_req` and ntfy's visitors are bounded in this way. Beyond:
/// 429 with `Retry-After`, an error for the frame in `tollway.v1`, a close of a raw WebSocket with
/// 1008.
pub const PUBLISHES_PER_SECOND_MAX: usize = 0;
/// Messages that an address may publish at once after it was silent; 0: a second's worth.
pub const PUBLISH_BURST: usize = 0;
/// Addresses whose rate of publishing is remembered. Beyond, those that were silent for longest are
/// forgotten, and have a full burst again.
pub const PUBLISHERS_MAX: usize = 65_536;
/// Connections that the kernel completes before we accept them, at each listening socket; capped
/// by `net.core.somaxconn`, which is 4,096 on today's Linux. nginx and Redis ask for 511, from when
/// that was 128. Beyond: the kernel lets a client try again.
pub const BACKLOG: i32 = 4096;
/// How long accepting rests when the kernel has no memory, or no descriptor even with the spare one
/// gone: the queue is still there, and asking it again at once would be a spin. nginx: 500 ms.
pub const ACCEPT_REST_MS: u64 = 100;
/// A thread complains once in this time, however many connections it refuses.
pub const COMPLAINT_MS: u64 = 1_000;
/// Threads of `--threads`, at most. One word of 64 bits tells which of them are concerned; and more
/// threads than cores only get in each other's way.
pub const THREADS_MAX: usize = 64;

/// From the first byte of a request to the end of its head. Beyond: 408. nginx: 60 s; a browser on
/// a bad line needs two round trips.
pub const HEAD_MS_MAX: u64 = 15_000;
/// From the end of the head to the end of the body, and from the first byte of a WebSocket message
/// to its last; more by as long as what has come of it would take at [`PROGRESS_BYTES_MIN`].
/// Beyond: 408, or a WebSocket close with 1008.
pub const BODY_MS_MAX: u64 = 60_000;
/// Bytes in a second that a body or a WebSocket message must come with, if it takes longer than
/// `--body-timeout`: so a byte now and then extends nothing for ever. Empty fragments, Pings and
/// Pongs are none of them.
pub const PROGRESS_BYTES_MIN: u64 = 512;
/// A kept-alive connection without a request. Longer than the 60 s after which nginx lets go of
/// its own, so that the proxy, not we, closes first.
pub const IDLE_MS_MAX: u64 = 75_000;
/// The longest wait of a long poll. Proxies in front give up after 60 s without a byte.
pub const WAIT_MS_MAX: u64 = 55_000;
/// The most of `--max-wait`: each long poll keeps its wait, in 16 bits.
pub const WAIT_MS_HIGH: u64 = 18 * 60 * 60 * 1000;
/// Output of which the peer has acknowledged nothing for this long, while the kernel has room for
/// no more. Looked at in quarters. Beyond: the connection is dropped.
pub const STALL_MS_MAX: u64 = 60_000;
/// Bytes of a record, or of a message of the handshake, that is not complete: a record has 16 KiB
/// and some, a first message that is longer than two nobody sends. Beyond: the connection ends.
pub const TLS_KEPT_BYTES_MAX: usize = 32 * 1024;
/// Bytes of the outbox that are enciphered at a time: two records. They wait beside the outbox
/// until the kernel has all of them; nginx enciphers one record at a time.
pub const TLS_PORTION_BYTES: usize = 32 * 1024;
/// Sessions of TLS 1.2 that clients without tickets may take up again. nginx has no such table
/// unless told to; beyond, the oldest are forgotten.
pub const TLS_SESSIONS_MAX: usize = 1024;
/// From one look at the files of certificates to the next.
pub const TLS_LOOK_MS: u64 = 1_000;
/// Silence after which SSE gets a comment (nothing was sent) and WebSocket a Ping (nothing came).
/// Proxies cut at 60 s.
pub const HEARTBEAT_MS: u64 = 25_000;
/// From our Ping to the peer's next byte.
pub const PONG_MS_MAX: u64 = 20_000;
/// From our Close frame to the peer's.
pub const CLOSE_MS_MAX: u64 = 5_000;
/// After our last byte: how long the peer may take to end its side, so that our last answer is not
/// lost to a reset.
pub const LINGER_MS_MAX: u64 = 2_000;

/// From the signal to the moment when whoever is still connected is cut. Kubernetes kills 30 s
/// after the signal, systemd 90 s.
pub const DRAIN_MS: u64 = 10_000;
/// The most that `--drain` may be.
pub const DRAIN_MS_MAX: u64 = 60 * 60 * 1000;
/// A drain begins with this time, or a tenth of it if that is less, in which publishers come to
/// their end and readers stay; a connection without a request is kept for so long, too, since a
/// request may be on its way.
pub const DRAIN_GRACE_MS_MAX: u64 = 1_000;
/// From one reader of a thread that takes leave to the next, at most: a few readers leave at once,
/// in human terms, and many are spread over the time that there is.
pub const DRAIN_GAP_MS_MAX: u64 = 50;

/// From one snapshot of the cost ledger to the next, for a client that watches it.
pub const SNAPSHOT_MS: u64 = 1_000;
/// Reports collected in a second. Whoever asks more often gets one that is a second old at most, or
/// waits for so long.
pub const REPORTS_PER_SECOND: usize = 8;
/// Connections that the kernel is asked about in one turn, for a report: half a millisecond.
pub const SAMPLES_PER_TURN: usize = 256;
/// Rows of the table of connections in one answer, unless fewer are asked for. NATS: 1,024.
pub const ROWS_MAX: usize = 1_000;
/// Tags of readers that a thread remembers what passed under: those charged last. The live page
/// uses four for each browser, so that 16 people can look at a thread at the same time.
pub const TAGS_MAX: usize = 64;
/// Tags that can be asked for at once.
pub const TAGS_ASKED_MAX: usize = 8;
/// Connections that ended, kept on each thread for the table.
pub const CLOSED_ROWS_MAX: usize = 256;

/// `retry:` of SSE is drawn from this base …
pub const RETRY_MS_MIN: u64 = 1_000;
/// … up to this, so that a restart does not bring every reader back in the same instant.
pub const RETRY_MS_MAX: u64 = 3_000;

/// Bytes of what is not complete yet, of all connections together: request heads and bodies,
/// WebSocket messages, inflated as far as they came, and what waits behind a request. Beyond: 503,
/// or a WebSocket close with 1013, for the connection that asks for more.
pub const UNFINISHED_BYTES_MAX: usize = 256 * 1024 * 1024;
/// A connection that holds no more than this may have the last quarter of that; what is longer has
/// three quarters.
pub const UNFINISHED_SHORT_BYTES: usize = 16 * 1024;
/// The least that `--max-unfinished` may be.
pub const UNFINISHED_BYTES_LEAST: usize = 1024 * 1024;
/// By so much a thread takes of that at a time, for its connections; …
pub const UNFINISHED_GRANT_BYTES: usize = 256 * 1024;
/// … of a small one by less: there are so many grants in it at least. A thread keeps two unused.
pub const UNFINISHED_GRANTS_MIN: usize = 256;
/// Read scratch of a thread: what one `read` can bring.
pub const READ_BYTES: usize = 64 * 1024;
/// Bytes read of one socket in one turn, before others have theirs.
pub const READ_BYTES_PER_TURN: usize = 256 * 1024;
/// Bytes kept unparsed of a connection that is waiting for something (a parked poll): beyond, we
/// stop reading and TCP pushes back.
pub const INBOX_BYTES_MAX: usize = 64 * 1024;
/// Bytes of the messages in a bundle, which many are told alike in one piece. Below what a write
/// places at once, so that nothing is copied that would not be sent soon.
pub const BUNDLE_BYTES_MAX: usize = 16 * 1024;
/// Messages in a bundle.
pub const BUNDLE_MESSAGES_MAX: usize = 64;
/// A longer message is in no bundle for subscribers: copying it would cost more than a segment of
/// its own. Two that are not longer fit into one, however they are encoded.
pub const BUNDLED_BYTES_MAX: usize = 1024;
/// Output queued on one connection beyond which its cursor stays where it is.
pub const OUTBOX_BYTES_HIGH: usize = 64 * 1024;
/// Segments of output queued on one connection beyond which its cursor stays where it is: a message
/// of two bytes costs time and memory too.
pub const OUTBOX_SEGMENTS_HIGH: usize = 1024;
/// Microseconds that a turn may take before the next one begins: reading, understanding, effects,
/// delivering and writing together, for all connections of a thread.
pub const TURN_US: u64 = 1_000;
/// Steps of a portion of deliveries: a step for each subscriber, and one for each
/// [`DELIVERY_STEP_BYTES`] or [`DELIVERY_STEP_SEGMENTS`] that it gets.
pub const DELIVERY_STEPS_PER_PORTION: usize = 64;
/// Bytes brought from the log to outboxes in one step of delivering.
pub const DELIVERY_STEP_BYTES: usize = 2048;
/// Messages brought from the log to outboxes in one step of delivering.
pub const DELIVERY_STEP_SEGMENTS: usize = 32;
/// Connections whose inbox is looked at again in one portion of work.
pub const LEFT_BEHIND_PER_PORTION: usize = 16;
/// Connections whose deadline is met in one turn.
pub const EXPIRIES_PER_TURN: usize = 1024;
/// Effects carried out before the time is looked at.
pub const EFFECTS_PER_PORTION: usize = 256;
/// Letters of the sequencer read in one portion of work, before readers are served.
pub const LETTERS_PER_PORTION: usize = 128;
/// Events fetched by one `epoll_wait`. More wait in the kernel, in the order in which they came.
/// nginx fetches 512.
pub const EVENTS_PER_TURN: usize = 1024;
/// Segments that one `writev` may gather. The kernel takes 1,024; the slices lie on the stack.
/// nginx gathers 64 as well.
pub const SLICES_MAX: usize = 64;
/// Connections accepted in one turn.
pub const ACCEPTS_PER_TURN: usize = 256;
/// Committed messages that a thread may not have read yet; beyond, no thread's publishes are
/// committed before it has.
pub const MAILBOX_LETTERS_MAX: usize = 65_536;
/// Committed messages for which a thread that has no reader of theirs is not woken; at so many it
/// is. Before it judges a request it reads them in any case.
pub const MAILBOX_PILE_LETTERS: usize = 256;
/// The same in bytes of the messages.
pub const MAILBOX_PILE_BYTES: usize = 256 * 1024;
/// Publishes of one thread that wait to be committed. Beyond: 503, or a WebSocket close with 1013.
pub const UNCOMMITTED_MAX: usize = 65_536;
/// Bytes of committed messages that a thread may not have read yet; beyond, no thread's publishes
/// are committed before it has. One is always taken, however long.
pub const MAILBOX_BYTES_MAX: usize = 64 * 1024 * 1024;
/// Bytes of publishes that wait to be committed, shared out among the threads. Beyond: 503, or a
/// WebSocket close with 1013, for the oldest.
pub const UNCOMMITTED_BYTES_MAX: usize = 64 * 1024 * 1024;
/// Effects that a thread's connections may ask for before they are carried out: beyond, no
/// connection of the thread is read, and TCP pushes back.
pub const EFFECTS_MAX: usize = 8192;
/// Bytes of publishes among them.
pub const EFFECTS_BYTES_MAX: usize = 8 * 1024 * 1024;
/// Entries that a queue keeps room for when a burst is over: it does not own its memory for ever.
pub const ROOM_KEPT: usize = 1024;
/// What a thread has let go of since memory was last given back to the system: beyond, it is asked
/// to take what is free.
pub const FREED_BYTES_MIN: usize = 4 * 1024 * 1024;
/// From one time that memory is given back to the next, on each thread.
pub const GIVE_BACK_MS: u64 = 1_000;
/// A block of at least this many bytes is the system's again as soon as it is free. The allocator
/// would raise this to 32 MiB by itself, and keep what lies below.
pub const MAPPED_BYTES_MIN: usize = 512 * 1024;
/// Bytes of a file read into memory at a time.
pub const FILE_CHUNK_BYTES: usize = 64 * 1024;
/// How often a file is opened that somebody renames meanwhile: openat2(2) gives `EAGAIN` then, and
/// how long that goes on is not ours to say. Beyond: 404.
pub const OPEN_TRIES_MAX: usize = 4;
/// Links that lead to links, on the way to the file of `--port-file`: as many as
/// `path_resolution(7)` allows.
pub const LINKS_MAX: usize = 40;
/// Lines of the log that wait for its reader, in bytes: some thousand requests. Beyond: lines are
/// dropped, and their number is told in their place.
pub const OUTPUT_BYTES_MAX: usize = 256 * 1024;
/// At the end: how long the reader of the log may take for what is still to be told. At the start:
/// how long the greeting may take to be worded, and then to be written, before we serve without.
pub const OUTPUT_FLUSH_MS_MAX: u64 = 500;
/// Origins whose refusal the log tells, each once. Beyond: one line says that no more are told.
pub const ORIGINS_LOGGED_MAX: usize = 64;
/// The kernel's send buffer of one connection may hold this much that is not yet sent. Unbounded, a
/// loopback socket took 3.9 MB of a reader that never read.
pub const NOTSENT_BYTES_MAX: u32 = 16 * 1024;
/// Beyond the moment at which a peer is given up as stalled, a quarter of `--stall-timeout` too
/// late: how much longer the kernel keeps bytes that a peer does not acknowledge, of connections
/// that we have closed too. Without it: for minutes.
pub const UNACKNOWLEDGED_MS_MORE: u64 = 3_000;

const _: () = assert!(TARGET_BYTES_MAX < HEAD_BYTES_MAX && HEAD_BYTES_MIN <= HEAD_BYTES_MAX);
const _: () = assert!(MESSAGE_BYTES_MAX <= MESSAGE_BYTES_CEILING);
const _: () = assert!(HISTORY_BYTES >= MESSAGE_BYTES_MAX + MESSAGE_OVERHEAD_BYTES);
const _: () = assert!(RETAIN_BYTES >= HISTORY_BYTES);
const _: () = assert!(INBOX_BYTES_MAX >= HEAD_BYTES_MAX);
const _: () = assert!(UNFINISHED_BYTES_MAX >= 4 * MESSAGE_BYTES_MAX);
const _: () = assert!(LONG_PIECE_BYTES.is_multiple_of(3));
const _: () = assert!(INBOX_BYTES_MAX >= PROXY_HEADER_BYTES_MAX);
const _: () = assert!(IDEMPOTENCY_KEYS_PER_TOPIC_MAX < IDEMPOTENCY_KEYS_PER_ADDRESS_MAX);
const _: () = assert!(IDEMPOTENCY_KEYS_PER_ADDRESS_MAX < IDEMPOTENCY_KEYS_MAX);
const _: () = assert!(IDLE_MS_MAX > WAIT_MS_MAX);
const _: () = assert!(HEARTBEAT_MS + PONG_MS_MAX < 60_000);
const _: () = assert!(RETRY_MS_MIN < RETRY_MS_MAX);
const _: () = assert!(TOKEN_BYTES_MAX < HEAD_BYTES_MAX);
// `\u0000` is the longest spelling of a character of one byte.
const _: () = assert!(PUBLISH_OVERHEAD_BYTES > REF_BYTES_MAX + 6 * MEMBER_BYTES_MAX + 6 * 256);
const MEMBER_BYTES_MAX: usize = TOPIC_BYTES_MAX + EVENT_BYTES_MAX + IDEMPOTENCY_KEY_BYTES_MAX;
