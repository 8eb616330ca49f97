// The picture of the live page: whether it is drawn from what happened, and what its controls do.
// Called as `picture.mjs PORT FACT CHROMIUM SCREENSHOTS TOLLWAY`. The browser talks to the server
// without a proxy, so that every byte that the page counts is one that the server has counted.

import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';

import { foreign, http, more, port, publish, tell } from '../support/stage.mjs';
import { args } from './chromium_args.mjs';

const { chromium } = foreign('playwright-core');
const [executablePath, screenshots, tollway] = more;
const topic = process.argv[3].slice(0, 64); // each fact has its own
const timeout = 60_000;
const LANES = ['short_poll', 'long_poll', 'sse', 'websocket'];

/** Gives `look` a function that opens the page in one more tab of one browser. */
async function browse(look, settings = {}, ignoreDefaultArgs = []) {
  const browser = await chromium.launch({ executablePath, args, headless: true, ignoreDefaultArgs });
  try {
    const context = await browser.newContext({ acceptDownloads: true, ...settings });
    const tab = async (at = port) => {
      const page = await context.newPage();
      const errors = [];
      page.on('pageerror', (error) => errors.push(String(error)));
      page.on('console', (line) => line.text().includes('Content Security Policy') && errors.push(line.text()));
      await page.goto(`http://localhost:${at}/?topic=${topic}`);
      await page.locator('[data-state="open"]').nth(3).waitFor({ timeout });
      const lane = (name) => page.locator(`[data-lane="${name}"]`);
      const shows = (text) =>
        Promise.all(LANES.map((name) => lane(name).locator('.message', { hasText: text }).last().waitFor({ timeout })));
      return { page, errors, lane, shows };
    };
    await look({ context, tab });
  } finally {
    await browser.close();
  }
}

/** Waits until that holds in the page. `waitForFunction` takes any promise for a yes. `tell` bounds the loop. */
async function until(page, holds, argument) {
  while (!(await page.evaluate(holds, argument))) await page.waitForTimeout(20);
}

/** What the page recorded and what the ledger says of it, lane by lane, when both stand still. */
async function compared(page) {
  return page.evaluate(async () => {
    const { costs, records, tags } = await import('/-/page/page.js');
    const ledger = async () => {
      const answer = await fetch(`/-/costs?tag=${Object.values(tags)}`, { cache: 'no-store' });
      return (await answer.json()).tags;
    };
    const rows = await ledger();
    await costs.look();
    return Object.keys(records).map((lane) => {
      const { asked, empty, givenUp, arrows } = records[lane];
      const up = arrows.filter((arrow) => arrow.up);
      const sum = (of) => up.reduce((sum, arrow) => sum + of(arrow), 0);
      const row = rows[tags[lane]];
      return {
        lane, givenUp,
        seen: {
          requests: asked, empty, messages: new Set(up.flatMap(({ ids }) => ids.map(({ id }) => id))).size,
          text: sum(({ text = 0 }) => text), wrapping: sum(({ text = 0, wire = 0 }) => wire - text),
          answerHeads: lane === 'websocket' ? undefined : sum(({ head = 0 }) => head),
        },
        counted: {
          requests: row.requests, empty: row.answers_empty, messages: row.messages,
          text: row.bytes_out.payload, wrapping: row.bytes_out.framing,
          // A page is not shown the answer to a handshake.
          answerHeads: lane === 'websocket' ? undefined : row.bytes_out.head,
        },
        shown: { requests: costs.of(lane).requests, total: costs.of(lane).total },
        total: row.bytes_in.total + row.bytes_out.total,
        isExact: [...records[lane].kinds].length === 1,
      };
    });
  });
}

/** Publishes in all ways, and waits until every lane has it. */
async function say(page, shows) {
  await page.fill('#text', 'by post');
  await page.click('[value="post"]');
  await shows('by post');
  await page.fill('#text', 'ünïcödé by socket 😀');
  await page.click('[value="websocket"]');
  await shows('by socket');
  await publish(`${topic}?event=named`, 'two\nlines');
  // Ends a line in a pattern, and no line of an event stream.
  for (const end of ['\u2028', '\u2029']) await publish(topic, `one${end}event: gap${end}data: two`);
  await publish(topic, 'x'.repeat(70_000)); // a frame whose length takes eight bytes
  await publish(topic, 'last of all');
  await shows('last of all');
}

