// The WebSocket that is built into Node: the browsers' interface without a browser. It can send no
// fragments and no Pings; what it does with Pings shows in the server's figures.

import assert from 'node:assert/strict';
import { once } from 'node:events';

import { Inbox, ponged, tell, ws } from '../support/stage.mjs';

/** An open socket whose messages come by `inbox`. */
async function open() {
  const socket = new WebSocket(`${ws}/news`);
  socket.binaryType = 'arraybuffer';
  const inbox = new Inbox();
  socket.onmessage = ({ data }) => inbox.push(data);
  await once(socket, 'open');
  return { socket, inbox };
}

async function builtin_is_echoed_text_and_binary() {
  const { socket, inbox } = await open();
  for (const text of ['hello', '', 'häßlich 😀', 'x'.repeat(65_536)]) {
    socket.send(text);
    assert.equal(await inbox.next(), text);
  }
  for (const bytes of [Buffer.alloc(0), Buffer.from([0, 255]), Buffer.alloc(65_536, 254)]) {
    socket.send(bytes);
    const echo = await inbox.next();
    assert.ok(echo instanceof ArrayBuffer);
    assert.deepEqual(Buffer.from(echo), bytes);
  }
}

async function builtin_is_echoed_a_mebibyte() {
  const { socket, inbox } = await open();
  const text = 'm'.repeat(2 ** 20);
  socket.send(text);
  assert.ok((await inbox.next()) === text);
  const bytes = Buffer.alloc(2 ** 20, 254);
  socket.send(bytes);
  assert.ok(bytes.equals(Buffer.from(await inbox.next())));
}

async function builtin_answers_pings() {
  const { socket, inbox } = await open();
  await ponged(3);
  socket.send('still here');
  assert.equal(await inbox.next(), 'still here');
}

async function builtin_gets_its_close_code_back() {
  for (const given of [1000, 3000, 4999]) {
    const { socket } = await open();
    socket.close(given, 'bye');
    const [{ code, wasClean }] = await once(socket, 'close');
    assert.deepEqual({ code, wasClean }, { code: given, wasClean: true });
  }
}

async function builtin_is_told_what_was_too_big() {
  const { socket } = await open();
  socket.send('m'.repeat(2 ** 20 + 1));
  const [{ code, reason }] = await once(socket, 'close');
  assert.equal(code, 1009);
  assert.notEqual(reason, '');
}

await tell({
  builtin_is_echoed_text_and_binary,
  builtin_is_echoed_a_mebibyte,
  builtin_answers_pings,
  builtin_gets_its_close_code_back,
  builtin_is_told_what_was_too_big,
});
