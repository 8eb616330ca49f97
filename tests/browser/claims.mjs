// What tutorials say of EventSource, held against a browser. The server is the tutorial's own, in a
// few lines, with the mistakes that the claims are about. Called as `claims.mjs PORT FACT CHROMIUM`.

import assert from 'node:assert/strict';
import http from 'node:http';

import { foreign, more, tell } from '../support/stage.mjs';
import { args } from './chromium_args.mjs';

const { chromium } = foreign('playwright-core');
const [executablePath] = more;
const timeout = 20_000;

/** A server whose stream is answered by `stream`; tells when each request for it came and ended. */
async function tutorial(stream) {
  const visits = [];
  const server = http.createServer((request, response) => {
    if (request.url !== '/stream') {
      response.setHeader('Content-Type', 'text/html');
      response.end('<!doctype html><meta charset="utf-8"><link rel="icon" href="data:,"><title>t</title>');
      return;
    }
    visits.push({ came: performance.now(), lastId: request.headers['last-event-id'] });
    response.writeHead(200, { 'Content-Type': 'text/event-stream', 'Cache-Control': 'no-store' });
    stream(response, visits.length);
    response.on('close', () => {
      visits.at(-1).ended = performance.now();
    });
  });
  await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));
  return { visits, server, at: `http://127.0.0.1:${server.address().port}/` };
}

/** Opens an EventSource on that server, and lists what it fires until `enough` is true. */
async function events({ at, server }, enough) {
  const browser = await chromium.launch({ executablePath, args, headless: true });
  try {
    const page = await browser.newPage();
    await page.goto(at);
    await page.evaluate(() => {
      window.fired = [];
      const source = new EventSource('/stream');
      source.onmessage = (event) => window.fired.push(event.data);
    });
    await page.waitForFunction(enough, undefined, { timeout });
    return await page.evaluate(() => window.fired);
  } finally {
    await browser.close();
    server.closeAllConnections();
    server.close();
  }
}

/** A `data:` line fires nothing before the blank line that ends its event. */
async function a_data_line_without_a_blank_line_fires_nothing() {
  const stage = await tutorial((response) => {
    response.write('data: one\n');
    // What comes later is the same event, and it has two lines.
    setTimeout(() => response.write('data: two\n\n'), 300);
    setTimeout(() => response.write('data: three\n\n'), 600);
  });
  const fired = await events(stage, () => window.fired.length === 2);
  assert.deepEqual(fired, ['one\ntwo', 'three']);
}

/** A browser comes back by itself, with its cursor, and not at once. */
async function an_event_source_comes_back_by_itself_after_a_delay() {
  const stage = await tutorial((response, visit) => {
    response.end(`id: ${visit}\ndata: ${visit}\n\n`);
  });
  await events(stage, () => window.fired.length === 2);
  const [first, second] = stage.visits;
  const delay = second.came - first.ended;
  console.log(`came back after ${Math.round(delay)} ms`);
  assert.equal(second.lastId, '1');
  assert.ok(delay > 1_000, `${delay} ms`);
}

/** A stream that is ended after each event, with `retry:`, is polling: a request for each event. */
async function a_stream_that_ends_after_each_event_is_polling() {
  const retry = 400;
  const stage = await tutorial((response, visit) => {
    response.end(`retry: ${retry}\nid: ${visit}\ndata: ${visit}\n\n`);
  });
  const fired = await events(stage, () => window.fired.length === 4);
  assert.deepEqual(fired, ['1', '2', '3', '4']);
  const { visits } = stage;
  assert.ok(visits.length >= 4, 'a request for each event');
  for (let n = 1; n < 4; n += 1) {
    assert.ok(visits[n].came - visits[n - 1].came >= retry, 'latency is what retry: says');
  }
}

await tell({
  a_data_line_without_a_blank_line_fires_nothing,
  an_event_source_comes_back_by_itself_after_a_delay,
  a_stream_that_ends_after_each_event_is_polling,
});