/** Whether a tab was asked for nothing that it did not see the answer of. If so, it has been compared. */
async function isComparable({ page, shows, errors }) {
  await say(page, shows);
  // The short poll goes on: an answer may be counted and not be here yet. They meet between two polls.
  const meets = ({ seen, counted }) => seen.requests === counted.requests && seen.empty === counted.empty;
  let rows;
  for (let tries = 0; tries < 100 && !rows?.every(meets); tries += 1) {
    if (tries > 0) await page.waitForTimeout(200);
    rows = await compared(page);
    // A lane that is started anew gives up what it was asking, and the server may have answered.
    if (rows.some(({ givenUp }) => givenUp > 0)) return false;
  }
  for (const { lane, seen, counted } of rows) assert.deepEqual(seen, counted, lane);
  for (const { lane, shown, total } of rows.slice(1)) assert.deepEqual(shown.total, total, lane);
  assert.deepEqual(errors, []);
  return true;
}

async function the_picture_is_what_the_ledger_has_counted() {
  let isDone = false;
  for (let tries = 0; tries < 5 && !isDone; tries += 1) {
    await browse(async ({ tab }) => {
      isDone = await isComparable(await tab());
    });
  }
  assert(isDone, 'each page has given up a request');
}

/** Asks for reports until each lane has so many messages: one that is asked for soon after another may be that one. */
async function counted(page, count) {
  for (;;) { // `tell` bounds the loop
    const messages = await page.evaluate(async () => {
      const { costs } = await import('/-/page/page.js');
      await costs.look();
      return Object.keys(costs.tags).map((lane) => costs.of(lane).messages);
    });
    if (messages.every((n) => n >= count)) return messages;
  }
}

async function what_is_added_up_has_one_unit_in_all_rows() {
  await browse(async ({ tab }) => {
    const { page, shows, errors } = await tab();
    const cells = async (part) => {
      await page.evaluate(async () => (await import('/-/page/page.js')).costs.look());
      return page.locator(`.row ${part}`).allTextContents();
    };
    const each = async (part, pattern) => {
      for (const text of await cells(part)) assert.match(text, pattern);
    };
    await publish(topic, 'a few bytes');
    await shows('a few bytes');
    await counted(page, 1);
    await each('.total', /^\d+ bytes · /);
    await each('.why', /^\d+ bytes of /);
    // From ten thousand bytes of the dearest lane on, all are in kB; what a message takes is small still.
    await publish(topic, 'x'.repeat(12_000));
    for (let n = 0; n < 9; n += 1) await publish(topic, `small ${n}.`);
    await shows('small 8.');
    await counted(page, 11);
    await each('.total', /^\d+\.\d kB · /);
    await each('.why', /^\d+\.\d kB of (\d+\.\d kB were heads|heads to begin with\. Then \d+ bytes around each text)/);
    await each('[data-unit=bytes]', /^bytes a message$/);
    await each('[data-figure=bytes]', /^\d+$/);
    // What is pointed at is exact.
    await page.evaluate(async () => {
      const { picture } = await import('/-/page/page.js');
      picture.pause(true);
      picture.point(picture.rows[3].record.arrows.find(({ text }) => text === 12_000));
    });
    assert.match(await page.locator('#detail').innerText(), /Frame: 120\d\d bytes = 12000 of text \+ \d+ of wrapping/);
    assert.deepEqual(errors, []);
  });
}

