// `tollway sub` and `tollway pub`: what they promise, held against a proxy that is in the way.
// Called as `command.mjs PORT FACT BINARY`.

import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import fs from 'node:fs';
import { createServer } from 'node:http';
import os from 'node:os';
import path from 'node:path';

import { run } from '../support/command.mjs';
import { Hindrance } from '../support/hindrance.mjs';
import { hop } from '../support/hop.mjs';
import { http, more, port, publish, tell } from '../support/stage.mjs';

const [binary] = more;
// Each fact has a topic of its own.
const fact = process.argv[3];
const VIA = { websocket: 'ws', sse: 'sse', 'long-poll': 'long-poll', poll: 'poll' };
const pause = (ms) => new Promise((over) => setTimeout(over, ms));
const numbers = (from, to) => Array.from({ length: to - from }, (_, n) => String(from + n));

const at = (where) => ['--url', `http://127.0.0.1:${where}`];
const pace = (patience) => ['--patience', patience, '--wait', '1s', '--interval', '50ms'];
/** So short that a test is short, and long enough for two busy cores. */
const QUICK = pace('2s');
const sub = (where, args, options) => run(['sub', ...at(where), ...QUICK, ...args], options);
const pub = (where, args, options) => run(['pub', ...at(where), ...QUICK.slice(0, 2), ...args], options);

async function retained(topic) {
  const { messages } = await (await fetch(`${http}/${topic}/poll?since=earliest`)).json();
  return messages.map(({ data }) => data);
}

async function sub_hops_among_four_techniques() {
  const proxy = await Hindrance.open(port);
  // Silence is noticed soon: what was noticed for nothing is only one more change of technique.
  const args = [fact, '--since', 'earliest', '-v', '-n', '1000', '--costs'];
  const reader = run(['sub', ...at(proxy.port), ...pace('300ms'), ...args]);
  const reads = (technique) =>
    reader.until(({ err }) => {
      const states = err.filter((line) => line.endsWith(' reads'));
      return states.at(-1) === `tollway: ${VIA[technique]} reads`;
    });
  const all = Object.keys(VIA);
  await hop(proxy, { reads }, (data) => publish(fact, data), [...all, 'websocket']);
  assert.equal(await reader.code, 0);
  assert.deepEqual(reader.out, numbers(0, 1_000), 'each once, in order');
  assert.ok(!reader.err.some((line) => line.includes('gap:')));
  for (const name of Object.values(VIA)) {
    assert.ok(reader.err.some((line) => line.startsWith(`tollway: ${name}: `)), `costs of ${name}`);
  }
  proxy.close();
}

async function sub_shows_a_message_as_each_technique_brings_it() {
  const data = ['text\nof two lines ü😀', new Uint8Array([255, 0]), ''];
  await publish(`${fact}?event=named`, data[0]);
  await publish(fact, data[1]);
  await publish(fact, data[2]);
  for (const name of Object.values(VIA)) {
    const args = [fact, '--via', name, '--since', 'earliest', '-n', '3'];
    const shown = sub(port, [...args, '--json', '--costs']);
    assert.equal(await shown.code, 0, name);
    const [text, bytes, nothing] = shown.out.map((line) => JSON.parse(line));
    assert.deepEqual(text, { id: text.id, topic: fact, event: 'named', data: data[0] }, name);
    assert.deepEqual(bytes, { id: bytes.id, topic: fact, data: '/wA=', encoding: 'base64' }, name);
    assert.deepEqual(nothing, { id: nothing.id, topic: fact, data: '' }, name);
    const costs = JSON.parse(shown.err.at(-1));
    assert.deepEqual([costs.via, costs.messages, costs.connections], [name, 3, 1]);
    assert.equal(costs.bytes_in.payload, new TextEncoder().encode(data[0]).length + 2, name);
    assert.ok(costs.bytes_in.head > 100 && costs.bytes_out.head > 80 && costs.bytes_in.framing > 0, name);
    // From a message on, by its id; and as bytes.
    const rest = sub(port, [fact, '--via', name, '--since', text.id, '-n', '2']);
    const pieces = [];
    rest.child.stdout.removeAllListeners('data').setEncoding('latin1').on('data', (piece) => pieces.push(piece));
    assert.equal(await rest.code, 0, name);
    assert.equal(pieces.join(''), '\xff\0\n\n', name);
  }
  // Several topics, each named.
  const topics = [`${fact}-a`, `${fact}-b`];
  for (const topic of topics) await publish(topic, topic);
  const several = sub(port, [topics.join(','), '--since', 'earliest', '-n', '2', '--json']);
  assert.equal(await several.code, 0);
  assert.deepEqual(several.out.map((line) => JSON.parse(line).topic), topics);
}

