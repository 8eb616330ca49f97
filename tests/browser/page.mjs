// The live page, behind a proxy. Called as `page.mjs PORT FACT CHROMIUM SCREENSHOTS`.

import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';

import { Hindrance } from '../support/hindrance.mjs';
import { foreign, http, more, port, publish, tell } from '../support/stage.mjs';
import { args } from './chromium_args.mjs';

const { chromium } = foreign('playwright-core');
const [executablePath, screenshots] = more;
const topic = process.argv[3].slice(0, 64); // each fact has its own
const timeout = 60_000;
const LANES = ['short_poll', 'long_poll', 'sse', 'websocket'];

/** Gives `look` a function that opens the page in one more tab, and the proxy in between. */
async function browse(look, settings) {
  const proxy = await Hindrance.open(port);
  const browser = await chromium.launch({ executablePath, args, headless: true });
  try {
    const context = await browser.newContext(settings);
    const tab = async (before) => {
      const page = await context.newPage();
      if (before) await page.addInitScript(before);
      const errors = [];
      page.on('pageerror', (error) => errors.push(String(error)));
      await page.goto(`http://localhost:${proxy.port}/?topic=${topic}`);
      await page.locator('[data-state="open"]').nth(3).waitFor({ timeout });
      const lane = (name) => page.locator(`[data-lane="${name}"]`);
      const shows = (text) =>
        Promise.all(LANES.map((name) => lane(name).locator('.message', { hasText: text }).waitFor({ timeout })));
      return { page, errors, lane, shows };
    };
    await look({ proxy, tab });
  } finally {
    await browser.close();
    proxy.close();
  }
}

async function the_live_page_keeps_up_and_keeps_fifty_lines() {
  await browse(async ({ tab }) => {
    const { page, lane, shows, errors } = await tab(() => {
      // Every frame of the page, from its first to its last line of script.
      const ask = requestAnimationFrame;
      window.requestAnimationFrame = (draw) =>
        ask((at) => {
          const from = performance.now();
          draw(at);
          window.drawn?.push({ from, to: performance.now() });
        });
    });
    // What is seen is not a chance of the last frame: all came, in order, by every lane. And the page's
    // own marks: in which frame a lane put on the page what had come, and whether that was all.
    await page.evaluate(async () => {
      const { lanes } = await import('/-/page/page.js');
      window.marks = [];
      for (const lane of lanes) {
        const [line, flush] = [lane.line.bind(lane), lane.flush.bind(lane)];
        let newest;
        lane.line = (kind, text, title) => line(kind, (newest = text), title);
        lane.flush = () => {
          const came = lane.waiting.length;
          flush();
          const { lastElementChild: last, childElementCount: lines } = lane.lines;
          if (came) window.marks.push({ lane: lane.key, frame: window.drawn.length, lines, isShown: last.textContent === newest });
        };
      }
      window.drawn = [];
      window.seen = {};
      new MutationObserver((records) => {
        for (const { addedNodes } of records) {
          for (const node of addedNodes) {
            if (!node.classList?.contains('message')) continue;
            (window.seen[node.closest('.lane').dataset.lane] ??= []).push(node.textContent);
          }
        }
      }).observe(document.querySelector('main'), { childList: true, subtree: true });
    });
    const probe = await page.context().newCDPSession(page);
    // Its processor time, which does not count what other programs took from it meanwhile.
    await probe.send('Performance.enable', { timeDomain: 'threadTicks' });
    const busy = async () => {
      const { metrics } = await probe.send('Performance.getMetrics');
      return metrics.find(({ name }) => name === 'TaskDuration').value;
    };
    const before = await busy();
    const began = performance.now();
    for (let n = 0; n < 400; n += 1) {
      await publish(topic, `number ${n}.`);
      const due = began + 12.5 * (n + 1);
      await new Promise((resolve) => setTimeout(resolve, due - performance.now()));
    }
    const [last, seconds] = [performance.now(), (performance.now() - began) / 1000];
    const share = ((await busy()) - before) / seconds;
    await shows('number 399.');
    const late = performance.now() - last;
    const { marks, drawn } = await page.evaluate(() => ({ marks: window.marks, drawn: window.drawn }));
    for (const name of LANES) {
      const own = marks.filter((mark) => mark.lane === name);
      // No stopwatch, which a busy machine upsets: the next frame that a lane has shows all that came.
      assert.ok(own.every(({ isShown }) => isShown), `${name}: nothing waits for another frame`);
      assert.ok(own.every(({ lines }) => lines <= 50), name);
      const frames = own.map(({ frame }) => frame);
      assert.equal(new Set(frames).size, frames.length, `${name}: appended to once a frame`);
      assert.ok(frames.length <= drawn.length, name);
    }
    // The page paces itself by how long a frame took it: a slow machine has fewer frames, and not less rest.
    const spent = drawn.reduce((sum, { from, to }) => sum + to - from, 0);
    const passed = drawn.at(-1).to - drawn[0].from;
    assert.ok(spent < passed / 2, `${spent.toFixed(0)} of ${passed.toFixed(0)} ms were spent in ${drawn.length} frames`);
    console.log(`400 messages in ${seconds.toFixed(1)} s: main thread busy ${share.toFixed(2)}, the last one shown after ${late.toFixed(0)} ms`);
    const seen = await page.evaluate(() => window.seen);
    for (const name of LANES) {
      const lines = await lane(name).locator('.lines > *').allTextContents();
      assert.equal(lines.length, 50, name);
      assert.deepEqual(lines, Array.from({ length: 50 }, (_, n) => `number ${350 + n}.`), name);
      const numbers = seen[name].map((text) => Number(text.slice(7, -1)));
      // A lane may have been given more than it keeps between two frames; it never goes back.
      assert.ok(numbers.every((number, at) => at === 0 || number > numbers[at - 1]), name);
      await page.locator(`[data-row="${name}"] .total`, { hasText: '400 messages' }).waitFor({ timeout });
    }
    assert.deepEqual(errors, []);
  });
}

