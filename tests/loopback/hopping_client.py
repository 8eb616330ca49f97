"""One reader who changes technique after every message, with the cursor of the one before."""

import itertools
import json

import requests
from sseclient import SSEClient
from stage import HTTP, STALL, WS, beside, equal, publish, tell
from websockets.sync.client import connect

MESSAGES = 60

session = requests.Session()
session.trust_env = False  # No proxy for loopback, whatever the environment says.


def short_poll(cursor):
    answer = None
    # A short poll that comes too early brings nothing; it is asked again, as such clients do.
    for _ in range(10_000):
        answer = session.get(
            f"{HTTP}/hop", params={"since": cursor, "limit": 1}, timeout=STALL
        )
        if answer.status_code == 200:
            return of_poll(answer)
        equal(answer.headers["Last-Event-ID"], cursor)
    raise AssertionError("nothing came")


def long_poll(cursor):
    parameters = {"since": cursor, "limit": 1, "wait": 10}
    answer = session.get(f"{HTTP}/hop", params=parameters, timeout=STALL)
    equal(answer.status_code, 200)
    return of_poll(answer)


def of_poll(answer):
    body = answer.json()
    assert "gap" not in body, body
    (message,) = body["messages"]
    equal(body["next"], message["id"])
    return message["id"], message["data"]


def event_stream(cursor):
    headers = {"Accept": "text/event-stream", "Last-Event-ID": cursor}
    with session.get(f"{HTTP}/hop", headers=headers, stream=True, timeout=STALL) as answer:
        event = next(SSEClient(answer).events())
        equal(event.event, "message")
        return event.id, event.data


def websocket(cursor):
    url = f"{WS}/hop?since={cursor}"
    # With a bounded queue the library stops reading while messages lie in it unread, and so does not
    # see our answer to its Close frame before ten seconds are over.
    options = {"proxy": None, "max_queue": None, "subprotocols": ["tollway.v1"]}
    with connect(url, **options) as socket:
        equal(json.loads(socket.recv(timeout=STALL)), {"next": cursor})
        message = json.loads(socket.recv(timeout=STALL))
        return message["id"], message["data"]


def hopping_techniques_loses_and_repeats_nothing():
    cursor = session.get(f"{HTTP}/hop").headers["Last-Event-ID"]

    def publish_all():
        return [(publish("hop", str(number)), str(number)) for number in range(MESSAGES)]

    publisher = beside(publish_all)
    techniques = itertools.cycle([short_poll, long_poll, event_stream, websocket])
    seen = []
    for technique in itertools.islice(techniques, MESSAGES):
        seen.append(technique(cursor))
        cursor = seen[-1][0]
    equal(seen, publisher.result())


tell(globals())
