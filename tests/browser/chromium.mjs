// Facts that only a browser can tell. Called as `chromium.mjs PORT FACT CHROMIUM SCREENSHOTS`.

import assert from 'node:assert/strict';
import path from 'node:path';

import { Proxy } from '../support/proxy.mjs';
import { foreign, more, ponged, port, publish, tell } from '../support/stage.mjs';
import { args } from './chromium_args.mjs';

const { chromium } = foreign('playwright-core');
const [executablePath, screenshots] = more;

// What is to appear on a page has this many milliseconds.
const timeout = 20_000;

/** Opens a page in a browser with a fresh profile, gives it to `look`, and wants it error-free. */
async function visit(where, look, at = port) {
  const browser = await chromium.launch({ executablePath, args, headless: true });
  try {
    const page = await browser.newPage();
    const errors = [];
    page.on('console', (line) => line.type() === 'error' && errors.push(line.text()));
    page.on('pageerror', (error) => errors.push(String(error)));
    await page.goto(`http://localhost:${at}${where}`);
    await look(page, errors);
    assert.deepEqual(errors, []);
  } finally {
    await browser.close();
  }
}

/** Waits until the list on the page holds this many items, and compares. */
async function shown(page, expected) {
  const enough = (count) => document.querySelectorAll('#messages li').length >= count;
  await page.waitForFunction(enough, expected.length, { timeout });
  assert.deepEqual(await page.locator('#messages li').allTextContents(), expected);
}

async function set_interval_and_fetch_poll() {
  await visit('/static/set_interval.html', async (page) => {
    await publish('news', 'one');
    await shown(page, ['one']);
    await publish('news', 'two');
    await shown(page, ['one', 'two']);
  });
}

async function the_cache_revalidates_by_itself() {
  await visit('/static/set_interval.html', async (page) => {
    // The page itself sees 200 from the cache; what went over the wire shows below it.
    const wire = await page.context().newCDPSession(page);
    await wire.send('Network.enable');
    const unchanged = new Promise((resolve) => {
      wire.on('Network.responseReceivedExtraInfo', ({ statusCode }) => {
        if (statusCode === 304) resolve();
      });
    });
    await publish('news', 'one');
    await shown(page, ['one']);
    await unchanged;
    await publish('news', 'two');
    await shown(page, ['one', 'two']);
  });
}

async function a_long_poll_asks_again_by_itself() {
  await visit('/static/long_poll.html', async (page) => {
    const expected = [];
    for (let number = 0; number < 20; number += 1) {
      expected.push(`message ${number}`);
      await publish('news', `message ${number}`);
      // Every other time the page is let catch up and park, then it comes upon two at once.
      if (number % 2) await shown(page, expected);
    }
  });
}

async function a_websocket_sends_and_receives() {
  await visit('/static/websocket.html', async (page) => {
    await shown(page, ['Hello from the browser']);
    await publish('chat', 'Hello by POST');
    await page.evaluate(() => socket.send('ü😀'));
    await shown(page, ['Hello from the browser', 'Hello by POST', 'ü😀']);
    const closed = await page.evaluate(
      () =>
        new Promise((resolve) => {
          socket.onclose = ({ code, wasClean }) => resolve({ code, wasClean });
          socket.close(3000, 'enough');
        }),
    );
    assert.deepEqual(closed, { code: 3000, wasClean: true });
  });
}

async function a_websocket_is_echoed_text_bytes_and_a_mebibyte() {
  await visit('/static/websocket.html', async (page) => {
    // Compared within the page: what leaves it goes through the debugger's own WebSocket.
    const told = await page.evaluate(async () => {
      const socket = new WebSocket(`ws://${location.host}/echo`);
      socket.binaryType = 'arraybuffer';
      await new Promise((resolve) => (socket.onopen = resolve));
      const echo = (data) =>
        new Promise((resolve) => {
          socket.onmessage = (event) => resolve(event.data);
          socket.send(data);
        });
      const texts = ['', 'häßlich 😀', 'x'.repeat(65_536), 'm'.repeat(2 ** 20)];
      const told = [];
      for (const text of texts) told.push((await echo(text)) === text);
      for (const length of [0, 1, 125, 126, 65_535, 65_536, 2 ** 20]) {
        const bytes = Uint8Array.from({ length }, (_, at) => at % 251);
        const back = await echo(bytes.buffer);
        const same = (byte, at) => byte === bytes[at];
        const whole = back instanceof ArrayBuffer && back.byteLength === length;
        told.push(whole && new Uint8Array(back).every(same));
      }
      return told;
    });
    assert.deepEqual(told, Array(11).fill(true));
  });
}

