"""Polls by Python's `requests`, SSE by `sseclient-py` on top of it."""

import requests
from sseclient import SSEClient
from stage import HTTP, STALL, beside, equal, publish, tell


def session():
    it = requests.Session()
    it.trust_env = False  # No proxy for loopback, whatever the environment says.
    return it


def data_of(answer):
    return [message["data"] for message in answer.json()["messages"]]


def stream(path="/news", cursor=None):
    """Opens an event stream; the answer's head tells that the server has our place in the log."""
    headers = {"Accept": "text/event-stream"}
    if cursor:
        headers["Last-Event-ID"] = cursor
    answer = session().get(HTTP + path, headers=headers, stream=True, timeout=STALL)
    equal((answer.status_code, answer.headers["Content-Type"]), (200, "text/event-stream"))
    return SSEClient(answer)


def polls_move_a_cursor():
    client = session()
    # Nothing is there: the empty answer already hands out a cursor.
    answer = client.get(HTTP + "/news")
    equal((answer.status_code, answer.content), (204, b""))
    cursor = answer.headers["Last-Event-ID"]
    for number in range(20):
        publish("news", f"message {number}")
        answer = client.get(HTTP + "/news", params={"since": cursor})
        equal(data_of(answer), [f"message {number}"])
        tag = {"If-None-Match": answer.headers["ETag"]}
        again = client.get(HTTP + "/news", params={"since": cursor}, headers=tag)
        equal(again.status_code, 304)
        cursor = answer.json()["next"]
        equal(again.headers["Last-Event-ID"], cursor)


def long_polls_in_a_loop_miss_nothing():
    client = session()
    cursor = publish("news", "start")

    def follow():
        seen, since = [], cursor
        while len(seen) < 50:
            headers = {"Prefer": "wait=10"}
            answer = client.get(
                HTTP + "/news", params={"since": since}, headers=headers, timeout=STALL
            )
            if answer.status_code == 204:
                continue
            seen += data_of(answer)
            since = answer.json()["next"]
        return seen

    follower = beside(follow)
    expected = [f"message {number}" for number in range(50)]
    for data in expected:
        publish("news", data)
    equal(follower.result(), expected)


def sse_resumes_where_it_was():
    client = stream()
    publish("news", "one")
    event = next(client.events())
    equal((event.event, event.data), ("message", "one"))
    client.close()
    # Published while nobody listens.
    ids = [publish("news", data) for data in ("two", "three")]
    client = stream(cursor=event.id)
    events = client.events()
    seen = [next(events) for _ in range(2)]
    equal([(each.id, each.data) for each in seen], list(zip(ids, ("two", "three"))))
    last = publish("news", "four")
    event = next(events)
    equal((event.id, event.data), (last, "four"))
    client.close()


def sse_keeps_lines_and_names():
    client = stream()
    events = client.events()
    for data in ["a\nb", " leading space", ":colon", "data: inside", "tail\n", "ü😀"]:
        publish("news?event=myMsg", data)
        event = next(events)
        equal((event.event, event.data), ("myMsg", data))
    client.close()


def one_session_mixes_polls_and_publishes():
    client = session()
    for number in range(50):
        answer = client.post(HTTP + "/news", data=f"{number}")
        equal(answer.status_code, 201)
        place = answer.headers["Location"]
        equal(data_of(client.get(HTTP + place)), [f"{number}"])


tell(globals())
