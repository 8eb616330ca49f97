//! nginx, HAProxy and Caddy as child processes in front of a server, each on free ports of
//! 127.0.0.1.
//!
//! Came from: tests that ask through a reverse proxy. Goes to: the operating system. Absent on
//! purpose: what a setup is good for. `docs/deploy` has the one that we recommend, and
//! [`plain`] is what a tutorial would write; a test may bring its own.
#![allow(dead_code)] // Each test program uses its own part of this file.

use std::fs::{self, File};
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::thread;

use crate::foreign::missed;
use crate::server::{fresh_path, within};

/// From the start of a proxy to the first connection that it takes.
const START_MS_MAX: u64 = 60_000;
/// From SIGTERM to the end of a proxy; one that takes longer is killed.
const STOP_MS_MAX: u64 = 5_000;
/// Another process may take a port between our look at it and the proxy's own.
const TRIES: usize = 5;
/// Behind the last port that browsers and Node refuse to fetch from (Fetch, 2.9, "port blocking").
const FETCHED: u16 = 10_081;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Nginx,
    Haproxy,
    Caddy,
}

/// Where a proxy is to listen. Both are free ports; a setup need not use the second.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Ports {
    pub(crate) http: u16,
    pub(crate) https: u16,
}

/// A running proxy. Dropping it ends the process and waits for its end.
pub(crate) struct Proxy {
    kind: Kind,
    child: Child,
    ports: Ports,
    folder: PathBuf,
}

impl Kind {
    pub(crate) const ALL: [Kind; 3] = [Kind::Nginx, Kind::Haproxy, Kind::Caddy];

    /// What people call it.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Kind::Nginx => "nginx",
            Kind::Haproxy => "HAProxy",
            Kind::Caddy => "Caddy",
        }
    }

    /// What the shell calls it. `/usr/sbin` is in few people's `PATH`.
    fn program(self) -> Option<PathBuf> {
        let name = self.name().to_lowercase();
        let version = if self == Kind::Caddy { "version" } else { "-v" };
        let places = ["", "/usr/sbin/", "/usr/local/sbin/"];
        places.into_iter().map(|place| PathBuf::from(format!("{place}{name}"))).find(|program| {
            let mut command = Command::new(program);
            command.arg(version).stdin(Stdio::null()).stdout(Stdio::null());
            command.stderr(Stdio::null()).status().is_ok_and(|status| status.success())
        })
    }

    /// What stands around a setup, so that the process stays in front and within its folder.
    fn whole(self, setup: &str, folder: &Path) -> String {
        let folder = folder.display();
        match self {
            // The lines of Debian's nginx.conf that bear on what is passed on are here too.
            Kind::Nginx => format!(
                "daemon off;\nuser root root;\npid {folder}/pid;\nworker_processes 1;\n\
                 events {{ worker_connections 4096; }}\nhttp {{\n\
                 sendfile on;\ntcp_nopush on;\ngzip on;\naccess_log off;\n\
                 client_body_temp_path {folder}/body;\nproxy_temp_path {folder}/proxy;\n\
                 fastcgi_temp_path {folder}/fastcgi;\nuwsgi_temp_path {folder}/uwsgi;\n\
                 scgi_temp_path {folder}/scgi;\n{setup}}}\n"
            ),
            Kind::Haproxy => format!("global\n    maxconn 4096\n    nbthread 1\n\n{setup}"),
            Kind::Caddy => format!(
                "{{\n\tadmin off\n\tskip_install_trust\n\
                 \tauto_https disable_redirects\n\tdefault_bind 127.0.0.1\n\
                 \tstorage file_system {folder}\n}}\n\n{setup}"
            ),
        }
    }

    fn command(self, program: &Path, folder: &Path) -> Command {
        let file = folder.join("setup");
        let mut command = Command::new(program);
        match self {
            Kind::Nginx => command.arg("-p").arg(folder).arg("-c").arg(file).args(["-e", "stderr"]),
            Kind::Haproxy => command.arg("-db").arg("-f").arg(file),
            Kind::Caddy => {
                command.args(["run", "--adapter", "caddyfile", "--config"]).arg(file);
                command.env("HOME", folder).env("XDG_CONFIG_HOME", folder)
            }
        };
        command
    }
}