async function a_websocket_answers_pings() {
  await visit('/static/websocket.html', async (page) => {
    await shown(page, ['Hello from the browser']);
    await ponged(2);
    await page.evaluate(() => socket.send('still here'));
    await shown(page, ['Hello from the browser', 'still here']);
  });
}

async function a_websocket_gets_close_codes() {
  await visit('/static/websocket.html', async (page) => {
    const closed = await page.evaluate(async () => {
      const closed = [];
      const last = [
        (socket) => socket.close(1000),
        (socket) => socket.close(4999, 'enough'),
        (socket) => socket.close(),
        (socket) => socket.send('m'.repeat(2 ** 20 + 1)),
      ];
      for (const say of last) {
        const socket = new WebSocket(`ws://${location.host}/echo`);
        await new Promise((resolve) => (socket.onopen = resolve));
        const event = new Promise((resolve) => (socket.onclose = resolve));
        say(socket);
        closed.push((await event).code);
      }
      return closed;
    });
    // A Close without a code is answered without one, which the interface calls 1005.
    assert.deepEqual(closed, [1000, 4999, 1005, 1009]);
  });
}

async function an_event_source_gets_messages_and_named_events() {
  await visit('/static/event_source.html', async (page) => {
    await page.waitForSelector('body[data-opened]', { state: 'attached', timeout });
    await publish('chat', 'plain');
    await publish('chat?event=myMsg', 'named');
    await publish('chat', 'of two\nlines');
    await shown(page, ['plain', 'myMsg: named', 'of two\nlines']);
  });
}

async function an_event_source_survives_a_cut() {
  const proxy = await Proxy.open(port);
  const look = async (page, errors) => {
    const expected = [];
    // Before the first cut no message has come: the cursor must have come with the stream itself.
    for (let round = 1; round <= 3; round += 1) {
      await page.waitForSelector(`body[data-opened="${round}"]`, { state: 'attached', timeout });
      if (round === 1) await proxy.carried('id:');
      proxy.cut();
      for (const data of ['while', 'it', 'was', 'down']) {
        await publish('chat', `${data} ${round}`);
        expected.push(`${data} ${round}`);
      }
      proxy.mend();
      await shown(page, expected);
      await publish('chat', `up ${round}`);
      expected.push(`up ${round}`);
      await shown(page, expected);
    }
    // Chromium tells each cut on the console; nothing else may stand there.
    const cut = /net::ERR_/;
    errors.splice(0, errors.length, ...errors.filter((text) => !cut.test(text)));
  };
  await visit('/static/event_source.html', look, proxy.port);
  proxy.close();
}

async function the_live_page_shows_a_message_in_every_lane() {
  await visit('/', async (page) => {
    const lanes = ['short_poll', 'long_poll', 'sse', 'websocket'].map((lane) =>
      page.locator(`[data-lane="${lane}"]`),
    );
    const send = async (text) => {
      await page.fill('#send #text', text);
      await page.press('#send #text', 'Enter');
    };
    const all = async (text) => {
      for (const lane of lanes) {
        await lane.locator('.message', { hasText: text }).first().waitFor({ timeout });
      }
    };
    await send('first of all');
    await all('first of all');
    await send('<b>ü😀</b>');
    await all('<b>ü😀</b>');
    await publish('chat', 'by another hand');
    await all('by another hand');
    for (const lane of lanes) {
      for (const text of ['first of all', '<b>ü😀</b>', 'by another hand']) {
        assert.equal(await lane.locator('.message', { hasText: text }).count(), 1, text);
      }
    }
    // Each lane shows what it costs; none of them nothing, once a message has gone out on it.
    for (const lane of ['short_poll', 'long_poll', 'sse', 'websocket']) {
      const total = page.locator(`[data-row="${lane}"] .total`, { hasText: /^\d+(\.\d)? (bytes|kB) · .* 3 messages$/ });
      await total.waitFor({ timeout });
    }
    await page.screenshot({ path: path.join(screenshots, 'live-page.png'), fullPage: true });
  });
}

await tell({
  set_interval_and_fetch_poll,
  the_cache_revalidates_by_itself,
  a_long_poll_asks_again_by_itself,
  a_websocket_sends_and_receives,
  a_websocket_is_echoed_text_bytes_and_a_mebibyte,
  a_websocket_answers_pings,
  a_websocket_gets_close_codes,
  an_event_source_gets_messages_and_named_events,
  an_event_source_survives_a_cut,
  the_live_page_shows_a_message_in_every_lane,
});
