// Opens the page of a snippet and wants to read on its console what was published.
// Called as `snippets.mjs PORT FACT CHROMIUM EXPECTS_NAME`.

import assert from 'node:assert/strict';

import { Inbox, foreign, http, more, port, publish, tell } from '../support/stage.mjs';

const { chromium } = foreign('playwright-core');
const [executablePath, expectsName] = more;
// A closed network refuses what Chromium asks of its makers: do not ask.
const args = ['--no-sandbox', '--disable-gpu', '--no-proxy-server', '--disable-background-networking'];

/** Waits until the page reads, or has had a second to poll. */
async function settled() {
  for (let look = 0; look < 20; look += 1) {
    const { subscribers } = await (await fetch(`${http}/chat/info`)).json();
    if (subscribers.long_poll + subscribers.sse + subscribers.websocket > 0) return;
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}

async function the_snippet_shows_messages() {
  const browser = await chromium.launch({ executablePath, args, headless: true });
  try {
    const page = await browser.newPage();
    const lines = new Inbox();
    page.on('console', (line) => lines.push(line.text()));
    page.on('pageerror', (error) => lines.push(`error: ${error}`));
    await page.goto(`http://localhost:${port}/static/page.html`);
    await settled();
    const expected = new Set(['first', 'second']);
    await publish('chat', 'first');
    await publish('chat', 'second');
    if (expectsName === 'true') {
      await publish('chat?event=myMsg', 'third');
      expected.add('third');
    }
    while (expected.size > 0) {
      const line = await lines.next();
      assert.ok(!line.startsWith('error'), line);
      for (const data of [...expected]) if (line.includes(data)) expected.delete(data);
    }
  } finally {
    await browser.close();
  }
}

await tell({ the_snippet_shows_messages });