/** A server of our own, to be killed. */
async function server() {
  const file = path.join(os.tmpdir(), `tollway-${process.pid}-${Math.random()}.port`);
  const child = spawn(binary, ['-q', '--listen', '127.0.0.1:0', '--port-file', file], { stdio: 'ignore' });
  process.on('exit', () => child.kill('SIGKILL'));
  while (!fs.existsSync(file) || !fs.readFileSync(file, 'utf8').includes('\n')) await pause(10);
  const at = Number(fs.readFileSync(file, 'utf8'));
  fs.unlinkSync(file);
  return { at, kill: () => child.kill('SIGKILL') };
}

async function sub_says_a_gap_once_when_the_server_was_killed() {
  for (const name of Object.values(VIA)) {
    const first = await server();
    const proxy = await Hindrance.open(first.at);
    const reader = sub(proxy.port, [fact, '--via', name, '-v', '-n', '2']);
    const reads = () => reader.err.filter((line) => line === `tollway: ${name} reads`).length;
    await reader.until(() => reads() === 1);
    assert.equal(await pub(first.at, [fact, '0']).code, 0);
    await reader.until(({ out }) => out.length === 1);
    first.kill();
    proxy.set({ isDown: true });
    await reader.until(({ err }) => err.some((line) => line.includes('next try in')));
    const second = await server();
    proxy.set({ isDown: false, target: second.at });
    await reader.until(() => reads() >= 2);
    // Cut again before any message: the same gap is not told twice. (Between two polls it goes unnoticed.)
    proxy.set({});
    if (['ws', 'sse'].includes(name)) await reader.until(() => reads() >= 3);
    assert.equal(await pub(second.at, [fact, '1']).code, 0);
    assert.equal(await reader.code, 0);
    assert.deepEqual(reader.out, ['0', '1'], name);
    const gaps = reader.err.filter((line) => line.includes('the server was restarted'));
    assert.equal(gaps.length, 1, `${name}: ${reader.err.join('\n')}`);
    proxy.close();
    second.kill();
  }
}

