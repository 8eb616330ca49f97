// Rights in Chromium: what EventSource and WebSocket can show, and what a browser sends by itself.
// Called as `rights.mjs PORT FACT CHROMIUM`.

import assert from 'node:assert/strict';
import fs from 'node:fs';
import { createServer } from 'node:http';

import { foreign, http, more, port, tell } from '../support/stage.mjs';
import { args } from './chromium_args.mjs';

const { chromium } = foreign('playwright-core');
const [executablePath] = more;
const TOKEN = 'both-rights-of-the-operator';

/** Opens a page of the server that asks for nothing by itself. */
async function browse(look) {
  const browser = await chromium.launch({ executablePath, args, headless: true });
  try {
    const context = await browser.newContext();
    const page = await context.newPage();
    await page.goto(`${http}/-/healthy`);
    await look(page, context);
  } finally {
    await browser.close();
  }
}

/** In the page: opens a stream and a socket at these URLs, says something, and tells what came. */
const opened = ({ source, socket, headers }) =>
  new Promise((resolve) => {
    const heard = {};
    const note = (name, what) => {
      heard[name] = what;
      if (heard.source && heard.socket) resolve(heard);
    };
    const stream = new EventSource(source);
    stream.onmessage = ({ data }) => note('source', data);
    stream.onerror = () => stream.readyState === 2 && note('source', 'refused');
    stream.onopen = () => fetch('/news', { method: 'POST', body: 'streamed', headers });
    const line = new WebSocket(socket);
    line.onopen = () => line.send('said');
    line.onmessage = ({ data }) => data === 'said' && note('socket', data);
    line.onclose = () => note('socket', 'refused');
  });

async function an_event_source_and_a_websocket_open_by_a_ticket() {
  await browse(async (page) => {
    const headers = { Authorization: `Bearer ${TOKEN}` };
    const tickets = await page.evaluate(async (headers) => {
      const ticket = async () => (await (await fetch('/-/ticket', { method: 'POST', headers })).json()).ticket;
      return [await ticket(), await ticket()];
    }, headers);
    const [first, second] = tickets;
    const socket = `ws://127.0.0.1:${port}/news?ticket=${second}`;
    const urls = { source: `/news?ticket=${first}`, socket, headers };
    const heard = await page.evaluate(opened, urls);
    assert.equal(heard.socket, 'said');
    assert.ok(['said', 'streamed'].includes(heard.source), heard.source);
    assert.deepEqual(await page.evaluate(opened, urls), { source: 'refused', socket: 'refused' });
  });
}

async function a_cookie_serves_its_own_page_and_no_other() {
  // A page of another program on this machine: the cookie goes along, whatever its port.
  const stranger = createServer((_, response) => {
    response.setHeader('Content-Type', 'text/html');
    response.end('<!doctype html><link rel="icon" href="data:,"><title>stranger</title>');
  });
  await new Promise((resolve) => stranger.listen(0, '127.0.0.1', resolve));
  await browse(async (page, context) => {
    await context.addCookies([{ name: 'tollway_token', value: TOKEN, url: http, sameSite: 'Lax' }]);
    const urls = { source: '/news', socket: `ws://127.0.0.1:${port}/news`, headers: {} };
    const heard = await page.evaluate(opened, urls);
    assert.equal(heard.socket, 'said');
    assert.ok(['said', 'streamed'].includes(heard.source), heard.source);
    await page.goto(`http://127.0.0.1:${stranger.address().port}/`);
    const foreignUrls = { ...urls, source: `${http}/news` };
    assert.deepEqual(await page.evaluate(opened, foreignUrls), { source: 'refused', socket: 'refused' });
  });
  stranger.close();
}

