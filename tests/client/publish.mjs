// `tollway pub` and servers that this one is not: that refuse one of several messages, ask for a pause, answer in pieces,
// or in words of their own. Called as `publish.mjs PORT FACT BINARY`; the server at PORT is not asked.

import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { createServer } from 'node:http';

import { run } from '../support/command.mjs';
import { tell } from '../support/stage.mjs';

const pause = (ms) => new Promise((over) => setTimeout(over, ms));

function pub(server, args, options) {
  const url = `http://127.0.0.1:${server.address().port}`;
  return run(['pub', 'a', '--url', url, ...args], options);
}

async function listening(server) {
  await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));
  return server;
}

/** A server of HTTP: `answer(n, request, response)` when the n-th publish has come. */
async function posts(answer) {
  const came = [];
  const server = await listening(
    createServer((request, response) => {
      let data = '';
      request.setEncoding('utf8').on('data', (piece) => (data += piece));
      request.on('end', () => {
        came.push(data);
        answer(came.length, response, data);
      });
    }),
  );
  return { came, server };
}

/** A frame as a server sends it. */
function frame(opcode, payload, fin = true) {
  const bytes = Buffer.from(payload);
  assert.ok(bytes.length < 126);
  return Buffer.concat([Buffer.from([(fin ? 0x80 : 0) | opcode, bytes.length]), bytes]);
}

/** Takes the frames off the front of what a client sent; each has to be masked. */
function* frames(inbox) {
  for (;;) {
    if (inbox.bytes.length < 2) return;
    const [first, second] = inbox.bytes;
    assert.ok(second & 0x80, 'a client masks');
    let length = second & 0x7f;
    let at = 2;
    if (length === 126) [length, at] = [inbox.bytes.length < 4 ? Infinity : inbox.bytes.readUInt16BE(2), 4];
    assert.notEqual(length, 127);
    if (inbox.bytes.length < at + 4 + length) return;
    const mask = inbox.bytes.subarray(at, at + 4);
    const payload = Buffer.from(inbox.bytes.subarray(at + 4, at + 4 + length)).map((byte, n) => byte ^ mask[n % 4]);
    inbox.bytes = inbox.bytes.subarray(at + 4 + length);
    yield { opcode: first & 0x0f, payload };
  }
}

/** A server of WebSockets: `heard(message, socket, n)` for each publish on the n-th connection. It echoes what closes. */
async function sockets(heard) {
  const closes = [];
  let connections = 0;
  const server = createServer((_, response) => response.writeHead(404).end());
  server.on('upgrade', (request, socket) => {
    const n = (connections += 1);
    const guid = '258EAFA5-E914-47DA-95CA-C5AB0DC85B11';
    const accept = createHash('sha1').update(request.headers['sec-websocket-key'] + guid).digest('base64');
    socket.on('error', () => {});
    socket.write(
      'HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n' +
        `Sec-WebSocket-Accept: ${accept}\r\nSec-WebSocket-Protocol: tollway.v1\r\n\r\n`,
    );
    const inbox = { bytes: Buffer.alloc(0) };
    socket.on('data', (piece) => {
      inbox.bytes = Buffer.concat([inbox.bytes, piece]);
      for (const { opcode, payload } of frames(inbox)) {
        if (opcode === 1) heard(JSON.parse(payload), socket, n);
        if (opcode !== 8) continue;
        closes.push(payload.length ? payload.readUInt16BE() : undefined);
        if (!socket.hasClosed) socket.end(frame(8, payload.subarray(0, 2)));
      }
    });
  });
  await listening(server);
  return { server, closes, connections: () => connections };
}

const receipt = ({ ref }) => frame(1, JSON.stringify({ ref, id: `e-${ref}` }));
const refusal = ({ ref }, status, title) => frame(1, JSON.stringify({ ref, error: { status, title } }));

/** One of several lines under way is refused for now: it is told which stand before it, and from then on each line
    waits for the one before. */