async function the_live_page_tells_in_words_that_the_server_is_gone() {
  await browse(async ({ proxy, tab }) => {
    const { page, shows, errors } = await tab();
    await page.fill('#text', 'before');
    await page.press('#text', 'Enter');
    await shows('before');
    await page.locator('#status', { hasText: /^Published by POST in .* ms, to 3 readers\.$/ }).waitFor({ timeout });
    proxy.set({ isDown: true });
    await page.locator('#status', { hasText: /^Server gone; next try / }).waitFor({ timeout });
    await page.locator('.state', { hasText: /^next try in \d+ s$/ }).first().waitFor({ timeout });
    // The text stays until the server has it.
    await page.fill('#text', 'while it was gone');
    await page.press('#text', 'Enter');
    await page.waitForFunction(() => document.querySelector('#text').readOnly, undefined, { timeout });
    assert.equal(await page.inputValue('#text'), 'while it was gone');
    await page.screenshot({ path: path.join(screenshots, 'server-gone.png') });
    proxy.set({ isDown: false });
    await shows('while it was gone');
    await page.waitForFunction(() => document.querySelector('#text').value === '', undefined, { timeout });
    await page.waitForFunction(() => !document.querySelector('#status').textContent.startsWith('Server gone'), undefined, { timeout });
    // Nothing is published: it is the lanes that find it, one after the other.
    proxy.set({ isDown: true });
    await page.locator('#status', { hasText: /^Server gone; next try / }).waitFor({ timeout });
    proxy.set({ isDown: false });
    await page.locator('#status', { hasText: /^The server is back\.$/ }).waitFor({ timeout });
    assert.deepEqual(errors, []);
  });
}

