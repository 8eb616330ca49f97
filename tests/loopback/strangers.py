"""Strangers on real sockets: who reads slowly, and who is gone.

Python's own `socket`, so that the size of a receive buffer and the way in which a client leaves are
chosen here.
"""

import json
import socket
import time
import urllib.request

from stage import HTTP, PORT, publish, tell


def dial(buffer=None):
    client = socket.socket()
    if buffer:
        client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, buffer)
    client.settimeout(20)
    client.connect(("127.0.0.1", PORT))
    return client


def costs():
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
    assert closed("reset") == 1


tell(globals())
