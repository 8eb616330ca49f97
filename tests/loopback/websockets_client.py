"""WebSocket by Python's `websockets`."""

import json

from stage import STALL, WS, equal, publish, tell
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import connect


def socket(path="/news", **options):
    # The library's proxy support would send loopback traffic wherever the environment says.
    return connect(WS + path, proxy=None, max_size=2**24, compression=None, **options)


def text_is_echoed():
    with socket() as peer:
        for text in ["hello", "", "häßlich 😀", "a" * 125, "b" * 126, "c" * 65536]:
            peer.send(text)
            equal(peer.recv(timeout=STALL), text)


def binary_is_echoed():
    with socket() as peer:
        for data in [b"", b"\x00", bytes(range(256)), b"\xff" * 65535, b"\xff" * 65536]:
            peer.send(data)
            equal(peer.recv(timeout=STALL), data)
        # Bytes that would be good text stay bytes.
        peer.send(b"text")
        equal(peer.recv(timeout=STALL), b"text")


def several_readers_see_the_same():
    peers = [socket() for _ in range(8)]
    for number, peer in enumerate(peers):
        peer.send(f"from {number}")
    publish("news", "by post")
    seen = [[peer.recv(timeout=STALL) for _ in range(9)] for peer in peers]
    equal(sorted(seen[0]), ["by post"] + [f"from {number}" for number in range(8)])
    for other in seen[1:]:
        equal(other, seen[0])
    for peer in peers:
        peer.close()


def a_mebibyte_goes_through():
    with socket() as sender, socket() as reader:
        for data in ["m" * 2**20, b"\xfe" * 2**20]:
            sender.send(data)
            for peer in (sender, reader):
                assert peer.recv(timeout=STALL) == data


def fragments_are_joined():
    with socket() as peer:
        peer.send(["one ", "", "two ", "three"])
        equal(peer.recv(timeout=STALL), "one two three")
        peer.send([b"\x00", b"\xff"] * 500)
        equal(peer.recv(timeout=STALL), b"\x00\xff" * 500)
        peer.send(["m" * 2**16] * 16)
        assert peer.recv(timeout=STALL) == "m" * 2**20


def pings_between_fragments_are_answered_at_once():
    with socket() as peer:

        def fragments():
            yield "one "
            # The message cannot go on before the Pong is here.
            assert peer.ping(b"in between").wait(STALL)
            yield "two"

        peer.send(fragments())
        equal(peer.recv(timeout=STALL), "one two")


def pings_are_answered():
    with socket() as peer:
        for data in [b"", b"are you there", b"x" * 125]:
            assert peer.ping(data).wait(STALL), data


def the_close_code_comes_back():
    for code in [1000, 1001, 3000, 4321]:
        peer = socket()
        peer.close(code, "bye")
        equal(peer.protocol.close_rcvd.code, code)
        assert not peer.protocol.close_rcvd_then_sent, "the server answered our Close"


def too_big_a_message_closes_with_1009():
    with socket() as peer:
        try:
            peer.send("x" * (2**20 + 1))
            peer.recv(timeout=STALL)
            raise AssertionError("the socket stayed open")
        except ConnectionClosed as closed:
            equal(closed.rcvd.code, 1009)


def deflate_is_not_agreed_when_it_is_off():
    with connect(WS + "/news", proxy=None, compression="deflate") as peer:
        assert "Sec-WebSocket-Extensions" not in peer.response.headers
        peer.send("plain")
        equal(peer.recv(timeout=STALL), "plain")


def the_json_dialect_tells_cursors_and_acknowledges():
    before = publish("news", "old")
    with socket(subprotocols=["tollway.v1"]) as peer:
        equal(peer.subprotocol, "tollway.v1")
        read = lambda: json.loads(peer.recv(timeout=STALL))
        equal(read(), {"next": before})

        peer.send(json.dumps({"ref": 7, "event": "greeting", "data": "hello"}))
        answers = [read(), read()]
        (acknowledged,) = [answer for answer in answers if "ref" in answer]
        (message,) = [answer for answer in answers if "data" in answer]
        equal(acknowledged["ref"], 7)
        equal(message, {"id": acknowledged["id"], "event": "greeting", "data": "hello"})

        peer.send(json.dumps({"ref": "b", "data": "/wD+", "encoding": "base64"}))
        answers = [read(), read()]
        (message,) = [answer for answer in answers if "data" in answer]
        equal((message["data"], message["encoding"]), ("/wD+", "base64"))

        peer.send(json.dumps({"ref": "c", "topic": "not a topic", "data": "x"}))
        refused = read()
        equal(refused["ref"], "c")
        assert refused["error"], refused


def a_socket_resumes_from_a_cursor():
    first = publish("news", "one")
    publish("news", "two")
    with socket(f"/news?since={first}") as peer:
        equal(peer.recv(timeout=STALL), "two")
        publish("news", "three")
        equal(peer.recv(timeout=STALL), "three")
    with socket("/news?since=earliest", subprotocols=["tollway.v1"]) as peer:
        frames = [json.loads(peer.recv(timeout=STALL)) for _ in range(4)]
        assert "next" in frames[0], frames[0]
        equal([frame["data"] for frame in frames[1:]], ["one", "two", "three"])
    with socket("/news?since=nowhere-7", subprotocols=["tollway.v1"]) as peer:
        frames = [json.loads(peer.recv(timeout=STALL)) for _ in range(3)]
        (gap,) = [frame["gap"] for frame in frames if "gap" in frame]
        equal(gap, {"from": "nowhere-7", "to": first, "reason": "epoch"})
        equal([frame["data"] for frame in frames if "data" in frame], ["one"])


tell(globals())