async function lines_behind_a_refused_one_are_told_and_then_wait() {
  const log = [];
  const first = [];
  let [isOpen, early] = [true, 0];
  const { server, closes } = await sockets((message, socket, n) => {
    if (n === 1) {
      first.push(message);
      if (first.length < 6) return;
      // The third is refused, and the last as well.
      for (const each of first) {
        const isRefused = [3, 6].includes(each.ref);
        if (!isRefused) log.push(each.data);
        socket.write(isRefused ? refusal(each, 429, 'Too Many Requests') : receipt(each));
      }
      return;
    }
    if (!isOpen) early += 1;
    isOpen = false;
    setTimeout(() => {
      isOpen = true;
      log.push(message.data);
      socket.write(receipt(message));
    }, 50);
  });
  const sent = pub(server, ['--lines', '--via', 'ws', '--json'], { input: '1\n2\n3\n4\n5\n6\n' });
  assert.equal(await sent.code, 0, sent.err.join('\n'));
  assert.deepEqual(log, ['1', '2', '4', '5', '3', '6'], 'each once');
  assert.equal(early, 0, 'one at a time, once that has happened');
  assert.deepEqual(sent.out.map((line) => JSON.parse(line).id), [1, 2, 3, 4, 5, 6].map((n) => `e-${n}`), 'in order');
  assert.deepEqual(sent.err, [
    'tollway: line 3 was refused: 429 Too Many Requests; in the log already: lines 4 to 5; trying again',
  ]);
  assert.deepEqual(closes, [1000, 1000], 'each connection ends as it should');
}

/** One of several lines can never be published: which, and what is in the log all the same. */
async function a_line_that_is_refused_for_good_is_told_with_those_behind_it() {
  const came = [];
  const { server, closes } = await sockets((message, socket) => {
    came.push(message);
    if (came.length < 4) return;
    for (const each of came) {
      socket.write(each.ref === 2 ? refusal(each, 413, 'Content Too Large') : receipt(each));
    }
  });
  const sent = pub(server, ['--lines', '--via', 'ws', '--json'], { input: '1\n2\n3\n4\n' });
  assert.equal(await sent.code, 1);
  assert.deepEqual(sent.out, ['{"id":"e-1"}']);
  assert.deepEqual(sent.err, [
    'tollway: line 2 was refused: 413 Content Too Large; in the log already: lines 3 to 4',
  ]);
  assert.deepEqual(closes, [1000]);
  // By POST there is none behind it.
  const { server: plain, came: posted } = await posts((n, response) => {
    response.writeHead(n === 2 ? 413 : 201).end('{"id":"e-1"}');
  });
  const by = pub(plain, ['--lines'], { input: '1\n2\n3\n' });
  assert.equal(await by.code, 1);
  assert.deepEqual([by.err, posted], [['tollway: line 2 was refused: 413'], ['1', '2']]);
}

/** A server that is lost for good: of which lines it is not known. */
async function lines_without_an_answer_are_told() {
  let came = 0;
  const { server } = await sockets((message, socket) => {
    if ((came += 1) < 3) return;
    socket.write(receipt({ ref: 1 }));
    socket.end();
    server.close();
  });
  const sent = pub(server, ['--lines', '--via', 'ws', '--patience', '500ms'], { input: '1\n2\n3\n' });
  assert.equal(await sent.code, 1);
  assert.match(sent.err.at(-1), /^tollway: nobody listens at .*; perhaps in the log: lines 2 to 3$/);
}

/** A connection that falls silent may be waited for, for as long as all that is under way may take,
    which is here longer than pub goes on trying for a short message: another is tried all the same,
    whether nothing was answered on it or nearly all. */
async function lines_on_a_silent_connection_are_sent_again() {
  const silent = async (answered) => {
    let came = 0;
    // Those that carried a line: a handshake that a busy machine was too slow for is made again.
    const carried = [];
    const { server } = await sockets((message, socket, n) => {
      came += 1;
      if (!carried.includes(n)) carried.push(n);
      if (n !== carried[0] || came <= answered) socket.write(receipt(message));
    });
    // 9 s for all of them and 1.5 s for one, beside the six seconds of its patience.
    const input = `${'x'.repeat(6_000)}\n`.repeat(6);
    const sent = pub(server, ['--lines', '--via', 'ws', '--json', '--patience', '1s'], { input });
    assert.equal(await sent.code, 0, `${answered}: ${sent.err}`);
    assert.equal(sent.out.length, 6);
    // On a busy machine the second may seem silent too.
    assert.ok(carried.length >= 2, `${answered}: ${sent.err}`);
  };
  await Promise.all([0, 5].map(silent));
}

/** Lines that are long together are under way a few at a time, and one that is longer than all that may be is so alone. */
async function long_lines_are_under_way_a_few_at_a_time() {
  for (const [bytes, most] of [
    [15_000, 4],
    [65_000, 1],
  ]) {
    const [waiting, seen] = [[], []];
    let answers;
    const { server } = await sockets((message, socket) => {
      waiting.push(message);
      // What else was sent comes right behind it.
      clearTimeout(answers);
      answers = setTimeout(() => {
        seen.push(waiting.length);
        for (const each of waiting.splice(0)) socket.write(receipt(each));
      }, 100);
    });
    const sent = pub(server, ['--lines', '--via', 'ws'], { input: `${'x'.repeat(bytes)}\n`.repeat(6) });
    assert.equal(await sent.code, 0, sent.err.join('\n'));
    assert.ok(seen.every((count) => count <= most), `${seen}`);
  }
}