async function the_live_page_says_what_waits_for_a_connection() {
  await browse(async ({ tab }) => {
    const { page, lane, shows, errors } = await tab();
    const state = (name, hasText) => lane(name).locator('.state', { hasText }).waitFor({ timeout });
    // Six streams of somebody else: with those of the lanes, more than a browser opens to a server.
    await page.evaluate((topic) => {
      window.others = new AbortController();
      for (let n = 0; n < 6; n += 1) fetch(`/${topic}-2/sse`, { signal: window.others.signal }).catch(() => {});
    }, topic.slice(0, 60));
    await state('short_poll', /^queued/);
    // As well where a lane begins.
    for (const name of ['long_poll', 'short_poll']) {
      await lane(name).getByRole('switch').click();
      await lane(name).getByRole('switch').click();
      await state(name, /^queued/);
    }
    await page.fill('#text', 'it waits');
    await page.press('#text', 'Enter');
    await page.locator('#status', { hasText: /^On its way\. It waits for the server, or for one of the six/ }).waitFor({ timeout });
    assert.equal(await page.inputValue('#text'), 'it waits', 'kept until it is sent');
    await page.evaluate(() => window.others.abort());
    await shows('it waits');
    await page.waitForFunction(() => document.querySelector('#text').value === '', undefined, { timeout });
    await state('short_poll', /^asking$/);
    await state('long_poll', /^parked$/);
    assert.deepEqual(errors, []);
  });
}

async function the_live_page_publishes_whatever_becomes_of_its_lanes() {
  await browse(async ({ tab }) => {
    const { page, lane, errors } = await tab();
    const isShown = (name, hasText) => lane(name).locator('.message', { hasText }).waitFor({ timeout });
    // While it is on its way, lanes are restarted.
    let goOn;
    const held = new Promise((resolve) => (goOn = resolve));
    await page.route(`**/${topic}`, async (route) => {
      await held;
      await route.continue();
    });
    await page.fill('#text', 'on its way');
    await page.press('#text', 'Enter');
    await lane('short_poll').getByLabel('Interval').selectOption('0.5');
    for (const name of LANES) {
      await lane(name).getByRole('switch').click();
      await lane(name).getByRole('switch').click();
    }
    goOn();
    await page.locator('#status', { hasText: 'Published by POST in' }).waitFor({ timeout });
    for (const name of LANES) await isShown(name, 'on its way');
    // Some may not be read any more.
    await page.route(/\/poll\?/, (route) => route.fulfill({ status: 403, body: '' }));
    await publish(topic, 'the long poll asks again');
    for (const name of ['short_poll', 'long_poll']) {
      await lane(name).locator('.state', { hasText: /^refused$/ }).waitFor({ timeout });
    }
    await page.fill('#text', 'to the rest');
    await page.press('#text', 'Enter');
    await page.locator('#status', { hasText: 'Published by POST in' }).waitFor({ timeout });
    for (const name of ['sse', 'websocket']) await isShown(name, 'to the rest');
    assert.deepEqual(errors, []);
  });
}

async function the_live_page_works_in_four_tabs() {
  await browse(async ({ proxy, tab }) => {
    const tabs = [];
    for (let n = 0; n < 4; n += 1) tabs.push(await tab());
    for (const [n, { page }] of tabs.entries()) {
      await page.fill('#text', `from tab ${n}`);
      await page.press('#text', 'Enter');
      for (const { shows } of tabs) await shows(`from tab ${n}`);
    }
    assert.equal(proxy.seen.stream, 1, 'one event stream for all');
    // The tab that holds the connections is closed.
    await tabs.shift().page.close();
    await publish(topic, 'after the first tab');
    for (const { shows, errors } of tabs) {
      await shows('after the first tab');
      assert.deepEqual(errors, []);
    }
    await tabs[0].page.click('[value="websocket"]'); // nothing to send
    await tabs[0].page.fill('#text', 'by socket');
    await tabs[0].page.click('[value="websocket"]');
    for (const { shows } of tabs) await shows('by socket');
    await tabs[0].page.locator('#status', { hasText: 'Published by WebSocket in' }).waitFor({ timeout });
  });
}