async function pointing_shows_the_bytes_of_an_arrow_and_of_a_message() {
  await browse(async ({ tab }) => {
    const { page, shows, errors } = await tab();
    await publish(topic, 'hello');
    await shows('hello');
    await counted(page, 1);
    await page.click('#older');
    assert.equal(await page.getAttribute('#pause', 'aria-pressed'), 'true', 'it stands still');
    for (const lane of LANES) {
      const words = await page.locator(`[data-row="${lane}"] .why`).innerText();
      assert.match(words, /^A: .* after it was published, \d+ bytes\.$/, lane);
    }
    // By the keyboard: the WebSocket's row is the last one, and its last arrow is the frame.
    const factors = await page.locator('[data-figure=factor]').allTextContents();
    assert.equal(factors.filter((factor) => factor === '×1').length, 1, `one is the cheapest: ${factors}`);
    await page.focus('#picture canvas');
    for (let n = 0; n < 3; n += 1) await page.keyboard.press('ArrowDown');
    for (let n = 0; n < 9; n += 1) await page.keyboard.press('ArrowRight');
    const detail = page.locator('#detail');
    // {"id":"…","data":"hello"} in a frame with a header of two bytes.
    await detail.locator('.bits', { hasText: /1FIN last piece000RSV plain0001opcode text0MASK not masked[01]{7}length \d+ bytes follow/ }).waitFor();
    assert.match(await detail.innerText(), /^WebSocket · A Frame: (\d+) bytes = 5 of text \+ \d+ of wrapping, 2 of that its header:/);
    await page.keyboard.press('ArrowUp');
    assert.match(await detail.innerText(), /^SSE · A Event: \d+ bytes = 5 of text/);
    // By the pointer: the same arrow of the SSE.
    const [x, y] = await page.evaluate(async () => {
      const { picture } = await import('/-/page/page.js');
      const row = picture.rows[2];
      const { x1, y1, x2, y2 } = picture.view.ends(picture.pointed, row);
      return [(x1 + x2) / 2, (y1 + y2) / 2];
    });
    await page.evaluate(() => document.activeElement.blur());
    assert.equal(await detail.innerText(), '');
    await page.locator('#picture canvas').hover({ position: { x, y } });
    assert.match(await detail.innerText(), /^SSE · A Event: \d+ bytes = 5 of text/);
    assert.deepEqual(errors, []);
  });
}

async function every_control_does_what_it_says() {
  await browse(async ({ tab }) => {
    await publish(topic, 'kept');
    const { page, lane, shows, errors } = await tab();
    await page.getByRole('button', { name: '1 kept: replay' }).waitFor({ timeout });
    // What is offered is what is kept now, and not when the page was opened.
    await publish(topic, 'one more');
    await page.getByRole('button', { name: '2 kept: replay' }).click();
    await shows('kept');
    assert.equal(await page.isVisible('#replay'), false);
    await page.click('#every');
    await shows('tick 2');
    await page.click('#every');
    assert.equal(await page.getAttribute('#every', 'aria-pressed'), 'false');
    await page.selectOption('#span', '10');
    assert.match(await page.locator('#picture canvas').getAttribute('aria-label'), /the last 10 s/);
    await page.check('#whole');
    await page.locator('[data-row="sse"] .why', { hasText: 'All readers of this server' }).waitFor({ timeout });
    await page.uncheck('#whole');
    await page.locator('[data-row="sse"] .why', { hasText: 'to begin with' }).waitFor({ timeout });
    await page.click('#pause');
    const end = () => page.evaluate(async () => (await import('/-/page/page.js')).picture.view.to);
    assert.equal(await end(), await end(), 'it stands still');
    // And so do the figures beside it, whatever comes meanwhile.
    const figures = () => page.evaluate(async () => {
      await (await import('/-/page/page.js')).costs.look();
      return document.querySelector('.rows').innerText;
    });
    const before = await figures();
    await publish(topic, 'while it stood still');
    await shows('while it stood still');
    assert.equal(await figures(), before);
    await page.click('#pause');
    while ((await figures()) === before); // `tell` bounds the loop
    for (const kind of ['svg', 'png']) {
      const [download] = await Promise.all([page.waitForEvent('download'), page.click(`#${kind}`)]);
      const file = path.join(screenshots, `slide.${kind}`);
      await download.saveAs(file);
      const text = fs.readFileSync(file);
      if (kind === 'svg') assert.match(text.toString(), /^<svg [^]*The same messages, four ways[^]*<\/svg>$/);
      else assert.deepEqual([...text.subarray(1, 4)], [...Buffer.from('PNG')]);
    }
    await lane('long_poll').getByRole('switch').click();
    assert.equal(await lane('long_poll').getAttribute('data-state'), 'off');
    await publish(topic, 'while it was off');
    await lane('long_poll').getByRole('switch').click();
    await shows('while it was off');
    await lane('short_poll').getByLabel('Interval').selectOption('0.5');
    await publish(topic, 'in half a second');
    await shows('in half a second');
    await page.selectOption('#language', 'zh');
    await page.getByRole('heading', { name: '同样的消息，四种走法' }).waitFor();
    assert.equal(await page.getAttribute('html', 'lang'), 'zh-Hans');
    await page.reload();
    await page.getByRole('button', { name: '用 POST 发送' }).waitFor();
    await page.selectOption('#language', 'en');
    await page.getByRole('button', { name: 'Send by POST' }).waitFor();
    await page.fill('#topic', `${topic.slice(0, 60)}-2`);
    await page.click('#join button');
    await page.waitForURL(/-2$/);
    assert.deepEqual(errors, []);
  });
}

