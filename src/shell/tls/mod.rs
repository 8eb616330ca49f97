//! TLS, spoken between the sockets and the broker, which does not know. RFC 8446, RFC 5246.
//!
//! `rustls` is driven without sockets: bytes go in and come out where the event loop has them, so
//! an idle connection owns keys and no buffer, and a request costs one `read` and one write, as
//! without.
//!
//! | file | what it knows |
//! | --- | --- |
//! | `certificates` | certificates and keys: read, judged, chosen by the name that is asked for |
//! | `settings` | versions, protocols, tickets: what all connections have in common |
//! | `renewal` | files that change while the server runs |
//! | `workbench` | what a thread does with what it read, and puts together what it writes |
//! | `session` | one connection: records in, plain bytes out, and back |
//! | `trust`, `channel` | the other end: what our clients trust, and their sockets |
//! | `parley` | the same without a socket |
//! | `own_pair` | a certificate for servers that this program starts for itself |
//!
//! Came from: `config`, with files. Goes to: `event_loop`, with sessions. Absent on purpose:
//! ciphers and handshakes, which are `rustls`'s; certificates of clients; HTTP/2.

pub mod certificates;
pub mod channel;
pub mod own_pair;
pub mod parley;
pub mod renewal;
pub mod session;
pub mod sessions;
pub mod settings;
pub mod trust;
pub mod workbench;
