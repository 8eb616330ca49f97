// The client of `/-/client.js` in Node: what it promises, held against a proxy that is in the way.
// Called as `node.mjs PORT FACT BINARY`; the module is the one that the server sends.

import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';

import { Hindrance } from '../support/hindrance.mjs';
import { hop } from '../support/hop.mjs';
import { http, more, port, publish, tell } from '../support/stage.mjs';

const [binary] = more;
// Each fact has a topic of its own.
const fact = process.argv[3];

// What the server sends is what is tested. Node imports from files alone.
const module = path.join(os.tmpdir(), `tollway-${process.pid}.mjs`);
fs.writeFileSync(module, await (await fetch(`${http}/-/client.js`)).text());
const { connect, TECHNIQUES } = await import(module).finally(() => fs.unlinkSync(module));

/** So short that a test is short, and long enough for two busy cores. */
const timings = { first: 700, grace: 700, proof: 600, trial: 15, backOff: 40, silence: 300 };

/** A technique that was given up is not tried again, and none is for being slow. */
const lasting = { ...timings, first: 20_000, grace: 20_000, trial: 600_000, silence: 600_000 };

/** A connection whose calls are noted, and waited for. */
function noted(at, options) {
  const noted = { data: [], gaps: [], states: [] };
  let look = () => {};
  const note = (list, value) => {
    list.push(value);
    look();
  };
  const connection = connect(`http://127.0.0.1:${at}`, {
    topics: fact,
    wait: 1,
    interval: 50,
    timings,
    onmessage: ({ data }) => note(noted.data, data),
    ongap: (gap) => note(noted.gaps, gap),
    onstate: (status) => note(noted.states, status),
    ...options,
  });
  /** Waits until `holds` does; `tell` bounds it. */
  noted.until = (holds) =>
    new Promise((resolve) => {
      look = () => holds(noted) && resolve();
      look();
    });
  noted.reads = (technique) =>
    noted.until(() => connection.status.state === 'open' && connection.status.technique === technique);
  return Object.assign(noted, { connection });
}

const pause = (ms) => new Promise((over) => setTimeout(over, ms));
const has = (count) => ({ data }) => data.length >= count;
const numbers = (from, to) => Array.from({ length: to - from }, (_, n) => String(from + n));

async function hops(techniques) {
  const proxy = await Hindrance.open(port);
  const client = noted(proxy.port, { techniques, since: 'earliest' });
  // Down through all of them, up to the best, down and up again.
  const [best, worst] = [techniques[0], techniques.at(-1)];
  await hop(proxy, client, (data) => publish(fact, data), [...techniques, best, worst, best]);
  await client.until(has(1_000));
  assert.deepEqual(client.data, numbers(0, 1_000), 'each once, in order');
  assert.deepEqual(client.gaps, []);
  client.connection.close();
  proxy.close();
}

const a_client_hops_among_four_techniques = () => hops(TECHNIQUES);
const a_client_without_websocket_hops_among_three = async () => {
  globalThis.WebSocket = undefined;
  await hops(TECHNIQUES.slice(1));
};

async function a_client_takes_each_technique_by_name() {
  for (const technique of TECHNIQUES) {
    const topic = `by-${technique}`;
    await publish(topic, 'before');
    const client = noted(port, { topics: topic, techniques: [technique], since: 'earliest' });
    await client.reads(technique);
    await publish(`${topic}?event=named`, 'text\nof two lines ü😀');
    await publish(topic, new Uint8Array([255, 0]));
    await publish(topic, '');
    await client.until(has(4));
    const expected = ['before', 'text\nof two lines ü😀', new Uint8Array([255, 0]), ''];
    assert.deepEqual(client.data, expected, technique);
    const { requests, messages, bytes } = client.connection.costs[technique];
    assert.ok(requests >= 1 && messages === 4 && bytes > 0, technique);
    client.connection.close();
  }
}

