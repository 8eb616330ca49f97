// SSE by Node's `eventsource`, which reconnects by itself as browsers do.

import assert from 'node:assert/strict';

import { Proxy } from '../support/proxy.mjs';
import { Inbox, foreign, http, port, publish, tell } from '../support/stage.mjs';

const { EventSource } = foreign('eventsource');

/** An open stream whose events come by `inbox` as [id, data]. */
async function open(url, name = 'message') {
  const source = new EventSource(url);
  const inbox = new Inbox();
  source.addEventListener(name, (event) => inbox.push([event.lastEventId, event.data]));
  await new Promise((resolve) => source.addEventListener('open', resolve, { once: true }));
  return { source, inbox };
}

async function eventsource_gets_named_events() {
  const plain = await open(`${http}/news`);
  const named = await open(`${http}/news`, 'myMsg');
  const first = await publish('news', 'unnamed');
  const second = await publish('news?event=myMsg', 'named\nof two lines');
  assert.deepEqual(await plain.inbox.next(), [first, 'unnamed']);
  assert.deepEqual(await named.inbox.next(), [second, 'named\nof two lines']);
}

async function eventsource_reconnects_and_misses_nothing() {
  const proxy = await Proxy.open(port);
  // This library forgets an `id:` without data, against the standard: it has no cursor before its
  // first message. Browsers have; `browser.rs` cuts before any message.
  const { source, inbox } = await open(`http://127.0.0.1:${proxy.port}/news`);
  const first = await publish('news', 'first');
  assert.deepEqual(await inbox.next(), [first, 'first']);
  const expected = [];
  for (let round = 0; round < 2; round += 1) {
    proxy.cut();
    for (const data of ['while', 'it', 'was', 'down']) {
      expected.push([await publish('news', `${data} ${round}`), `${data} ${round}`]);
    }
    proxy.mend();
    const opened = new Promise((resolve) => {
      source.addEventListener('open', resolve, { once: true });
    });
    await opened;
    expected.push([await publish('news', `up ${round}`), `up ${round}`]);
    assert.deepEqual(await inbox.take(5), expected.slice(-5));
  }
  source.close();
  proxy.close();
}

await tell({ eventsource_gets_named_events, eventsource_reconnects_and_misses_nothing });
