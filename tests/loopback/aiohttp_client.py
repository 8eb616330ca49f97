"""WebSocket by Python's `aiohttp`, whose client cannot send fragments: `websockets` does that."""

import asyncio

from aiohttp import ClientSession, ClientTimeout, ClientWSTimeout, WSMsgType
from stage import STALL, WS, equal, tell


def over_a_socket(story):
    """Makes a fact of a story about one open socket."""

    def fact():
        asyncio.run(asyncio.wait_for(opened(story), 3 * STALL))

    fact.__name__ = story.__name__
    return fact


async def opened(story):
    # A session takes no proxy from the environment unless it is told to.
    async with ClientSession(timeout=ClientTimeout(total=3 * STALL)) as session:
        timeout = ClientWSTimeout(ws_receive=STALL, ws_close=STALL)
        # Without autoping, Pongs are seen here; the Pings to answer come after 25 s of silence.
        async with session.ws_connect(
            WS + "/news", timeout=timeout, autoping=False
        ) as peer:
            await story(peer)


@over_a_socket
async def aiohttp_is_echoed_text_and_binary(peer):
    for text in ["hello", "", "häßlich 😀", "a" * 125, "b" * 126, "c" * 65536]:
        await peer.send_str(text)
        equal(await peer.receive_str(), text)
    for data in [b"", b"\x00", bytes(range(256)), b"\xff" * 65536, b"text"]:
        await peer.send_bytes(data)
        equal(await peer.receive_bytes(), data)


@over_a_socket
async def aiohttp_is_echoed_a_mebibyte(peer):
    text, data = "m" * 2**20, b"\xfe" * 2**20
    await peer.send_str(text)
    assert await peer.receive_str() == text
    await peer.send_bytes(data)
    assert await peer.receive_bytes() == data


@over_a_socket
async def aiohttp_gets_pongs(peer):
    for data in [b"", b"are you there", b"x" * 125]:
        await peer.ping(data)
        answer = await peer.receive()
        equal((answer.type, answer.data), (WSMsgType.PONG, data))


@over_a_socket
async def aiohttp_gets_its_close_code_back(peer):
    assert await peer.close(code=4321, message=b"bye")
    equal(peer.close_code, 4321)


@over_a_socket
async def aiohttp_is_told_what_was_wrong(peer):
    await peer.send_frame(b"\xc3\x28", WSMsgType.TEXT)
    answer = await peer.receive()
    equal((answer.type, answer.data), (WSMsgType.CLOSE, 1007))
    assert "UTF-8" in answer.extra, answer.extra


tell(globals())