async function sub_waits_for_a_server_and_ends_when_it_is_told() {
  const proxy = await Hindrance.open(port);
  proxy.set({ isDown: true });
  const early = sub(proxy.port, [fact, '-n', '1', '--since', 'earliest']);
  await early.until(({ err }) => err.some((line) => line.includes('next try in')));
  await publish(fact, 'late');
  proxy.set({ isDown: false });
  assert.equal(await early.code, 0);
  assert.deepEqual(early.out, ['late']);
  proxy.close();
  // Told to end: a reader without a number has done what it was to do, one with a number has not.
  for (const [args, code] of [[[], 0], [['-n', '5'], 130]]) {
    const reader = sub(port, [fact, '--since', 'earliest', '--costs', ...args]);
    await reader.until(({ out }) => out.length === 1);
    reader.child.kill('SIGINT');
    assert.equal(await reader.code, code);
    assert.match(reader.err.at(-1), /^tollway: ws: 1 message, 1 connection, 1 request, \d+ ms; in \d+ bytes/);
  }
  // Whoever closes the pipe has seen enough, also while nothing comes.
  const closed = sub(port, [fact, '--since', 'earliest']);
  await closed.until(({ out }) => out.length === 1);
  closed.child.stdout.destroy();
  assert.equal(await closed.code, 0);
  assert.deepEqual(closed.err, []);
  // Also in the middle of a message, and what it has cost is told all the same.
  await publish(`${fact}-long`, 'x'.repeat(1_000_000));
  for (const name of Object.values(VIA)) {
    const left = sub(port, [`${fact}-long`, '--via', name, '--since', 'earliest', '--costs']);
    left.child.stdout.once('data', () => left.child.stdout.destroy());
    assert.equal(await left.code, 0, name);
    assert.match(left.err.join('\n'), new RegExp(`^tollway: ${name}: 1 message, 1 connection, 1 request, `), name);
  }
  // What is wrong for good is said, by the server's words.
  const wrong = sub(port, ['a topic']);
  assert.equal(await wrong.code, 1);
  assert.equal(wrong.err.length, 1, 'once, and not by each technique');
  assert.match(wrong.err.at(-1), /^tollway: each of ws, sse, long-poll and poll was refused: 400 Bad Request\. A topic's name /);
}

async function pub_publishes_data_a_whole_input_and_its_lines() {
  const runs = [
    [['hello'], undefined, ['hello']],
    [['--via', 'ws', 'ü'], undefined, ['ü']],
    [['-'], 'two\nlines\n', ['two\nlines\n']],
    [[], '', ['']],
    [['--lines'], 'one\n\nthree', ['one', '', 'three']],
    [['--lines', '--via', 'ws'], `${numbers(0, 300).join('\n')}\n`, numbers(0, 300)],
    [['-l', '-'], `${numbers(0, 300).join('\n')}\n`, numbers(0, 300)],
  ];
  for (const [n, [args, input, expected]] of runs.entries()) {
    const topic = `${fact}-${n}`;
    const sent = pub(port, [topic, ...args, '--json'], { input });
    assert.equal(await sent.code, 0, `${args}: ${sent.err}`);
    assert.deepEqual(await retained(topic), expected, `${args}`);
    assert.equal(sent.out.length, expected.length);
    assert.ok(sent.out.every((line) => /^\w+-\d+$/.test(JSON.parse(line).id)));
    assert.deepEqual(sent.err, []);
  }
  // Lines that are longer as JSON, and come back: neither side waits for the other to read.
  const grown = `${'\x01'.repeat(1_000_000)}\n`.repeat(4);
  const busy = pub(port, [`${fact}-grown`, '--lines', '--via', 'ws', '--json'], { input: grown });
  assert.equal(await busy.code, 0, busy.err.join('\n'));
  assert.deepEqual([busy.out.length, busy.err], [4, []]);
  // Quiet, and with a name; bytes stay bytes.
  for (const via of ['post', 'ws']) {
    const topic = `${fact}-${via}`;
    const sent = pub(port, [topic, '--via', via, '--event', 'näme', '--costs'], { input: Buffer.from([255, 0]) });
    assert.equal(await sent.code, 0);
    assert.deepEqual(sent.out, []);
    assert.match(sent.err.at(-1), /^tollway: pub: 1 message, 1 connection, 1 request, \d+ ms; in .*; out \d+ bytes: .*payload 2$/);
    const { messages } = await (await fetch(`${http}/${topic}`)).json();
    assert.deepEqual(messages.map(({ event, data }) => [event, data]), [['näme', '/wA=']]);
  }
  // One line is published before the next one comes.
  const slow = pub(port, [`${fact}-slow`, '-l', '--json']);
  for (const n of numbers(1, 4)) {
    slow.child.stdin.write(`${n}\n`);
    await slow.until(({ out }) => out.length === Number(n));
  }
  slow.child.stdin.end();
  assert.equal(await slow.code, 0);
  // A key of the caller's own: a repeat in another run adds nothing.
  for (const via of ['post', 'ws', 'post']) {
    assert.equal(await pub(port, [`${fact}-key`, 'x', '--via', via, '--key', fact]).code, 0);
  }
  assert.deepEqual(await retained(`${fact}-key`), ['x']);
}

async function pub_adds_a_message_once_whatever_is_lost() {
  const proxy = await Hindrance.open(port);
  proxy.losesReceipt = true;
  const sent = pub(proxy.port, [fact, '--lines'], { input: '0\n1\n2\n' });
  assert.equal(await sent.code, 0, sent.err.join('\n'));
  assert.equal(proxy.losesReceipt, false, 'an answer was lost');
  assert.equal(proxy.seen.post, 4, 'and its request repeated');
  proxy.losesRequest = true;
  assert.equal(await pub(proxy.port, [fact, '3']).code, 0);
  // A WebSocket that is cut again and again while a thousand lines go over it.
  const lines = pub(proxy.port, [fact, '--lines', '--via', 'ws']);
  for (let n = 4; n < 1_000; n += 1) {
    lines.child.stdin.write(`${n}\n`);
    if (n % 250 === 0) {
      await pause(30);
      proxy.set({});
    }
  }
  lines.child.stdin.end();
  assert.equal(await lines.code, 0, lines.err.join('\n'));
  assert.deepEqual(await retained(fact), numbers(0, 1_000));
  proxy.close();
}

async function what_cannot_be_published_is_said_in_one_line() {
  const gone = await Hindrance.open(port);
  const nobody = gone.port;
  gone.close();
  await pause(50);
  const big = 'x'.repeat(2 << 20);
  for (const [where, args, input, said] of [
    [nobody, [fact, 'x'], undefined, /^tollway: nobody listens at 127\.0\.0\.1:\d+; start a server there, or give --url$/],
    [port, ['a topic', 'x'], undefined, /^tollway: the message was refused: 400 Bad Request\. A topic's name takes/],
    [port, [fact, 'x', '--event', 'gap'], undefined, /400 Bad Request\. gap is the event/],
    [port, [fact, 'x', '--event', 'gap', '--via', 'ws'], undefined, /400 Bad Request\. gap is the event/],
    [port, [fact, '-'], big, /413 Content Too Large\. .*The bound is 1048576 bytes, --max-message\.$/],
    [port, [fact, '-', '--via', 'ws'], big, /413 Content Too Large\. .*The bound is 1048576 bytes, --max-message\.$/],
  ]) {
    const sent = pub(where, args, { input });
    assert.equal(await sent.code, 1, `${args}`);
    assert.match(sent.err.at(-1), said, `${args}`);
    assert.deepEqual(sent.out, []);
  }
}

async function a_token_is_sent_with_every_request_and_never_shown() {
  const seen = [];
  const guarded = createServer((request, response) => {
    seen.push([request.method, request.url.split('?')[0], request.headers.authorization]);
    request.resume();
    if (request.method === 'POST') return response.writeHead(201).end('{"id":"e-1","subscribers":0}');
    response.writeHead(401).end('{"title":"Unauthorized","detail":"Who are you?"}');
  });
  guarded.on('upgrade', (request, socket) => {
    seen.push(['UPGRADE', request.url.split('?')[0], request.headers.authorization]);
    socket.end('HTTP/1.1 401 Unauthorized\r\nContent-Length: 0\r\nConnection: close\r\n\r\n');
  });
  await new Promise((resolve) => guarded.listen(0, '127.0.0.1', resolve));
  const url = ['--url', `http://127.0.0.1:${guarded.address().port}/base/`];
  const env = { TOLLWAY_TOKEN: 's3cret' };
  const reader = run(['sub', 'a', ...url, ...QUICK, '-v', '--costs'], { env });
  assert.equal(await reader.code, 1);
  assert.match(reader.err.join('\n'), /tollway: poll was refused: 401 Unauthorized\. Who are you\?/);
  const file = path.join(os.tmpdir(), `tollway-${process.pid}-token`);
  fs.writeFileSync(file, '# of the operator\ns3cret\n');
  assert.equal(await run(['pub', 'a', 'x', ...url, '--token', `@${file}`, '--json']).code, 0);
  fs.unlinkSync(file);
  assert.equal(await run(['pub', 'a', 'x', ...url, '--via', 'ws'], { env }).code, 1);
  const token = 'Bearer s3cret';
  assert.deepEqual(seen, [
    ['UPGRADE', '/base/a/ws', token],
    ['GET', '/base/a/sse', token],
    ['GET', '/base/a/poll', token],
    ['GET', '/base/a/poll', token],
    ['POST', '/base/a', token],
    ['UPGRADE', '/base/a/ws', token],
  ]);
  const help = run(['sub', '--help'], { env });
  await help.code;
  const wrong = run(['pub', 'a', 'x', '--token', 's3cret\n', ...url]);
  assert.equal(await wrong.code, 2);
  for (const { out, err } of [reader, help, wrong]) assert.doesNotMatch([...out, ...err].join('\n'), /s3cret/);
  guarded.closeAllConnections();
  guarded.close();
}

/** What is asked for may be wrong in itself, or one technique may not pass: either is said in one line. */
async function sub_says_a_refusal_once() {
  const proxy = await Hindrance.open(port);
  proxy.set({ refusesUpgrades: true });
  const reader = sub(proxy.port, [fact, '-n', '1']);
  await reader.until(({ err }) => err.includes('tollway: sse reads'));
  await publish(fact, 'by the next one');
  assert.equal(await reader.code, 0);
  assert.equal(reader.err.length, 2, reader.err);
  assert.match(reader.err[0], /^tollway: ws was refused: [45]\d\d/);
  proxy.close();
  const guarded = createServer((_, response) => response.writeHead(403).end());
  guarded.on('upgrade', (_, socket) => socket.end('HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\nConnection: close\r\n\r\n'));
  await new Promise((resolve) => guarded.listen(0, '127.0.0.1', resolve));
  const refused = sub(guarded.address().port, ['a']);
  assert.equal(await refused.code, 1);
  assert.deepEqual(refused.err, [
    'tollway: ws was refused: 404',
    'tollway: each of sse, long-poll and poll was refused: 403',
  ]);
  guarded.closeAllConnections();
  guarded.close();
}

/** A connection that ends under the second poll on it may have been idle for too long; one that does so under its
    first has failed. */
async function sub_asks_again_when_an_idle_connection_ends_under_its_poll() {
  const polls = [];
  const short = createServer((request, response) => {
    const first = !request.socket.asked;
    request.socket.asked = true;
    polls.push(first);
    if (!first) return request.socket.destroy();
    const message = { id: `e-${polls.length}`, data: String(polls.length) };
    response.end(JSON.stringify({ next: message.id, messages: [message] }));
  });
  await new Promise((resolve) => short.listen(0, '127.0.0.1', resolve));
  const reader = sub(short.address().port, ['a', '--via', 'poll', '-n', '3', '-v', '--since', 'earliest']);
  assert.equal(await reader.code, 0);
  assert.deepEqual(polls, [true, false, true, false, true]);
  assert.deepEqual(reader.out, ['1', '3', '5']);
  assert.deepEqual(reader.err.filter(Boolean), ['tollway: poll reads'], 'no failure is told');
  short.closeAllConnections();
  short.close();
  const cut = createServer((request) => request.socket.destroy());
  await new Promise((resolve) => cut.listen(0, '127.0.0.1', resolve));
  const failed = sub(cut.address().port, ['a', '--via', 'poll']);
  await failed.until(({ err }) => err.some((line) => line.startsWith('tollway: poll was cut; next try in')));
  failed.child.kill('SIGKILL');
  cut.closeAllConnections();
  cut.close();
}

/** A WebSocket reads as well; a token for publishing alone cannot open one. */
async function pub_says_what_a_token_for_publishing_alone_can_do() {
  const guarded = createServer((request, response) => {
    request.resume();
    response.writeHead(201).end('{"id":"e-1","subscribers":0}\n');
  });
  guarded.on('upgrade', (request, socket) => {
    socket.end('HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\nConnection: close\r\n\r\n');
  });
  await new Promise((resolve) => guarded.listen(0, '127.0.0.1', resolve));
  const by = (...via) => pub(guarded.address().port, ['a', 'x', '--json', ...via]);
  const refused = by('--via', 'ws');
  assert.equal(await refused.code, 1);
  assert.match(refused.err.join('\n'), /the WebSocket was refused: 403 .*--via ws reads the topic as well.*--via post does not/);
  const taken = by();
  assert.equal(await taken.code, 0);
  assert.deepEqual(taken.out, ['{"id":"e-1","subscribers":0}'], 'no empty line behind it');
  guarded.closeAllConnections();
  guarded.close();
}

await tell({
  sub_hops_among_four_techniques,
  sub_shows_a_message_as_each_technique_brings_it,
  sub_says_a_gap_once_when_the_server_was_killed,
  sub_waits_for_a_server_and_ends_when_it_is_told,
  pub_publishes_data_a_whole_input_and_its_lines,
  pub_adds_a_message_once_whatever_is_lost,
  what_cannot_be_published_is_said_in_one_line,
  a_token_is_sent_with_every_request_and_never_shown,
  sub_says_a_refusal_once,
  sub_asks_again_when_an_idle_connection_ends_under_its_poll,
  pub_says_what_a_token_for_publishing_alone_can_do,
}, 110_000);