async function the_live_page_can_be_used_by_everybody() {
  const axe = fs.readFileSync(foreign.resolve('axe-core/axe.min.js'), 'utf8');
  const look = async ({ tab }) => {
    const { page, lane, shows } = await tab();
    await publish(`${topic}?event=named`, 'hello');
    await shows('hello');
    // One lane is off, which has colours of its own, and one message is lit.
    await page.click('#older');
    await lane('long_poll').getByRole('switch').click();
    await page.evaluate(axe);
    for (const [colorScheme, language] of [['light', 'en'], ['dark', 'en'], ['light', 'zh'], ['dark', 'zh']]) {
      await page.emulateMedia({ colorScheme });
      await page.selectOption('#language', language);
      for (const width of [320, 390, 1024, 1440]) {
        const where = `${colorScheme}, ${language}, ${width} px`;
        await page.setViewportSize({ width, height: 800 });
        await page.screenshot({ path: path.join(screenshots, `page-${width}-${colorScheme}-${language}.png`), fullPage: true });
        if (width % 320 && width !== 1024) continue; // as one of those that are looked at closely
        const { violations } = await page.evaluate(() => window.axe.run());
        const found = violations.map(({ id, nodes }) => `${id}: ${nodes.map(({ target }) => target)}`);
        assert.deepEqual(found, [], where);
        const small = await page.evaluate(() =>
          [...document.querySelectorAll('button, input, select')]
            .filter((control) => control.checkVisibility() && Math.min(control.offsetWidth, control.offsetHeight) < 24)
            .map(({ outerHTML }) => outerHTML),
        );
        assert.deepEqual(small, [], `targets of 24 px: ${where}`);
        const wide = await page.evaluate(() => document.documentElement.scrollWidth);
        assert.ok(wide <= width, `${wide} px wide: ${where}`);
      }
    }
    // Colours of the reader's own choice, and no movement.
    await page.emulateMedia({ forcedColors: 'active', reducedMotion: 'reduce', colorScheme: 'light' });
    const { violations } = await page.evaluate(() => window.axe.run());
    assert.deepEqual(violations.map(({ id }) => id), [], 'forced colours');
    const inks = await page.evaluate(async () => {
      const { picture } = await import('/-/page/page.js');
      picture.layout();
      return new Set([...picture.rows.map(({ hue }) => hue.trim()), picture.colors.ink.trim()]).size;
    });
    assert.equal(inks, 1, 'all rows have the colour of text');
    await page.screenshot({ path: path.join(screenshots, 'page-forced-colours.png') });
  };
  // The policy of the page keeps axe out as it does everybody else.
  await browse(look, { bypassCSP: true });
}

async function the_live_page_waits_for_no_answer_that_does_not_come() {
  await browse(async ({ proxy, tab }) => {
    // Neither what is retained nor the costs are ever told: the lanes start all the same.
    const { page, errors } = await tab(() => {
      const ask = window.fetch;
      window.fetch = (url, init) => {
        if (!/\/info|\/-\/costs/.test(url)) return ask(url, init);
        return new Promise((_, fail) => init.signal?.addEventListener('abort', () => fail(init.signal.reason)));
      };
    });
    const text = page.locator('#text');
    const send = async (data) => {
      await text.fill(data);
      await page.locator('button[value="websocket"]').click();
      // Sooner than the server gives up who answers no Ping, which would free the field as well.
      await page.locator('#text:not([readonly])').waitFor({ timeout: 30_000 });
    };
    // A socket that never opens, one that is well, one that dies, and one more that is well.
    for (const [mutes, left] of [[true, 'x'], [false, ''], [true, 'x'], [false, '']]) {
      proxy.mutes = mutes;
      await send('x');
      assert.equal(await text.inputValue(), left, 'what was not published can be sent again');
    }
    // What the dead socket had brought to the server was not added again.
    const { messages } = await (await fetch(`${http}/${topic}/poll?since=earliest`)).json();
    assert.equal(messages.length, 2);
    assert.deepEqual(errors, []);
  });
}

await tell({
  the_live_page_waits_for_no_answer_that_does_not_come,
  the_live_page_keeps_up_and_keeps_fifty_lines,
  the_live_page_tells_in_words_that_the_server_is_gone,
  the_live_page_says_what_waits_for_a_connection,
  the_live_page_publishes_whatever_becomes_of_its_lanes,
  the_live_page_works_in_four_tabs,
  the_live_page_can_be_used_by_everybody,
});
