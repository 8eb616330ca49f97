"""The standard library's TLS, `websockets` over it, and sslyze. Run as: PORT FACT CERTIFICATE."""

import http.client
import json
import ssl
import sys

PORT, FACT, CERTIFICATE = int(sys.argv[1]), sys.argv[2], sys.argv[3]


def trust():
    context = ssl.create_default_context(cafile=CERTIFICATE)
    # The certificate vouches for itself; stricter Pythons want an authority's.
    context.verify_flags &= ~getattr(ssl, "VERIFY_X509_STRICT", 0)
    return context


def connection(context=None):
    return http.client.HTTPSConnection("localhost", PORT, context=context or trust(), timeout=20)


def published(text):
    asked = connection()
    asked.request("POST", "/python", body=text)
    assert asked.getresponse().status == 201


def python_reads_by_all_techniques():
    from websockets.sync.client import connect

    stream = connection()
    stream.request("GET", "/python/sse")
    events = stream.getresponse()
    assert events.status == 200
    with connect(f"wss://localhost:{PORT}/python/ws", ssl=trust(), proxy=None) as socket:
        published("by Python")
        assert socket.recv(timeout=20) == "by Python"
        socket.send("and back")
        assert socket.recv(timeout=20) == "and back"
    lines = iter(events.readline, b"")
    assert any(line == b"data: by Python\n" for line in lines)
    poll = connection()
    for wait in ["", "?wait=5&since=earliest"]:
        poll.request("GET", "/python/poll" + wait)
        messages = json.load(poll.getresponse())["messages"]
        assert [message["data"] for message in messages] == ["by Python", "and back"]
    stream.close()


def python_takes_up_a_session_again():
    import socket

    for version in [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3]:
        context = trust()
        context.minimum_version = context.maximum_version = version
        session = None
        for n in range(3):
            plain = socket.create_connection(("127.0.0.1", PORT), timeout=20)
            with context.wrap_socket(plain, server_hostname="localhost", session=session) as tls:
                tls.sendall(b"GET /-/healthy HTTP/1.1\r\nHost: localhost\r\n\r\n")
                assert tls.recv(4096).startswith(b"HTTP/1.1 200 ")
                assert tls.session_reused == (n > 0), (version, n)
                session = tls.session


def sslyze_finds_no_weak_place():
    from sslyze import (
        ScanCommand,
        ScanCommandAttemptStatusEnum,
        Scanner,
        ServerNetworkLocation,
        ServerScanRequest,
    )

    asked = {
        ScanCommand.SSL_2_0_CIPHER_SUITES,
        ScanCommand.SSL_3_0_CIPHER_SUITES,
        ScanCommand.TLS_1_0_CIPHER_SUITES,
        ScanCommand.TLS_1_1_CIPHER_SUITES,
        ScanCommand.TLS_1_2_CIPHER_SUITES,
        ScanCommand.TLS_1_3_CIPHER_SUITES,
        ScanCommand.TLS_COMPRESSION,
        ScanCommand.TLS_1_3_EARLY_DATA,
        ScanCommand.TLS_FALLBACK_SCSV,
        ScanCommand.HEARTBLEED,
        ScanCommand.ROBOT,
        ScanCommand.OPENSSL_CCS_INJECTION,
        ScanCommand.SESSION_RENEGOTIATION,
        ScanCommand.SESSION_RESUMPTION,
    }
    location = ServerNetworkLocation(hostname="localhost", port=PORT, ip_address="127.0.0.1")
    scanner = Scanner()
    scanner.queue_scans([ServerScanRequest(server_location=location, scan_commands=asked)])
    [result] = scanner.get_results()
    found = result.scan_result
    assert found is not None, result.connectivity_error_trace

    def of(attempt):
        assert attempt.status == ScanCommandAttemptStatusEnum.COMPLETED, attempt.error_trace
        return attempt.result

    for old in ["ssl_2_0", "ssl_3_0", "tls_1_0", "tls_1_1"]:
        suites = of(getattr(found, old + "_cipher_suites"))
        assert not suites.accepted_cipher_suites, old
    for version in ["tls_1_2", "tls_1_3"]:
        suites = of(getattr(found, version + "_cipher_suites")).accepted_cipher_suites
        names = [suite.cipher_suite.name for suite in suites]
        print(version, names)
        assert names
        for name in names:
            # Keys that are thrown away, and ciphers that vouch for what they hide.
            assert "_GCM_" in name or "CHACHA20_POLY1305" in name, name
            assert version == "tls_1_3" or name.startswith("TLS_ECDHE_"), name
    assert not of(found.tls_compression).supports_compression
    assert not of(found.tls_1_3_early_data).supports_early_data
    assert not of(found.heartbleed).is_vulnerable_to_heartbleed
    assert not of(found.openssl_ccs_injection).is_vulnerable_to_ccs_injection
    assert "NOT_VULNERABLE" in of(found.robot).robot_result.name
    renegotiation = of(found.session_renegotiation)
    assert not renegotiation.is_vulnerable_to_client_renegotiation_dos
    resumption = of(found.session_resumption)
    print(resumption.session_id_resumption_result, resumption.tls_ticket_resumption_result)
    # By its number. Of tickets sslyze wants the same one again, and here each is given anew.
    assert resumption.session_id_resumption_result.name == "FULLY_SUPPORTED"


{name: fact for name, fact in globals().items() if callable(fact)}[FACT]()