async function a_client_reads_several_topics_and_their_names() {
  for (const technique of ['websocket', 'long-poll', 'poll']) {
    const seen = [];
    const topics = [`a-${technique}`, `b-${technique}`];
    const techniques = [technique];
    const client = noted(port, { topics, techniques, onmessage: (m) => seen.push([m.topic, m.event, m.data]) });
    await client.reads(technique);
    for (const topic of topics) await client.connection.publish('hello', { topic, event: 'named' });
    while (seen.length < 2) await pause(20);
    assert.deepEqual(seen, topics.map((topic) => [topic, 'named', 'hello']));
    client.connection.close();
  }
  // An event does not say its topic: SSE is left out unless somebody asks for it.
  globalThis.WebSocket = undefined;
  const client = noted(port, { topics: ['a', 'b'] });
  await client.reads('long-poll');
  client.connection.close();
}

async function a_publish_whose_answer_was_lost_adds_one_message() {
  const proxy = await Hindrance.open(port);
  // What is lost is known by its cut connection: nothing here is to be repeated for being slow.
  const client = noted(proxy.port, { timings: lasting });
  await client.until(() => client.connection.state === 'open');
  proxy.losesReceipt = true;
  await client.connection.publish('0');
  assert.equal(proxy.losesReceipt, false, 'an answer was lost');
  assert.equal(proxy.seen.post, 2, 'and its request repeated');
  // What is repeated keeps its place before what was published after it.
  proxy.losesRequest = true;
  const published = ['1', '2'].map((data) => client.connection.publish(data));
  const receipts = await Promise.all(published);
  assert.equal(proxy.seen.post, 5);
  await client.until(has(3));
  const { messages } = await (await fetch(`${http}/${fact}/poll?since=earliest`)).json();
  assert.deepEqual(messages.map(({ data }) => data), ['0', '1', '2']);
  assert.deepEqual(messages.slice(1).map(({ id }) => id), receipts.map(({ id }) => id));
  assert.deepEqual(client.data, ['0', '1', '2']);
  await assert.rejects(client.connection.publish('x', { topic: 'no/topic' }), { status: 400 });
  // What is being published when the client ends is not known to be published.
  const last = client.connection.publish('x');
  client.connection.close();
  await assert.rejects(last, { name: 'AbortError' });
  proxy.close();
}

async function a_client_that_its_callback_closes_hears_no_more() {
  for (const technique of TECHNIQUES) {
    const topics = `${fact}-${technique}`;
    for (const data of numbers(0, 10)) await publish(topics, data);
    const seen = [];
    const first = noted(port, {
      topics,
      techniques: [technique],
      since: 'earliest',
      onmessage({ data }) {
        seen.push(data);
        if (seen.length === 3) first.connection.close();
      },
    });
    await first.until(() => first.connection.state === 'closed');
    // From where it was closed, another goes on.
    const second = noted(port, { topics, techniques: [technique], since: first.connection.cursor });
    await second.until(has(7));
    assert.deepEqual([...seen, ...second.data], numbers(0, 10), technique);
    second.connection.close();
  }
}

