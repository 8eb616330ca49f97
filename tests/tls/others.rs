//! Clients that others wrote, and what a program thinks that looks for weak places.

use crate::foreign::{self, Foreign};
use crate::pairs::{Pair, for_threads, server, text};

#[test]
fn openssl_agrees_on_both_versions_and_on_no_older_one() {
    let Some(openssl) = Foreign::openssl("openssl_agrees_on_both_versions_and_on_no_older_one")
    else {
        return;
    };
    for_threads(&[], |server, pair| {
        let at = format!("127.0.0.1:{}", server.port());
        let root = text(&pair.certificate);
        let told = |version: &str| {
            let flags = ["s_client", "-connect", &at, "-CAfile", root, version, "-ign_eof"];
            let request =
                b"GET /-/healthy HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n";
            let outcome = openssl.outcome(&flags, request);
            String::from_utf8_lossy(&outcome.stdout).into_owned() + &outcome.stderr
        };
        for (version, name) in [("-tls1_2", "TLSv1.2"), ("-tls1_3", "TLSv1.3")] {
            let said = told(version);
            assert!(said.contains("Verify return code: 0 (ok)"), "{said}");
            assert!(said.contains(&format!("New, {name}, Cipher is ")), "{said}");
            assert!(said.contains("\nok\n"), "{said}");
        }
        for version in ["-tls1", "-tls1_1"] {
            let said = told(version);
            assert!(said.contains("Cipher is (NONE)") && !said.contains("\nok\n"), "{said}");
        }
    });
}

#[test]
fn curl_publishes_and_reads_and_uses_one_connection() {
    let Some(curl) = Foreign::curl("curl_publishes_and_reads_and_uses_one_connection") else {
        return;
    };
    for_threads(&[], |server, pair| {
        let root = text(&pair.certificate);
        let url = |path: &str| format!("https://localhost:{}{path}", server.port());
        let run =
            |arguments: &[&str]| curl.run(&[&["--cacert", root, "--ipv4"], arguments].concat());
        assert!(run(&["-d", "by curl", &url("/curl")]).contains("\"id\""));
        let twice = [&url("/curl/poll")[..], &url("/curl/poll")];
        let said =
            run(&[&["--write-out", "\n%{num_connects} %{http_version}\n"], &twice[..]].concat());
        assert_eq!(said.matches("\"data\":\"by curl\"").count(), 2, "{said}");
        assert!(said.contains("\n1 1.1\n") && said.contains("\n0 1.1\n"), "{said}");
        let outcome = curl.outcome(&["--ipv4", &url("/curl/poll")], b"");
        assert!(!outcome.success && outcome.stderr.contains("certificate"), "{}", outcome.stderr);
    });
}

/// Runs the function of that name in the script.
fn tell_python(fact: &str, modules: &[&str], script: &str) {
    let Some(python) = Foreign::python(fact, modules, script) else {
        return;
    };
    for_threads(&[], |server, pair| {
        let said = python.run(&[&server.port().to_string(), fact, text(&pair.certificate)]);
        print!("{said}");
    });
}

#[test]
fn python_reads_by_all_techniques() {
    tell_python("python_reads_by_all_techniques", &["ssl", "websockets"], "tls/python_client.py");
}

#[test]
fn python_takes_up_a_session_again() {
    tell_python("python_takes_up_a_session_again", &["ssl"], "tls/python_client.py");
}

#[test]
fn sslyze_finds_no_weak_place() {
    tell_python("sslyze_finds_no_weak_place", &["sslyze"], "tls/python_client.py");
}

#[test]
fn node_reads_by_all_techniques() {
    let fact = "node_reads_by_all_techniques";
    let Some(node) = Foreign::node(fact, &["ws"], "tls/node_client.mjs") else {
        return;
    };
    for_threads(&[], |server, pair| {
        node.run(&[&server.port().to_string(), text(&pair.certificate)]);
    });
}

#[test]
fn chromium_shows_the_live_page_and_reads_by_all_techniques() {
    let fact = "chromium_shows_the_live_page_and_reads_by_all_techniques";
    let Some(chromium) = foreign::chromium(fact) else {
        return;
    };
    let Some(node) = Foreign::node(fact, &["playwright-core"], "tls/chromium.mjs") else {
        return;
    };
    let pair = Pair::of(&["localhost", "127.0.0.1"]);
    let server = server(&pair, &["--threads", "2"]);
    // A browser that permits this key and no other.
    let port = server.port().to_string();
    node.run(&[&port, &chromium, text(&pair.certificate)]);
}