impl Proxy {
    /// With what a tutorial would write: one address passed on, and nothing said beyond that.
    pub(crate) fn plain(test: &str, kind: Kind, upstream: u16) -> Option<Self> {
        Self::start(test, kind, |ports| plain(kind, ports.http, upstream))
    }

    /// With the setup of `docs/deploy`, without TLS.
    pub(crate) fn ours(test: &str, kind: Kind, upstream: u16) -> Option<Self> {
        Self::start(test, kind, |ports| ours(kind, ports.http, upstream))
    }

    /// With the setup that `setup` makes for these ports; nothing but what is special to this
    /// machine is added. `None`, and a skip by name, where the proxy is not installed.
    pub(crate) fn start(test: &str, kind: Kind, setup: impl Fn(Ports) -> String) -> Option<Self> {
        let Some(program) = kind.program() else {
            return missed(test, kind.name());
        };
        let started = (0..TRIES).find_map(|_| Self::try_once(kind, &program, &setup));
        Some(started.unwrap_or_else(|| panic!("{} found no free port", kind.name())))
    }

    /// `None` when a port was taken meanwhile.
    fn try_once(kind: Kind, program: &Path, setup: impl Fn(Ports) -> String) -> Option<Self> {
        let ports = free_ports();
        let folder = fresh_path(&kind.name().to_lowercase());
        fs::create_dir_all(&folder).expect("the build's scratch directory is writable");
        let text = kind.whole(&setup(ports), &folder);
        fs::write(folder.join("setup"), text).expect("just made");
        let log = File::create(folder.join("log")).expect("just made");
        let child = kind
            .command(program, &folder)
            .stdin(Stdio::null())
            .stdout(log.try_clone().expect("a descriptor is left"))
            .stderr(log)
            .spawn()
            .expect("it told its version a moment ago");
        let mut proxy = Self { kind, child, ports, folder };
        let listens = within(START_MS_MAX, || {
            let ended = proxy.child.try_wait().expect("our child").is_some();
            let open = TcpStream::connect(("127.0.0.1", ports.http)).is_ok();
            (ended || open).then_some(open && !ended)
        });
        let log = proxy.log();
        match listens {
            Some(true) => Some(proxy),
            // HAProxy says "cannot bind", the others name the error.
            Some(false) if log.to_lowercase().contains("in use") || log.contains("annot bind") => {
                None
            }
            _ => panic!("{} does not listen:\n{log}", kind.name()),
        }
    }

    pub(crate) fn kind(&self) -> Kind {
        self.kind
    }

    /// Where it takes HTTP.
    pub(crate) fn port(&self) -> u16 {
        self.ports.http
    }

    /// Where it takes HTTPS, if its setup does.
    pub(crate) fn https_port(&self) -> u16 {
        self.ports.https
    }

    /// What it has said so far.
    pub(crate) fn log(&self) -> String {
        fs::read_to_string(self.folder.join("log")).unwrap_or_default()
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        // SIGTERM, since nginx ends its workers by itself and only when it is asked to.
        let process = self.child.id().to_string();
        let _ = Command::new("sh").args(["-c", "kill -s TERM \"$0\"", &process]).status();
        if within(STOP_MS_MAX, || self.child.try_wait().expect("our child")).is_none() {
            let _ = self.child.kill();
            let _ = self.child.wait();
        }
        if thread::panicking() {
            eprintln!("{} said:\n{}", self.kind.name(), self.log());
        }
        let _ = fs::remove_dir_all(&self.folder);
    }
}