async function lines_longer_than_a_read_are_under_way_together() {
  const came = [];
  const { server } = await sockets((message, socket) => {
    came.push(message);
    // Who sent one at a time would wait here for ever.
    if (came.length === 3) for (const each of came) socket.write(receipt(each));
  });
  const line = 'x'.repeat(20_000);
  const sent = pub(server, ['--lines', '--via', 'ws'], { input: `${line}\n${line}\n${line}\n` });
  assert.equal(await sent.code, 0, sent.err.join('\n'));
  assert.deepEqual(sent.err, []);
}

/** The answer comes in pieces, with a Ping between; and who is closed on says so as well. */
async function answers_in_pieces_are_joined_and_a_close_is_echoed() {
  const { server, closes, connections } = await sockets((message, socket, n) => {
    if (n === 1) {
      socket.hasClosed = true;
      return socket.write(frame(8, [1001 >> 8, 1001 & 0xff, 0x78]));
    }
    const [head, ...rest] = JSON.stringify({ ref: message.ref, id: 'e-1' }).match(/.{1,5}/g);
    socket.write(frame(1, head, false));
    socket.write(frame(9, 'are you there'));
    for (const piece of rest) socket.write(frame(0, piece, false));
    socket.write(frame(0, ''));
  });
  const sent = pub(server, ['--via', 'ws', '--json', 'x']);
  assert.equal(await sent.code, 0, sent.err.join('\n'));
  assert.deepEqual(sent.out, ['{"id":"e-1"}']);
  assert.deepEqual([connections(), closes], [2, [1001, 1000]]);
}

/** A pause that is longer than it goes on trying ends it at once. */
async function a_pause_beyond_its_patience_ends_a_publish() {
  const { server, came } = await posts((_, response) => response.writeHead(503, { 'Retry-After': '3600' }).end());
  const sent = pub(server, ['x']);
  assert.equal(await sent.code, 1);
  assert.deepEqual(sent.err, [
    'tollway: the message was refused: 503; the server asks for a pause of 1h, which is longer than pub goes on trying ' +
      '(six times --patience)',
  ]);
  assert.equal(came.length, 1);
}

/** Whatever is said of success is success: another try might be another message. */
async function every_kind_of_success_is_taken_once() {
  for (const [status, body, out] of [
    [200, '{"id":"e-1"}', ['{"id":"e-1"}']],
    [202, 'queued', []],
    [204, undefined, []],
    [201, '{\n}', []],
  ]) {
    const { server, came } = await posts((_, response) => response.writeHead(status).end(body));
    const sent = pub(server, ['--lines', '--json'], { input: 'x\ny\n' });
    assert.equal(await sent.code, 0, `${status}: ${sent.err}`);
    assert.deepEqual([came, sent.out], [['x', 'y'], [...out, ...out]], `${status}`);
    const said = [`tollway: the server takes messages with ${status} and gives no receipt`];
    assert.deepEqual(sent.err, out.length ? [] : said, `${status}`);
  }
}

/** A long message may lie in the kernel for longer than a short one may take. */
async function a_long_message_has_longer_for_its_answer() {
  const long = 'x'.repeat(64_000);
  const { server, came } = await posts(async (_, response) => {
    await pause(3_000); // three times its patience
    response.writeHead(201).end('{"id":"e-1"}');
  });
  const sent = pub(server, ['-', '--patience', '1s'], { input: long });
  assert.equal(await sent.code, 0, sent.err.join('\n'));
  assert.equal(came.length, 1, 'at the first attempt');
  let pieces = 0;
  const { server: by } = await sockets(async (message, socket) => {
    pieces += 1;
    await pause(3_000);
    socket.write(receipt(message));
  });
  const framed = pub(by, ['-', '--via', 'ws', '--patience', '1s'], { input: long });
  assert.equal(await framed.code, 0, framed.err.join('\n'));
  // A busy machine may need a second handshake; who gave the message up would send it again.
  assert.equal(pieces, 1, 'at the first attempt');
}

await tell({
  lines_behind_a_refused_one_are_told_and_then_wait,
  a_line_that_is_refused_for_good_is_told_with_those_behind_it,
  lines_without_an_answer_are_told,
  lines_on_a_silent_connection_are_sent_again,
  long_lines_are_under_way_a_few_at_a_time,
  lines_longer_than_a_read_are_under_way_together,
  answers_in_pieces_are_joined_and_a_close_is_echoed,
  a_pause_beyond_its_patience_ends_a_publish,
  every_kind_of_success_is_taken_once,
  a_long_message_has_longer_for_its_answer,
});
