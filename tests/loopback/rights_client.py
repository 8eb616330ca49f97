"""Rights by Python's `requests` and `websockets`: bearer, cookie, ticket."""

import requests
from stage import HTTP, STALL, WS, equal, tell
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.sync.client import connect

BOTH = "both-rights-of-the-operator"
READER = "a-token-that-only-reads"


def session(token=None):
    it = requests.Session()
    it.trust_env = False  # No proxy for loopback, whatever the environment says.
    if token:
        it.headers["Authorization"] = f"Bearer {token}"
    return it


def a_bearer_reads_and_publishes_as_it_may():
    equal(session().get(HTTP + "/news").status_code, 401)
    equal(session(READER).post(HTTP + "/news", data="x").status_code, 403)
    equal(session(BOTH).post(HTTP + "/news", data="hello").status_code, 201)
    read = session(READER).get(HTTP + "/news")
    equal(read.json()["messages"][-1]["data"], "hello")


def a_cookie_counts_for_its_own_origin():
    client = session()
    client.cookies.set("tollway_token", BOTH)
    equal(client.get(HTTP + "/news").ok, True)
    own = {"Origin": HTTP}
    equal(client.post(HTTP + "/news", data="x", headers=own).status_code, 201)
    other = {"Origin": "https://evil.example"}
    equal(client.post(HTTP + "/news", data="x", headers=other).status_code, 403)
    equal(client.get(HTTP + "/news", headers=other).json()["code"], "cookie_foreign")
    equal(client.post(HTTP + "/news", data="x").json()["code"], "cookie_foreign")


def a_reader_on_a_websocket_may_not_publish():
    fields = {"Authorization": f"Bearer {READER}"}
    with connect(WS + "/news", additional_headers=fields, proxy=None) as socket:
        socket.send("x")
        try:
            socket.recv(timeout=STALL)
            raise AssertionError("it was taken")
        except ConnectionClosed as closed:
            equal(closed.rcvd.code, 1008)


def a_ticket_is_good_once():
    ticket = session(READER).post(HTTP + "/-/ticket").json()["ticket"]
    with connect(f"{WS}/news?ticket={ticket}", proxy=None):
        pass
    try:
        with connect(f"{WS}/news?ticket={ticket}", proxy=None):
            raise AssertionError("it was good twice")
    except InvalidStatus as refused:
        equal(refused.response.status_code, 401)


tell(globals())
