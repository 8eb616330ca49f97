// WebSocket by Node's `ws`.

import assert from 'node:assert/strict';
import { once } from 'node:events';

import { Inbox, foreign, publish, tell, ws } from '../support/stage.mjs';

const WebSocket = foreign('ws');

/** An open socket whose messages come by `inbox`. */
async function open(path = '/news') {
  const socket = new WebSocket(ws + path, { perMessageDeflate: false });
  const inbox = new Inbox();
  socket.on('message', (data, binary) => inbox.push(binary ? data : data.toString()));
  await once(socket, 'open');
  return { socket, inbox };
}

async function ws_is_echoed_text_and_binary() {
  const { socket, inbox } = await open();
  for (const text of ['hello', '', 'häßlich 😀', 'x'.repeat(100_000)]) {
    socket.send(text);
    assert.equal(await inbox.next(), text);
  }
  for (const bytes of [Buffer.alloc(0), Buffer.from([0, 255]), Buffer.alloc(100_000, 254)]) {
    socket.send(bytes);
    assert.deepEqual(await inbox.next(), bytes);
  }
}

async function ws_is_echoed_a_mebibyte() {
  const { socket, inbox } = await open();
  const text = 'm'.repeat(2 ** 20);
  socket.send(text);
  assert.ok((await inbox.next()) === text);
  const bytes = Buffer.alloc(2 ** 20, 254);
  socket.send(bytes);
  assert.ok(bytes.equals(await inbox.next()));
}

async function ws_sends_fragments() {
  const { socket, inbox } = await open();
  // A code point of four bytes, cut in the middle, with a Ping in the gap.
  const bytes = Buffer.from('hé😀');
  socket.send(bytes.subarray(0, 4), { binary: false, fin: false });
  socket.ping('in between');
  assert.equal(String((await once(socket, 'pong'))[0]), 'in between');
  socket.send(bytes.subarray(4), { binary: false, fin: true });
  assert.equal(await inbox.next(), 'hé😀');

  const pieces = Array.from({ length: 64 }, (_, number) => Buffer.alloc(1000, number));
  pieces.forEach((piece, number) => {
    socket.send(piece, { binary: true, fin: number === pieces.length - 1 });
  });
  assert.deepEqual(await inbox.next(), Buffer.concat(pieces));
}

async function ws_gets_pongs_and_close_codes() {
  const { socket } = await open();
  for (const payload of ['', 'p', 'p'.repeat(125)]) {
    socket.ping(payload);
    assert.equal(String((await once(socket, 'pong'))[0]), payload);
  }
  socket.close(4001, 'bye');
  const [code] = await once(socket, 'close');
  assert.equal(code, 4001);

  const second = (await open()).socket;
  second.close();
  // A Close without a code is answered without one, which the interface calls 1005.
  assert.ok([1000, 1005].includes((await once(second, 'close'))[0]));
}

async function ws_readers_see_one_order() {
  const peers = await Promise.all(Array.from({ length: 6 }, () => open()));
  const messages = peers.length * 30;
  for (let round = 0; round < 30; round += 1) {
    peers.forEach(({ socket }, number) => socket.send(`${number}:${round}`));
  }
  const seen = await Promise.all(peers.map(({ inbox }) => inbox.take(messages)));
  for (const other of seen) assert.deepEqual(other, seen[0]);
  assert.equal(new Set(seen[0]).size, messages);
  for (let number = 0; number < peers.length; number += 1) {
    const own = seen[0].filter((text) => text.startsWith(`${number}:`));
    const sent = Array.from({ length: 30 }, (_, round) => `${number}:${round}`);
    assert.deepEqual(own, sent, 'what one socket sent stays in its order');
  }
  await publish('news', 'by post');
  for (const { inbox } of peers) assert.equal(await inbox.next(), 'by post');
}

await tell({
  ws_is_echoed_text_and_binary,
  ws_is_echoed_a_mebibyte,
  ws_sends_fragments,
  ws_gets_pongs_and_close_codes,
  ws_readers_see_one_order,
});