async function what_was_published_before_has_no_milliseconds() {
  await browse(async ({ tab }) => {
    await publish(topic, 'kept');
    const { page, shows, errors } = await tab();
    const figures = () => page.locator('[data-figure=ms]').allTextContents();
    await page.getByRole('button', { name: '1 kept: replay' }).click();
    await shows('kept');
    await counted(page, 1);
    assert.deepEqual(await figures(), ['–', '–', '–', '–']);
    await page.click('#older');
    for (const words of await page.locator('.row .why').allInnerTexts()) {
      assert.match(words, /^A: when it was published is not known, \d+ bytes\.$/);
    }
    await page.click('#pause');
    // Of what is sent from here, it is known.
    await page.fill('#text', 'from here');
    await page.press('#text', 'Enter');
    await shows('from here');
    await page.locator('#status', { hasText: 'Published by POST in' }).waitFor({ timeout });
    await counted(page, 2);
    for (const figure of await figures()) assert.match(figure, /^\d/);
    assert.deepEqual(errors, []);
  });
}

/** What of a lane is held, and goes on, as a tab has heard. */
const goesOn = (page, lane, count) =>
  until(page, async ([lane, count]) => {
    const { records } = await import('/-/page/page.js');
    return records[lane].holds.filter(({ to }) => to === undefined).length === count;
  }, [lane, count]);

async function a_tab_that_goes_holds_nothing_open_in_others() {
  await browse(async ({ tab }) => {
    const [here, other] = [await tab(), await tab()];
    const toggle = ({ lane }, name) => lane(name).getByRole('switch').click();
    // It is the other tab that reads, and this one has seen it begin.
    await toggle(here, 'websocket');
    await toggle(other, 'websocket');
    await goesOn(here.page, 'websocket', 0);
    await toggle(other, 'websocket');
    await goesOn(here.page, 'websocket', 1);
    await other.page.goto('about:blank');
    await goesOn(here.page, 'websocket', 0);
    // One that goes without a word is followed by another that reads.
    const held = await here.page.evaluate(async () => {
      const { Record } = await import('/-/page/record.js');
      const { now } = await import('/-/page/tap.js');
      const record = new Record('long_poll');
      for (const n of ['gone', 'next']) {
        record.take({ what: 'ask', n, at: now(), target: '/a/poll?since=e-1&wait=30', waits: true });
        await new Promise((over) => setTimeout(over, 5));
      }
      return record.holds.map(({ to }) => to !== undefined);
    });
    assert.deepEqual(held, [true, false]);
    for (const { errors } of [here, other]) assert.deepEqual(errors, []);
  });
}

async function a_tab_that_was_put_away_is_heard_again() {
  await browse(async ({ tab }) => {
    const { page, errors } = await tab();
    const heard = await page.evaluate(async () => {
      const { Shared } = await import('/-/page/record.js');
      const heard = [];
      const [near, far] = [new Shared('a test', () => {}), new Shared('a test', ({ word }) => heard.push(word))];
      near.close();
      near.tell({ word: 'while it was away' });
      // Longer than it keeps what it has to tell.
      await new Promise((over) => setTimeout(over, 300));
      near.open();
      near.tell({ word: 'again' });
      const late = performance.now() + 10_000;
      while (!heard.length && performance.now() < late) await new Promise((over) => setTimeout(over, 20));
      far.close();
      return heard;
    });
    assert.deepEqual(heard, ['again']);
    assert.deepEqual(errors, []);
  });
}

