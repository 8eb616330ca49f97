"""Strangers on real sockets: who reads slowly, who is gone, who takes more than a share.

Python's own `socket`, so that the size of a receive buffer, the address that a client comes from and
the way in which it leaves are chosen here.
"""

import json
import socket
import struct
import time

from stage import HTTP, PORT, publish, tell


def dial(source="127.0.0.1", buffer=None):
    client = socket.socket()
    if buffer:
        client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, buffer)
    client.settimeout(20)
    client.bind((source, 0))
    client.connect(("127.0.0.1", PORT))
    return client


def ask(client, request):
    """The status and the head of one answer; its body is left out."""
    client.sendall(request.encode())
    got = b""
    while b"\r\n\r\n" not in got:
        more = client.recv(65536)
        if not more:
            return None, ""
        got += more
    head, body = got.split(b"\r\n\r\n", 1)
    fields = dict(line.lower().split(": ", 1) for line in head.decode().split("\r\n")[1:])
    length = int(fields.get("content-length", 0))
    while len(body) < length:
        body += client.recv(65536)
    return int(head.split()[1]), fields


def post(client, topic="news", fields=""):
    return ask(client, f"POST /{topic} HTTP/1.1\r\nHost: a\r\n{fields}Content-Length: 1\r\n\r\nx")


def get(client, path, fields=""):
    return ask(client, f"GET {path} HTTP/1.1\r\nHost: a\r\n{fields}\r\n")


def costs():
    import urllib.request

    with urllib.request.urlopen(f"{HTTP}/-/costs", timeout=20) as answer:
        return json.load(answer)


def closed(reason):
    rows = costs()["techniques"].values()
    return sum(row["connections"]["closed"].get(reason, 0) for row in rows)


def eventually(holds):
    for _ in range(400):
        if holds():
            return
        time.sleep(0.05)
    raise AssertionError("it never came to be")


def slow_reader():
    """A reader whose kernel is full, and who has more to read than it will."""
    for _ in range(30):
        publish("big", b"z" * 30_000)
    client = dial(buffer=4096)
    client.sendall(b"GET /big/poll HTTP/1.1\r\nHost: a\r\n\r\n" * 8)
    return client


def a_reader_of_few_bytes_a_second_is_kept():
    client = slow_reader()
    for _ in range(32):
        time.sleep(0.25)
        assert len(client.recv(512)) == 512
    assert closed("stalled") == 0, "eight seconds, of a --stall-timeout of four"


def a_reader_that_takes_nothing_is_dropped():
    client = slow_reader()
    eventually(lambda: closed("stalled") == 1)
    client.close()


def a_client_that_leaves_behind_a_full_inbox_frees_its_place():
    client = dial()
    client.sendall(b"GET /news/poll?wait=50 HTTP/1.1\r\nHost: a\r\n\r\n")
    client.setblocking(False)
    more = b"GET /-/healthy HTTP/1.1\r\nHost: a\r\n\r\n" * 1000
    quiet = 0
    while quiet < 20:  # Until the kernel takes no more, and has not for a second.
        try:
            client.send(more)
            quiet = 0
        except BlockingIOError:
            time.sleep(0.05)
            quiet += 1
    parked = lambda: costs()["techniques"]["long_poll"]["parked"]
    assert parked() == 1
    client.close()
    eventually(lambda: parked() == 0)
    # Each thread may answer with a report of its own that is up to a second old.
    eventually(lambda: closed("reset") == 1)


def an_address_has_so_many_connections():
    first = [dial() for _ in range(3)]
    assert all(get(client, "/-/healthy")[0] == 200 for client in first)
    status, fields = get(dial(), "/-/healthy")
    assert (status, fields["connection"]) == (429, "close") and int(fields["retry-after"]) > 0
    other = dial("127.0.0.2")
    assert get(other, "/-/healthy")[0] == 200, "another address"
    shared = get_json(other, "/-/costs")["shared"]
    assert shared["refused_by_address"] == 1, shared
    first.pop().close()

    def is_served():
        client = dial()
        served = get(client, "/-/healthy")[0] == 200
        client.close()
        return served

    eventually(is_served)


def get_json(client, path):
    client.sendall(f"GET {path} HTTP/1.1\r\nHost: a\r\n\r\n".encode())
    got = b""
    while True:
        got += client.recv(65536)
        head, _, body = got.partition(b"\r\n\r\n")
        for line in head.split(b"\r\n"):
            if line.lower().startswith(b"content-length: ") and len(body) >= int(line[16:]):
                return json.loads(body)


def an_address_publishes_so_fast():
    clients = [dial() for _ in range(4)]
    statuses = [post(client)[0] for client in clients * 5]
    taken = statuses.count(201)
    assert taken >= 5 and statuses.count(429) == 20 - taken > 0, statuses
    status, fields = post(clients[0])
    while status == 201:
        status, fields = post(clients[0])
    assert status == 429 and 1 <= int(fields["retry-after"]) <= 2
    assert post(dial("127.0.0.2"))[0] == 201, "another address"
    time.sleep(int(fields["retry-after"]))
    assert post(clients[0])[0] == 201, "it waited for as long as it was told"


def the_longest_idle_makes_room():
    clients = [dial() for _ in range(4)]
    for client in clients:
        assert get(client, "/-/healthy")[0] == 200
    newcomer = dial()
    assert get(newcomer, "/-/healthy")[0] == 200
    assert clients[0].recv(1) == b"", "the first to have been idle"
    assert all(get(client, "/-/healthy")[0] == 200 for client in clients[1:])


def ports_of_clients(client):
    rows = get_json(client, "/-/connections")["connections"]
    return [row["peer"] for row in rows]


def the_proxy_protocol_names_the_client():
    clients = [dial(), dial()]
    clients[0].sendall(b"PROXY TCP4 192.0.2.1 198.51.100.1 56324 443\r\n")
    v2 = b"\r\n\r\n\0\r\nQUIT\n\x21\x11" + struct.pack(">H", 12)
    v2 += socket.inet_aton("192.0.2.2") + socket.inet_aton("198.51.100.1")
    clients[1].sendall(v2 + struct.pack(">HH", 56325, 443))
    for client in clients:
        assert get(client, "/-/healthy")[0] == 200
    peers = ports_of_clients(clients[0])
    assert {"192.0.2.1:56324", "192.0.2.2:56325"} <= set(peers), peers
    naked = dial()
    assert get(naked, "/-/healthy")[0] is None, "no header, no answer"


tell(globals())
