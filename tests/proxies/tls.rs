//! The setups of `docs/deploy` whole, with TLS, and with a certificate that is made for the test.

use std::fs;
use std::path::PathBuf;
use std::process::{Command, Stdio};

use crate::foreign::{self, Foreign, missed};
use crate::http::{Wire, publish};
use crate::proxies::{Kind, Ports, Proxy, shipped};
use crate::server::{Server, fresh_path};

/// A certificate for this machine and its key, each in a file, and both in one.
struct Certificate {
    folder: PathBuf,
}

impl Certificate {
    /// Made by `openssl`, or a skip.
    fn make(test: &str) -> Option<Self> {
        let folder = fresh_path("certificate");
        fs::create_dir_all(&folder).expect("the scratch directory is writable");
        let made = Command::new("openssl")
            .args(["req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1"])
            .args(["-nodes", "-days", "2", "-subj", "/CN=localhost"])
            .args(["-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1"])
            .args(["-keyout", "key", "-out", "certificate"])
            .current_dir(&folder)
            .stdin(Stdio::null())
            .stderr(Stdio::null())
            .status();
        if !made.is_ok_and(|status| status.success()) {
            return missed(test, "openssl");
        }
        let [certificate, key] = ["certificate", "key"]
            .map(|name| fs::read(folder.join(name)).expect("openssl has written it"));
        fs::write(folder.join("both"), [certificate, key].concat()).expect("just made");
        Some(Self { folder })
    }

    fn path(&self, name: &str) -> String {
        self.folder.join(name).to_str().expect("a tree in a path of UTF-8").to_owned()
    }
}

impl Drop for Certificate {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.folder);
    }
}

/// The setup of `docs/deploy` with these ports, this certificate and this server.
fn setup(kind: Kind, ports: Ports, certificate: &Certificate, upstream: u16) -> String {
    let Ports { http, https } = ports;
    let (public, key) = (certificate.path("certificate"), certificate.path("key"));
    match kind {
        Kind::Nginx => shipped(
            kind,
            upstream,
            &[
                // Traffic of tests stays on loopback, which need not have an address of IPv6.
                ("    listen [::]:80;\n", ""),
                ("    listen [::]:443 ssl http2;\n", ""),
                ("listen 80;", &format!("listen 127.0.0.1:{http};")),
                ("listen 443 ssl http2;", &format!("listen 127.0.0.1:{https} ssl http2;")),
                ("/etc/ssl/certs/chat.example.pem", &public),
                ("/etc/ssl/private/chat.example.key", &key),
            ],
        ),
        Kind::Haproxy => shipped(
            kind,
            upstream,
            &[
                ("bind :::80 v4v6", &format!("bind 127.0.0.1:{http}")),
                ("bind :::443 v4v6", &format!("bind 127.0.0.1:{https}")),
                ("/etc/haproxy/chat.example.pem", &certificate.path("both")),
            ],
        ),
        // A site that is no public name says what its certificate is. The redirect that Caddy makes
        // for a site by itself is for port 80.
        Kind::Caddy => {
            let site = format!("\nhttps://localhost:{https} {{\n\ttls {public} {key}");
            let redirect = format!("http://:{http} {{\n\tredir https://{{host}}{{uri}} 301\n}}\n");
            shipped(kind, upstream, &[("\nchat.example {", &site)]) + &redirect
        }
    }
}

fn all_lanes_over_tls(kind: Kind, test: &str) {
    let Some(certificate) = Certificate::make(test) else {
        return;
    };
    let server = Server::start(&["--threads", "2"]);
    let start = Proxy::start(test, kind, |ports| setup(kind, ports, &certificate, server.port()));
    let Some(proxy) = start else {
        return;
    };
    let mut plain = Wire::open(proxy.port());
    plain.send("GET /news HTTP/1.1\r\nHost: chat.example\r\n\r\n");
    let answer = plain.answer();
    assert_eq!(answer.status, 301);
    assert_eq!(answer.field("location"), Some("https://chat.example/news"));

    let at = |path: &str| format!("https://localhost:{}{path}", proxy.https_port());
    let trusted = certificate.path("certificate");
    if let Some(curl) = Foreign::curl(test) {
        let curl = |more: &[&str]| curl.run(&[&["--cacert", &trusted], more].concat());
        let version = ["--write-out", "%{http_version}", "--output", "/dev/null"];
        let told = curl(&[&version[..], &["--data", "one", &at("/news")]].concat());
        assert_eq!(told, "2", "HTTP/2, so that a browser needs one connection");
        assert!(curl(&[&at("/news/poll?wait=5&since=earliest")]).contains(r#""data":"one""#));
    }
    if let Some(curl) = Foreign::curl(test) {
        let events = curl.start(&["--cacert", &trusted, "-N", &at("/news/sse")]);
        assert!(events.block().iter().any(|line| line.starts_with("retry: ")));
        publish(server.port(), "news", "two");
        assert!(events.block().contains(&"data: two".to_owned()));
    }
    // The page takes all four, and publishes; its WebSocket is one over TLS as well.
    let Some(chromium) = foreign::chromium(test) else {
        return;
    };
    if let Some(node) = Foreign::node(test, &["playwright-core"], "proxies/page.mjs") {
        let port = proxy.https_port().to_string();
        node.run(&[&port, "the_page_reads_and_publishes_over_tls", &chromium]);
    }
}

crate::lanes::facts! {
    all_lanes_over_tls
}