async function all_tabs_poll_at_one_interval() {
  await browse(async ({ tab }) => {
    const tabs = [await tab(), await tab()];
    const isChosen = ({ page, lane }, seconds) =>
      until(page, async (seconds) => {
        const { lanes } = await import('/-/page/page.js');
        return lanes[0].interval.value === seconds;
      }, seconds).then(() => lane('short_poll').and(page.locator('[data-state="open"]')).waitFor({ timeout }));
    await tabs[1].lane('short_poll').getByLabel('Interval').selectOption('0.5');
    tabs.push(await tab());
    for (const each of tabs) await isChosen(each, '0.5');
    await publish(topic, 'to all');
    for (const { shows, errors } of tabs) {
      await shows('to all');
      assert.deepEqual(errors, []);
    }
  });
}

async function the_page_speaks_the_language_of_the_browser() {
  await browse(
    async ({ tab }) => {
      const { page, errors } = await tab();
      assert.equal(await page.getAttribute('html', 'lang'), 'zh-Hans');
      assert.equal(await page.locator('[data-row="short_poll"] h3').innerText(), '短轮询');
      // Every word that stands on the page is in that language; names and addresses are not words.
      const text = await page.evaluate(() => document.body.innerText);
      const english = text.match(/\b(the|and|of|message|request|server|open|answer|empty)\b/gi);
      assert.deepEqual(english, null);
      const options = await page.locator('#span option, .wire option').allTextContents();
      assert.deepEqual(options, ['10 秒', '30 秒', '0.5 秒', '1 秒', '2 秒', '5 秒']);
      assert.deepEqual(errors, []);
    },
    { locale: 'zh-CN' },
  );
}

async function six_tabs_show_one_picture() {
  await browse(async ({ tab }) => {
    const tabs = [];
    for (let n = 0; n < 6; n += 1) tabs.push(await tab());
    for (const count of [2, 3, 6]) {
      await publish(topic, `for ${count} tabs`);
      for (const { shows } of tabs.slice(0, count)) await shows(`for ${count} tabs`);
    }
    // The last tab reads nothing itself, and its picture has the messages all the same.
    for (const { page } of tabs) {
      await until(page, async () => {
        const { records } = await import('/-/page/page.js');
        return Object.values(records).every(({ arrows }) => arrows.filter(({ ids }) => ids.length).length >= 3);
      });
    }
    const rows = await (await fetch(`${http}/-/connections?limit=1000`)).json();
    const open = rows.connections.filter(({ state, technique }) => technique === 'sse' && state === 'streaming');
    assert.equal(open.length, 1, 'one event stream for all');
    for (const { errors } of tabs) assert.deepEqual(errors, []);
  });
}

async function the_back_button_brings_the_page_as_it_was() {
  const look = async ({ tab }) => {
    const { page, shows, errors } = await tab();
    await publish(topic, 'before');
    await shows('before');
    await page.evaluate(() => {
      window.mark = 'as it was';
      addEventListener('pageshow', ({ persisted }) => (window.shown = persisted));
    });
    await page.goto(`http://localhost:${port}/-/healthy`);
    assert.equal(await page.evaluate(() => window.mark), undefined, 'it is another page');
    await publish(topic, 'while it was away');
    // A page that is brought back is not loaded, which `goBack` would wait for.
    await page.evaluate(() => history.back()).catch(() => {});
    await page.waitForFunction(() => window.shown === true, undefined, { timeout });
    assert.equal(await page.evaluate(() => window.mark), 'as it was');
    await shows('before');
    await shows('while it was away');
    await page.locator('[data-state="open"]').nth(3).waitFor({ timeout });
    await publish(topic, 'after');
    await shows('after');
    await until(page, async () => {
      const { records } = await import('/-/page/page.js');
      return Object.values(records).every(({ arrows }) =>
        arrows.some(({ ids }) => ids.some(({ data }) => data === 'after')));
    });
    assert.deepEqual(errors, []);
  };
  // Programs that drive a browser turn this off, so that each page they open is a new one.
  await browse(look, {}, ['--disable-back-forward-cache']);
}

