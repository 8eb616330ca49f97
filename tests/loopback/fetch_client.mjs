// The `fetch` that Node has built in: polls, and a stream read by hand.

import assert from 'node:assert/strict';

import { http, publish, tell } from '../support/stage.mjs';

const dataOf = (body) => body.messages.map((message) => message.data);

async function fetch_polls() {
  let answer = await fetch(`${http}/news`);
  assert.equal(answer.status, 204);
  const tag = answer.headers.get('etag');
  answer = await fetch(`${http}/news`, { headers: { 'If-None-Match': tag } });
  assert.equal(answer.status, 304);
  let since = answer.headers.get('last-event-id');
  for (let number = 0; number < 20; number += 1) {
    await publish('news', `message ${number}`);
    const body = await (await fetch(`${http}/news?since=${since}`)).json();
    assert.deepEqual(dataOf(body), [`message ${number}`]);
    since = body.next;
  }
}

async function fetch_long_polls_in_a_loop() {
  let since = await publish('news', 'start');
  const expected = Array.from({ length: 50 }, (_, number) => `message ${number}`);
  const publishing = (async () => {
    for (const data of expected) await publish('news', data);
  })();
  const seen = [];
  while (seen.length < expected.length) {
    const answer = await fetch(`${http}/news?since=${since}`, { headers: { Prefer: 'wait=10' } });
    if (answer.status === 204) continue;
    const body = await answer.json();
    seen.push(...dataOf(body));
    since = body.next;
  }
  await publishing;
  assert.deepEqual(seen, expected);
}

async function fetch_reads_a_stream() {
  const given = new AbortController();
  const headers = { Accept: 'text/event-stream' };
  const answer = await fetch(`${http}/news`, { headers, signal: given.signal });
  assert.equal(answer.headers.get('content-type'), 'text/event-stream');
  await publish('news', 'hello');
  let text = '';
  for await (const chunk of answer.body.pipeThrough(new TextDecoderStream())) {
    text += chunk;
    if (text.includes('data: hello\n\n')) break;
  }
  given.abort();
}

await tell({ fetch_polls, fetch_long_polls_in_a_loop, fetch_reads_a_stream });