async function a_refused_request_ends_the_client_and_says_why() {
  const client = noted(port, { topics: 'a topic' });
  await client.until(() => client.connection.state === 'closed');
  const { error } = client.states.at(-1);
  assert.equal(error.status, 400);
  assert.match(error.message, /^400 Bad Request\. A topic's name /);
  for (const wrong of [{}, { topics: [] }, { topics: 'a', techniques: ['carrier-pigeon'] }]) {
    assert.throws(() => connect(http, wrong), TypeError);
  }
}

/** A server of our own, to be killed, or to be ended in good order. */
async function server(...flags) {
  const file = path.join(os.tmpdir(), `tollway-${process.pid}-${Math.random()}.port`);
  const child = spawn(binary, ['-q', '--listen', '127.0.0.1:0', '--port-file', file, ...flags], { stdio: 'ignore' });
  const ended = new Promise((resolve) => child.on('exit', resolve));
  process.on('exit', () => child.kill('SIGKILL')); // when a fact fails as well
  while (!fs.existsSync(file) || !fs.readFileSync(file, 'utf8').includes('\n')) await pause(10);
  const at = Number(fs.readFileSync(file, 'utf8'));
  fs.unlinkSync(file);
  const stop = () => (child.kill('SIGTERM'), ended);
  return { at, stop, kill: () => child.kill('SIGKILL') };
}

async function a_killed_server_is_a_gap_on_every_technique() {
  for (const technique of TECHNIQUES) {
    const first = await server();
    const proxy = await Hindrance.open(first.at);
    const client = noted(proxy.port, { techniques: [technique] });
    await client.reads(technique);
    assert.notEqual(client.connection.cursor, 'latest', 'a cursor comes before any message');
    await client.connection.publish('0');
    await client.until(has(1));
    const before = client.connection.cursor;
    first.kill();
    proxy.set({ isDown: true });
    await client.until(() => client.connection.state === 'waiting');
    const { retryIn, error } = client.connection.status;
    assert.ok(retryIn > 0 && error instanceof Error);
    const second = await server();
    proxy.set({ isDown: false, target: second.at });
    // Nobody knows whether the topic was written to meanwhile: it is a gap in any case.
    await client.until(({ gaps }) => gaps.length > 0);
    await client.reads(technique);
    assert.equal(client.gaps[0].from, before);
    assert.equal(client.gaps[0].reason, 'epoch');
    // Cut again before any message: the same gap is not told twice.
    proxy.set({});
    await client.connection.publish('1');
    await client.until(has(2));
    assert.deepEqual(client.data, ['0', '1'], technique);
    assert.equal(client.gaps.length, 1, technique);
    client.connection.close();
    proxy.close();
    second.kill();
  }
}

async function a_server_that_ends_is_no_failure_of_a_technique() {
  for (const technique of ['websocket', 'sse']) {
    let present = await server('--drain', '1s');
    const proxy = await Hindrance.open(present.at);
    // Each life is a short one.
    const options = { techniques: [technique, 'poll'], timings: { ...lasting, proof: 600_000 } };
    const client = noted(proxy.port, options);
    const opened = () => client.states.filter(({ state }) => state === 'open');
    for (let restart = 1; restart <= 4; restart += 1) {
      await client.until(() => opened().length === restart);
      // Whoever comes from now on comes to the next server.
      const next = await server('--drain', '1s');
      proxy.target = next.at;
      assert.equal(await present.stop(), 0, 'told, and gone');
      present = next;
    }
    await client.until(() => opened().length === 5);
    assert.deepEqual(opened().map((status) => status.technique), Array(5).fill(technique));
    client.connection.close();
    proxy.close();
    present.kill();
  }
}

async function a_websocket_that_an_ending_server_refused_is_tried_again() {
  // Not the server, whose end is too short to come in its middle for certain.
  const { createServer } = await import('node:http');
  const came = [];
  const ending = createServer((request, response) => {
    came.push(/\/(poll|sse)\?/.exec(request.url)[1]);
    response.writeHead(200, { 'Content-Type': 'text/event-stream' }).end('id: e-0\n\nretry: 30\n\n');
  });
  ending.on('upgrade', (request, socket) => {
    came.push('ws');
    socket.end('HTTP/1.1 503 Service Unavailable\r\nRetry-After: 1\r\nContent-Length: 0\r\nConnection: close\r\n\r\n');
  });
  await new Promise((resolve) => ending.listen(0, '127.0.0.1', resolve));
  const client = noted(ending.address().port, { timings: lasting });
  // Given up once, it would not be tried again while this test lasts.
  const nth = (kind, n) => came.flatMap((one, at) => (one === kind ? [at] : []))[n - 1] ?? Infinity;
  while (nth('sse', 4) === Infinity) await pause(10);
  assert.ok(came.slice(nth('sse', 2), nth('sse', 4)).includes('ws'), came.join());
  client.connection.close();
  ending.closeAllConnections();
  ending.close();
}

async function a_stream_that_died_in_silence_is_found_out() {
  for (const technique of ['websocket', 'sse']) {
    const topics = `${fact}-${technique}`;
    const proxy = await Hindrance.open(port);
    const client = noted(proxy.port, { topics, techniques: [technique, 'poll'] });
    await client.reads(technique);
    await client.connection.publish('0');
    await client.until(has(1));
    proxy.mutes = true;
    await publish(topics, '1');
    await client.until(has(2));
    assert.deepEqual(client.data, ['0', '1'], technique);
    client.connection.close();
    proxy.close();
  }
}

async function a_stream_that_beats_is_not_doubted() {
  const beating = await server('--heartbeat', '50ms');
  const client = noted(beating.at, { techniques: ['sse'], timings: { ...timings, silence: 4_000 } });
  await client.reads('sse');
  await pause(9_000);
  assert.equal(client.connection.costs.poll, undefined, 'no poll asked after it');
  client.connection.close();
  beating.kill();
}

async function a_quiet_stream_is_doubted_and_kept() {
  for (const technique of ['websocket', 'sse']) {
    const client = noted(port, { techniques: [technique, 'poll'], timings: { ...lasting, silence: 100 } });
    await client.reads(technique);
    // What others publish moves no cursor of this topic.
    while ((client.connection.costs.poll?.requests ?? 0) < 4) await publish(`${fact}-other`, 'x');
    assert.deepEqual(client.states.map(({ state }) => state), ['connecting', 'open'], technique);
    client.connection.close();
  }
}

const never = () => new Promise(() => {});

async function a_ticket_that_never_comes_stops_nothing() {
  // The server's, and the page's own.
  for (const ways of [{ token: 'any' }, { ticket: never }]) {
    const proxy = await Hindrance.open(port);
    Object.assign(proxy, { keepsTickets: true, holdsStreams: true });
    const client = noted(proxy.port, { techniques: ['websocket', 'sse', 'poll'], ...ways });
    await client.reads('poll');
    // The trial of a WebSocket hangs as well, and that of what comes after it is not kept back.
    proxy.set({ holdsStreams: false });
    await client.reads('sse');
    client.connection.close();
    proxy.close();
  }
}

async function a_token_that_never_comes_is_told() {
  const client = noted(port, { token: never });
  await client.until(({ states }) => states.some(({ state }) => state === 'waiting'));
  assert.equal(client.connection.status.error.message, 'No answer in time');
  client.connection.close();
}

async function a_token_that_fails_without_an_error_is_a_failure_like_any_other() {
  const refuses = [
    () => Promise.reject(),
    () => { throw 'no Error'; },
    () => Promise.reject(new Response('', { status: 401 })),
  ];
  for (const refuse of refuses) {
    let asked = 0;
    const token = () => (asked += 1) <= 3 ? refuse() : 'any';
    const client = noted(port, { techniques: ['poll'], token });
    // A publish is repeated as well.
    const published = client.connection.publish('x');
    await client.reads('poll');
    await published;
    const { error } = client.states.find(({ state }) => state === 'waiting');
    assert.match(error.message, /^No token: /);
    client.connection.close();
  }
}

/** Nothing of it can be left out by compression. */
const noise = (length) => randomBytes(length).toString('base64').slice(0, length);

async function a_long_answer_may_come_slowly() {
  const data = noise(40_000);
  await publish(fact, data);
  const proxy = await Hindrance.open(port);
  proxy.bytesPerSecondMax = 8_000; // five seconds, of which each brings something
  for (const technique of ['long-poll', 'poll']) {
    const patient = { ...timings, first: 3_000, grace: 3_000 };
    const client = noted(proxy.port, { techniques: [technique], since: 'earliest', timings: patient });
    await client.until(has(1));
    assert.deepEqual(client.data, [data]);
    assert.ok(!client.states.some(({ state }) => state === 'waiting'), 'at the first attempt');
    client.connection.close();
  }
  proxy.close();
}

async function a_long_message_may_go_slowly() {
  const proxy = await Hindrance.open(port);
  // 4.6 s, where a short message has 2.1 s. This one has 18 s: a busy machine may be slower.
  const length = 64_000;
  proxy.bytesPerSecondMax = 14_000;
  const publishes = async (data) => {
    const { connection } = noted(proxy.port, { techniques: [] });
    const began = performance.now();
    await connection.publish(data);
    assert.ok(performance.now() - began > 3 * timings.grace, 'a short one would have been given up');
    connection.close();
  };
  await Promise.all([noise(length), randomBytes(length), new Blob([noise(length)])].map(publishes));
  assert.equal(proxy.seen.post, 3, 'each at the first attempt');
  proxy.close();
}

async function a_client_waits_as_long_as_it_is_told() {
  // Not the server, which answers so under a load that a test would rather not bring about.
  const { createServer } = await import('node:http');
  const came = [];
  const busy = createServer((request, response) => {
    came.push({ at: performance.now(), url: request.url });
    if (came.length === 1) return response.writeHead(503, { 'Retry-After': '1' }).end();
    if (came.length === 2) {
      // What the server says to an event stream for which it has no place.
      return response.writeHead(200, { 'Content-Type': 'text/event-stream' }).end('retry: 900\n\n');
    }
    response.writeHead(200, { 'Content-Type': 'text/event-stream' });
    // Cut at random places, with every kind of line end.
    const text = ':\r\nid: e-0\r\n\r\nid: e-1\ndata: a\rdata:  b\n\nid:e-2\rdata\r\r: base64\nid: e-3\ndata: /wA=\n\nid: e-4\r\ndata: c\r\ndata: d\r\n\r\n';
    const pieces = [...text];
    const more = () => (pieces.length ? (response.write(pieces.shift()), setTimeout(more, 1)) : undefined);
    more();
  });
  await new Promise((resolve) => busy.listen(0, '127.0.0.1', resolve));
  const patient = { ...timings, first: 3_000, grace: 3_000 };
  const client = noted(busy.address().port, { techniques: ['sse', 'poll'], timings: patient });
  await client.until(has(4));
  assert.deepEqual(client.data, ['a\n b', '', new Uint8Array([255, 0]), 'c\nd']);
  // A timer of Node may be early by a millisecond.
  assert.ok(came[1].at - came[0].at >= 999, 'Retry-After');
  assert.ok(came[2].at - came[1].at >= 899, 'retry:');
  assert.ok(came.every(({ url }) => url.includes('/sse?')), 'no other technique was bothered');
  client.connection.close();
  busy.closeAllConnections();
  busy.close();
}

/** A server that answers so to what is asked first, and to each publish; else that there is nothing. */
async function refusing(retryAfter) {
  const { createServer } = await import('node:http');
  const came = [];
  const refusing = createServer((request, response) => {
    came.push(performance.now());
    if (came.length === 1 || request.method === 'POST') {
      return response.writeHead(503, { 'Retry-After': retryAfter }).end();
    }
    response.writeHead(200).end('{"next":"e-0","messages":[]}');
  });
  await new Promise((resolve) => refusing.listen(0, '127.0.0.1', resolve));
  const close = () => (refusing.closeAllConnections(), refusing.close());
  return { at: refusing.address().port, came, close };
}

async function a_pause_that_cannot_be_read_is_one_of_its_own() {
  for (const retryAfter of ['soon', 'Infinity', '1e999', 'Wed, 99 Foo 2026', '-5', '']) {
    const busy = await refusing(retryAfter);
    const backOff = 200;
    const client = noted(busy.at, { techniques: ['poll'], timings: { ...timings, backOff } });
    await client.reads('poll');
    const { retryIn } = client.states.find(({ state }) => state === 'waiting');
    // After one failure: drawn between half and all of twice the first.
    assert.ok(retryIn >= backOff && retryIn <= 2 * backOff, `${retryAfter}: ${retryIn}`);
    assert.ok(busy.came[1] - busy.came[0] >= backOff - 1, retryAfter);
    client.connection.close();
    busy.close();
  }
}

/** A server that answers so by technique, as a way to write an answer; how often it was asked. */
async function answering(answers) {
  const { createServer } = await import('node:http');
  const asked = {};
  const answering = createServer(({ url }, response) => {
    const technique = url.split(/[/?]/)[2];
    asked[technique] = (asked[technique] ?? 0) + 1;
    answers[technique](response);
  });
  await new Promise((resolve) => answering.listen(0, '127.0.0.1', resolve));
  const close = () => (answering.closeAllConnections(), answering.close());
  return { at: answering.address().port, asked, close };
}

const nothing = (response) => response.writeHead(204, { 'Last-Event-ID': 'e-0' }).end();

async function a_refusal_for_good_is_one_of_its_technique_also_with_a_pause() {
  const refused = (response) => response.writeHead(403, { 'Retry-After': '600' }).end();
  const picky = await answering({ sse: refused, poll: nothing });
  const client = noted(picky.at, { techniques: ['sse', 'poll'], timings: lasting });
  await client.reads('poll');
  client.connection.close();
  picky.close();
}

async function a_long_poll_that_is_not_withheld_is_no_faster_than_a_short_one() {
  const hasty = await answering({ poll: nothing });
  const far = { wait: 1_200, interval: 600_000, timings: lasting };
  const client = noted(hasty.at, { techniques: ['long-poll'], ...far });
  // The cursor, and the first wait.
  while (!(hasty.asked.poll > 1)) await pause(1);
  await pause(100);
  assert.equal(hasty.asked.poll, 2);
  client.connection.close();
  // Nothing is withheld that is asked for with no wait: the next one comes at the interval.
  hasty.asked.poll = 0;
  const never = noted(hasty.at, { techniques: ['long-poll'], ...far, wait: 0 });
  while (!(hasty.asked.poll > 1)) await pause(1);
  await pause(100);
  assert.equal(hasty.asked.poll, 2);
  never.connection.close();
  hasty.close();
  // One that grants a second, and waits for more than half of it, is asked again at once.
  const granted = { 'Last-Event-ID': 'e-0', 'Preference-Applied': 'wait=1' };
  const brief = await answering({
    poll: (response) => setTimeout(() => response.writeHead(204, granted).end(), 550),
  });
  const often = noted(brief.at, { techniques: ['long-poll'], ...far });
  while (!(brief.asked.poll > 3)) await pause(1);
  often.connection.close();
  brief.close();
}

async function a_pause_beyond_the_time_to_repeat_ends_a_publish() {
  // Nobody remembers the key by then.
  const busy = await refusing('3600');
  const client = noted(busy.at, { techniques: ['poll'], timings: lasting });
  await assert.rejects(client.connection.publish('x'), { status: 503 });
  client.connection.close();
  busy.close();
}

async function the_module_is_revalidated_and_a_token_is_sent() {
  const tag = (await fetch(`${http}/-/client.js`)).headers.get('ETag');
  const again = await fetch(`${http}/-/client.js`, { headers: { 'If-None-Match': tag } });
  assert.equal(again.status, 304);
  const { createServer } = await import('node:http');
  const seen = [];
  const guarded = createServer((request, response) => {
    const { method, url, headers } = request;
    seen.push(`${method} ${url.split('?')[0]} ${headers.authorization}`);
    if (url === '/-/ticket') return response.writeHead(404).end();
    if (request.method === 'POST') return response.writeHead(201).end('{"id":"e-1","subscribers":0}');
    response.writeHead(200).end('{"next":"e-0","messages":[]}');
  });
  await new Promise((resolve) => guarded.listen(0, '127.0.0.1', resolve));
  let tokens = 0;
  const token = async () => `t${(tokens += 1)}`;
  const client = noted(guarded.address().port, { techniques: ['websocket', 'poll'], token });
  await client.reads('poll');
  await client.connection.publish('x');
  client.connection.close();
  // A WebSocket takes a ticket; where there is none, the next technique reads.
  assert.equal(seen[0], 'POST /-/ticket Bearer t1');
  assert.match(seen[1], /^GET \/\w+\/poll Bearer t2$/);
  assert.ok(seen.some((line) => /^POST \/\w+ Bearer t\d+$/.test(line)));
  guarded.closeAllConnections();
  guarded.close();
}

async function a_client_of_no_technique_publishes_without_the_right_to_read() {
  const token = 'the-right-to-publish';
  const guarded = await server('--publish-token', token, '--subscribe-token', 'the-right-to-read');
  const client = noted(guarded.at, { techniques: [], token });
  for (const data of ['0', '1']) await client.connection.publish(data);
  client.connection.close();
  assert.deepEqual(client.states.map(({ state }) => state), ['closed']);
  assert.deepEqual(Object.keys(client.connection.costs), ['publish'], 'it has asked for nothing else');
  guarded.kill();
}

/** A server that asks for rights, by each technique. */
async function a_token_opens_every_technique() {
  const token = () => 'both-rights-of-the-operator';
  const flags = ['--publish-token', token(), '--subscribe-token', token()];
  const guarded = await server(...flags);
  for (const technique of ['websocket', 'sse', 'long-poll', 'poll']) {
    const client = noted(guarded.at, { techniques: [technique], token });
    await client.reads(technique);
    await client.connection.publish(technique);
    await client.until(has(1));
    assert.deepEqual(client.data, [technique]);
    client.connection.close();
  }
  const given = async () => {
    const headers = { Authorization: `Bearer ${token()}` };
    const answer = await fetch(`http://127.0.0.1:${guarded.at}/-/ticket`, { method: 'POST', headers });
    return (await answer.json()).ticket;
  };
  const client = noted(guarded.at, { techniques: ['websocket'], ticket: given });
  await client.reads('websocket');
  client.connection.close();
  guarded.kill();
}

await tell({
  a_client_hops_among_four_techniques,
  a_client_without_websocket_hops_among_three,
  a_client_takes_each_technique_by_name,
  a_client_reads_several_topics_and_their_names,
  a_publish_whose_answer_was_lost_adds_one_message,
  a_client_that_its_callback_closes_hears_no_more,
  a_refused_request_ends_the_client_and_says_why,
  a_killed_server_is_a_gap_on_every_technique,
  a_server_that_ends_is_no_failure_of_a_technique,
  a_websocket_that_an_ending_server_refused_is_tried_again,
  a_stream_that_died_in_silence_is_found_out,
  a_quiet_stream_is_doubted_and_kept,
  a_stream_that_beats_is_not_doubted,
  a_ticket_that_never_comes_stops_nothing,
  a_token_that_never_comes_is_told,
  a_token_that_fails_without_an_error_is_a_failure_like_any_other,
  a_long_answer_may_come_slowly,
  a_long_message_may_go_slowly,
  a_client_waits_as_long_as_it_is_told,
  a_pause_that_cannot_be_read_is_one_of_its_own,
  a_refusal_for_good_is_one_of_its_technique_also_with_a_pause,
  a_long_poll_that_is_not_withheld_is_no_faster_than_a_short_one,
  a_pause_beyond_the_time_to_repeat_ends_a_publish,
  the_module_is_revalidated_and_a_token_is_sent,
  a_client_of_no_technique_publishes_without_the_right_to_read,
  a_token_opens_every_technique,
});