/** Starts a server on `at`, 0 for any port, and gives its process and port. */
async function serve(at) {
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'tollway-picture-'));
  const file = path.join(folder, 'port');
  const server = spawn(tollway, ['--listen', `127.0.0.1:${at}`, '--threads', '2', '--port-file', file], { stdio: 'ignore' });
  for (;;) {
    const ports = fs.existsSync(file) ? fs.readFileSync(file, 'utf8').split('\n') : [];
    if (ports.length > 1) break; // `tell` bounds the loop
    assert.equal(server.exitCode, null, 'the server has ended');
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
  const found = Number(fs.readFileSync(file, 'utf8').split('\n')[0]);
  fs.rmSync(folder, { recursive: true });
  return { server, found };
}

async function a_server_that_is_killed_and_started_again_is_counted_on() {
  let { server, found } = await serve(0);
  try {
    await browse(async ({ tab }) => {
      const { page, shows, errors } = await tab(found);
      const post = (text) => fetch(`http://127.0.0.1:${found}/${topic}`, { method: 'POST', body: text });
      await post('before');
      await shows('before');
      assert.deepEqual(await counted(page, 1), [1, 1, 1, 1]);
      const ended = new Promise((resolve) => server.on('exit', resolve));
      server.kill('SIGKILL');
      await ended;
      await page.locator('#status', { hasText: /^Server gone/ }).waitFor({ timeout });
      await page.fill('#text', 'while it was gone');
      await page.press('#text', 'Enter');
      await page.locator('#text[readonly]').waitFor({ timeout });
      const began = Date.now();
      ({ server } = await serve(found));
      await shows('while it was gone');
      const published = await page.evaluate(async () => {
        const { messages } = await import('/-/page/record.js');
        return [...messages.values()].find(({ data }) => data === 'while it was gone').at;
      });
      assert.ok(published > began, 'it is drawn where the server took it, and not where it was first sent');
      await page.locator('.gap[title^="between "]', { hasText: 'Messages are missing here: the server was started anew' }).nth(3).waitFor({ timeout });
      for (const note of await page.locator('.note').allTextContents()) assert.doesNotMatch(note, /nothing is lost|\d/);
      await page.locator('[data-state="open"]').nth(3).waitFor({ timeout });
      await post('after');
      await shows('after');
      // Its ledger began at nothing; what the page has counted is still there.
      await counted(page, 3);
      assert.deepEqual(errors, []);
    });
  } finally {
    server.kill();
  }
}

async function the_picture_goes_on_after_the_network_and_the_back_button() {
  await browse(async ({ context, tab }) => {
    const { page, shows, errors } = await tab();
    await context.setOffline(true);
    await page.locator('.state', { hasText: 'no network' }).first().waitFor({ timeout });
    await publish(topic, 'while there was no network');
    await context.setOffline(false);
    await shows('while there was no network');
    // A page that is put away and brought back, as the Back button does it.
    await page.evaluate(() => dispatchEvent(new PageTransitionEvent('pagehide', { persisted: true })));
    await publish(topic, 'while it was away');
    await page.evaluate(() => dispatchEvent(new PageTransitionEvent('pageshow', { persisted: true })));
    await shows('while it was away');
    await until(page, async () => {
      const { records } = await import('/-/page/page.js');
      return Object.values(records).every(({ arrows }) =>
        arrows.some(({ ids }) => ids.some(({ data }) => data === 'while it was away')));
    });
    assert.deepEqual(errors, []);
  });
}

await tell({
  the_picture_is_what_the_ledger_has_counted,
  what_is_added_up_has_one_unit_in_all_rows,
  pointing_shows_the_bytes_of_an_arrow_and_of_a_message,
  every_control_does_what_it_says,
  what_was_published_before_has_no_milliseconds,
  a_tab_that_goes_holds_nothing_open_in_others,
  a_tab_that_was_put_away_is_heard_again,
  all_tabs_poll_at_one_interval,
  the_page_speaks_the_language_of_the_browser,
  six_tabs_show_one_picture,
  the_back_button_brings_the_page_as_it_was,
  a_server_that_is_killed_and_started_again_is_counted_on,
  the_picture_goes_on_after_the_network_and_the_back_button,
});
