//! Whose request it is that a proxy brings: `Forwarded` (RFC 7239) and `X-Forwarded-For`.
//!
//! Either field is a list that each proxy adds to at the end: whom it has the request from. So the
//! list is read from the end, as far as the names on it are those of proxies that we trust; what
//! stands before that anybody may have written, and nobody looks at it.
//!
//! Came from: `conn::proxies`, with the lines of one field. Goes to: the same, node by node, the
//! last first. Absent on purpose: `by`, `host` and `proto`. Who may ask, and for which host, is
//! decided by `Host`, which a proxy passes on.

use std::net::{IpAddr, Ipv6Addr, SocketAddr};

use super::grammar::{cut_at_equals, is_token, parts};

/// Which of the three a proxy speaks. An operator says so: a proxy that adds to one of them passes
/// on the others as its client wrote them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ProxyHeader {
    /// `X-Forwarded-For`, as nginx, HAProxy, Caddy, Traefik and the balancers of clouds write it.
    #[default]
    XForwardedFor,
    /// `Forwarded`, RFC 7239.
    Forwarded,
    /// The PROXY protocol, before the first request.
    ProxyProtocol,
}

/// Whom a proxy has a request from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Node {
    /// Somebody with an address; the port is 0 when it is not told.
    At(SocketAddr),
    /// Somebody whom the proxy does not know, or does not tell: `unknown`, `_hidden`. RFC 7239 §6.
    Hidden,
}

/// An element is not what its field has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NodeMalformed;

type Nodes<'l> = Box<dyn Iterator<Item = Result<Node, NodeMalformed>> + 'l>;

impl ProxyHeader {
    /// The nodes of all lines of the field, the last first.
    pub fn nodes<'l>(self, lines: &'l [&'l [u8]]) -> Nodes<'l> {
        let lines = lines.iter().rev();
        let is_there = |element: &&[u8]| !element.is_empty();
        match self {
            Self::Forwarded => Box::new(lines.flat_map(move |line| {
                // Where an element begins depends on the quotes before it.
                let elements: Vec<&[u8]> = parts(line, b',').filter(is_there).collect();
                elements.into_iter().rev().map(of_element)
            })),
            Self::XForwardedFor => Box::new(lines.flat_map(move |line| {
                let elements = line.rsplit(|&byte| byte == b',').map(<[u8]>::trim_ascii);
                elements.filter(is_there).map(node)
            })),
            Self::ProxyProtocol => Box::new(std::iter::empty()),
        }
    }
}

/// `for=192.0.2.60;proto=http;by=203.0.113.43`, RFC 7239 §4. An element without `for` does not
/// tell.
fn of_element(element: &[u8]) -> Result<Node, NodeMalformed> {
    let mut found = None;
    for pair in parts(element, b';').filter(|pair| !pair.is_empty()) {
        let (name, value) = cut_at_equals(pair);
        let value = value_of(value).ok_or(NodeMalformed)?;
        if !is_token(name) {
            return Err(NodeMalformed);
        }
        if name.eq_ignore_ascii_case(b"for") && found.replace(node(value)?).is_some() {
            return Err(NodeMalformed); // §4: each parameter once.
        }
    }
    Ok(found.unwrap_or(Node::Hidden))
}

/// A token, or what is between quotes. No address needs an escape, and none is undone.
fn value_of(value: &[u8]) -> Option<&[u8]> {
    match value {
        [b'"', inner @ .., b'"'] => (!inner.contains(&b'"')).then_some(inner),
        token => is_token(token).then_some(token),
    }
}

/// An address, with a port behind it or without; RFC 7239 §6. Around IPv6 there are brackets where
/// a port may follow; `X-Forwarded-For` has it without as well.
fn node(text: &[u8]) -> Result<Node, NodeMalformed> {
    let text = str::from_utf8(text).map_err(|_| NodeMalformed)?;
    if let Ok(address) = text.parse::<IpAddr>() {
        return Ok(at(address, 0));
    }
    if let Some((address, behind)) = text.strip_prefix('[').and_then(|rest| rest.split_once(']')) {
        let address: Ipv6Addr = address.parse().map_err(|_| NodeMalformed)?;
        let port = match behind.strip_prefix(':') {
            Some(port) => port_of(port).ok_or(NodeMalformed)?,
            None if behind.is_empty() => 0,
            None => return Err(NodeMalformed),
        };
        return Ok(at(address.into(), port));
    }
    let (name, port) = match text.split_once(':') {
        Some((name, port)) => (name, port_of(port).ok_or(NodeMalformed)?),
        None => (text, 0),
    };
    let is_hidden = |byte: u8| byte.is_ascii_alphanumeric() || b"._-".contains(&byte);
    match name.as_bytes() {
        name if name.eq_ignore_ascii_case(b"unknown") => Ok(Node::Hidden),
        [b'_', rest @ ..] if !rest.is_empty() && rest.iter().copied().all(is_hidden) => {
            Ok(Node::Hidden)
        }
        _ => name.parse::<IpAddr>().map(|address| at(address, port)).map_err(|_| NodeMalformed),
    }
}

/// One to five digits, or a port that is not told: `_secret`.
fn port_of(text: &str) -> Option<u16> {
    if text.len() > 1 && text.starts_with('_') {
        let is_hidden = |byte: u8| byte.is_ascii_alphanumeric() || b"._-".contains(&byte);
        return text[1..].bytes().all(is_hidden).then_some(0);
    }
    let plain = (1..=5).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_digit());
    text.parse().ok().filter(|_| plain)
}

fn at(address: IpAddr, port: u16) -> Node {
    Node::At((address.to_canonical(), port).into())
}

#[cfg(test)]
mod tests;
