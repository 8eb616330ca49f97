"""What every Python script here needs: where the server is, and which fact to tell.

Called as `script.py PORT FACT`; ends with status 0 when the fact holds. Standard library only, so
that each script shows one foreign library and nothing else.
"""

import json
import sys
import threading
import urllib.request

PORT = int(sys.argv[1])
HTTP = f"http://127.0.0.1:{PORT}"
WS = f"ws://127.0.0.1:{PORT}"
# A read that takes longer than this many seconds fails its fact.
STALL = 20


def tell(facts):
    """Runs the function that the command line names."""
    facts[sys.argv[2]]()


def publish(topic, data):
    """Publishes on a connection of its own; gives the id that the server acknowledged."""
    data = data if isinstance(data, bytes) else data.encode()
    request = urllib.request.Request(f"{HTTP}/{topic}", data=data, method="POST")
    with urllib.request.urlopen(request, timeout=STALL) as answer:
        assert answer.status == 201, answer.status
        return json.load(answer)["id"]


def beside(work, *arguments):
    """Starts `work` on a thread; the thread's `result()` waits, and raises what `work` raised."""
    return Beside(work, arguments)


class Beside:
    def __init__(self, work, arguments):
        self.value = self.error = None
        self.thread = threading.Thread(target=self.run, args=(work, arguments), daemon=True)
        self.thread.start()

    def run(self, work, arguments):
        try:
            self.value = work(*arguments)
        except BaseException as error:  # Raised again by `result`.
            self.error = error

    def result(self):
        self.thread.join(STALL)
        assert not self.thread.is_alive(), "took too long"
        if self.error:
            raise self.error
        return self.value


def equal(found, expected):
    assert found == expected, f"found {found!r:.500}, expected {expected!r:.500}"