/// What a tutorial would write.
pub(crate) fn plain(kind: Kind, port: u16, upstream: u16) -> String {
    match kind {
        Kind::Nginx => format!(
            "server {{\n    listen 127.0.0.1:{port};\n    location / {{\n        \
             proxy_pass http://127.0.0.1:{upstream};\n    }}\n}}\n"
        ),
        // The section `defaults` is that of Debian's haproxy.cfg; HAProxy asks for timeouts.
        Kind::Haproxy => format!(
            "defaults\n    mode http\n    timeout connect 5000\n    timeout client 50000\n    \
             timeout server 50000\n\nfrontend web\n    bind 127.0.0.1:{port}\n    \
             default_backend app\n\nbackend app\n    server app 127.0.0.1:{upstream}\n"
        ),
        Kind::Caddy => {
            format!("http://:{port} {{\n\treverse_proxy 127.0.0.1:{upstream}\n}}\n")
        }
    }
}

/// The setup of `docs/deploy`, at this port and for this server, without TLS.
pub(crate) fn ours(kind: Kind, port: u16, upstream: u16) -> String {
    let here = format!("127.0.0.1:{port}");
    let changes: &[(&str, &str)] = match kind {
        Kind::Nginx => &[
            ("    listen 80;\n    listen [::]:80;\n", &format!("    listen unix:closed-{port};\n")),
            ("listen 443 ssl http2;\n    listen [::]:443 ssl http2;", &format!("listen {here};")),
            ("    ssl_certificate /etc/ssl/certs/chat.example.pem;\n", ""),
            ("    ssl_certificate_key /etc/ssl/private/chat.example.key;\n", ""),
        ],
        Kind::Haproxy => &[
            ("bind :::80 v4v6", &format!("bind {here}")),
            ("    bind :::443 v4v6 ssl crt /etc/haproxy/chat.example.pem alpn h2,http/1.1\n", ""),
            ("    http-request redirect scheme https code 301 unless { ssl_fc }\n", ""),
        ],
        Kind::Caddy => &[("\nchat.example {", &format!("\nhttp://:{port} {{"))],
    };
    shipped(kind, upstream, changes)
}

/// The setup of `docs/deploy` for this server, with changes; each has to be one.
pub(crate) fn shipped(kind: Kind, upstream: u16, changes: &[(&str, &str)]) -> String {
    let file = match kind {
        Kind::Nginx => "docs/deploy/nginx.conf",
        Kind::Haproxy => "docs/deploy/haproxy.cfg",
        Kind::Caddy => "docs/deploy/Caddyfile",
    };
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(file);
    let text = fs::read_to_string(path).unwrap_or_else(|error| panic!("{file}: {error}"));
    let server = format!("127.0.0.1:{upstream}");
    let changes = changes.iter().copied().chain([("127.0.0.1:8080", &*server)]);
    changes.fold(text, |text, (from, to)| {
        assert!(text.contains(from), "{file} has no {from:?}");
        text.replace(from, to)
    })
}

/// Two ports that are free at this moment, and that nobody gets by chance until the proxy has them.
fn free_ports() -> Ports {
    Ports { http: free_port(), https: free_port() }
}

/// A port below those that the kernel gives to connections and to whoever binds port 0 (ip(7)):
/// with one of those, a stranger might answer in the place of a proxy that has not begun to listen.
fn free_port() -> u16 {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    let range = fs::read_to_string("/proc/sys/net/ipv4/ip_local_port_range").expect("Linux");
    let first = range.split_whitespace().next().and_then(|n| n.parse().ok()).expect("a port");
    let count = u32::from(u16::saturating_sub(first, FETCHED));
    let ports = (0..count).map(|_| {
        // Another process that does the same begins elsewhere.
        let n = std::process::id().wrapping_mul(64) + NEXT.fetch_add(1, Ordering::Relaxed);
        FETCHED + u16::try_from(n % count).expect("below a port")
    });
    // A machine may give all of them to anybody; then chance has to do.
    let bound = ports.chain([0]).find_map(|port| TcpListener::bind(("127.0.0.1", port)).ok());
    bound.expect("a port is free").local_addr().expect("it is bound").port()
}