async function the_live_page_asks_for_tokens_and_shows_them_in_no_url() {
  const ADMIN = 'reports-for-the-operator';
  const browser = await chromium.launch({ executablePath, args, headless: true });
  const axe = fs.readFileSync(foreign.resolve('axe-core/axe.min.js'), 'utf8');
  // The policy of the page keeps axe out as it does everybody else.
  const context = await browser.newContext({ bypassCSP: true });
  const [urls, errors] = [[], []];
  const open = async (within = context) => {
    const page = await within.newPage();
    page.on('request', (request) => urls.push(request.url()));
    page.on('websocket', (socket) => urls.push(socket.url()));
    page.on('pageerror', (error) => errors.push(String(error)));
    await page.goto(`${http}/?topic=news`);
    return page;
  };
  const page = await open();
  const [label, told, field] = ['label', 'p', 'input'].map((part) => page.locator(`#token ${part}`));
  const wait = (locator, hasText) => locator.filter({ hasText }).first().waitFor({ timeout: 30_000 });
  const show = async (token) => {
    await field.fill(token);
    await field.press('Enter');
  };
  const inAllLanes = async (data) => {
    for (const name of ['short_poll', 'long_poll', 'sse', 'websocket']) {
      await wait(page.locator(`[data-lane="${name}"] .message`), data);
    }
  };
  const publish = async (data, way) => {
    await page.fill('#text', data);
    await page.click(`[value="${way}"]`);
    await inAllLanes(data);
  };
  /** The form as those use it who cannot see it, and at the width of a small phone. */
  const canBeUsed = async (where) => {
    await page.setViewportSize({ width: 320, height: 800 });
    for (const colorScheme of ['light', 'dark']) {
      await page.emulateMedia({ colorScheme });
      const { violations } = await page.evaluate(() => window.axe.run());
      assert.deepEqual(violations.map(({ id, nodes }) => `${id}: ${nodes.map(({ target }) => target)}`), [], where);
    }
    assert.ok((await page.evaluate(() => document.documentElement.scrollWidth)) <= 320, where);
    await page.setViewportSize({ width: 1280, height: 720 });
  };
  await wait(label, 'A token, to read and to publish:');
  await page.evaluate(axe);
  await canBeUsed('a token is asked for');
  assert.equal(await field.getAttribute('name'), null, 'a form that is sent by mistake brings it nowhere');
  await show('nobody-has-given-this-one');
  await wait(told, 'Nobody here knows this token');
  await canBeUsed('it was refused');
  await show(TOKEN);
  await page.locator('[data-state="open"]').nth(3).waitFor();
  await publish('by POST', 'post');
  await publish('by WebSocket', 'websocket');
  await wait(label, 'An admin token, to see what it costs:');
  await wait(page.locator('[data-row="sse"] .why'), 'It takes an admin token');
  await canBeUsed('an admin token is asked for');
  const streams = () => urls.filter((url) => url.includes('/sse?')).length;
  const before = streams();
  await show(ADMIN);
  await page.locator('#token').waitFor({ state: 'hidden' });
  await page.locator('[data-state="open"]').nth(3).waitFor();
  await publish('and its costs', 'post');
  for (const name of ['short_poll', 'long_poll', 'sse', 'websocket']) {
    await wait(page.locator(`[data-row="${name}"] .total`), '1 message');
  }
  assert.equal(streams(), before, 'what is open reads on: the token was for costs alone');
  // It is there when the page is loaded anew, and not in another tab.
  await page.reload();
  await page.locator('[data-state="open"]').nth(3).waitFor();
  assert.ok(await page.locator('#token').isHidden());
  const other = await open();
  await other.locator('#token').waitFor();
  // What is being typed stays what it was asked for, whatever is asked for meanwhile.
  const typed = await other.evaluate(async () => {
    const { Tokens } = await import('/-/page/token.js');
    const form = document.querySelector('#token').cloneNode(true);
    const [label, field] = ['label', 'input'].map((part) => form.querySelector(part));
    const shown = [];
    const tokens = new Tokens(form, (purpose) => shown.push(purpose));
    tokens.ask('costs', new Error('for costs'));
    const asked = label.textContent;
    field.value = 'half-a-tok';
    tokens.ask('read', new Error('for reading'));
    const [value, isSame] = [field.value, label.textContent === asked];
    form.onsubmit(new Event('submit'));
    tokens.ask('read', new Error('for reading'));
    return { value, isSame, shown, isAskedLater: label.textContent !== asked, kept: sessionStorage.getItem('tollway costs token') };
  });
  assert.deepEqual(typed, { value: 'half-a-tok', isSame: true, shown: ['costs'], isAskedLater: true, kept: 'half-a-tok' });
  // In Chinese, what the server says in English is quoted behind a sentence.
  const chinese = await open(await browser.newContext({ locale: 'zh-CN' }));
  await chinese.locator('#token').waitFor();
  await chinese.fill('#token input', 'nobody-has-given-this-one');
  await chinese.press('#token input', 'Enter');
  await wait(chinese.locator('#token p'), /^令牌无效，或没有令牌。“.*Nobody here knows this token.*”它只保存/);
  await wait(chinese.locator('[data-lane="sse"] .note'), /^被拒绝，不再重试。令牌无效，或没有令牌。“401 Unauthorized\. Nobody/);
  for (const url of [...urls, page.url()]) assert.ok(!url.includes(TOKEN) && !url.includes(ADMIN), url);
  assert.ok(urls.some((url) => url.includes('ticket=')), 'a socket was opened by a ticket');
  assert.deepEqual(errors, []);
  await browser.close();
}

await tell({
  the_live_page_asks_for_tokens_and_shows_them_in_no_url,
  an_event_source_and_a_websocket_open_by_a_ticket,
  a_cookie_serves_its_own_page_and_no_other,
});
