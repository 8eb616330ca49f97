// A real browser that permits the key of our certificate. Run as: PORT CHROMIUM CERTIFICATE.

import assert from 'node:assert/strict';
import { X509Certificate, createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { resolve } from 'node:path';

const [port, executablePath, certificate] = process.argv.slice(2);
const tools = resolve(process.env.TEST_TOOLS, 'package.json');
const { chromium } = createRequire(tools)('playwright-core');
const key = new X509Certificate(readFileSync(certificate)).publicKey;
const print = createHash('sha256').update(key.export({ type: 'spki', format: 'der' }));
const browser = await chromium.launch({
  executablePath,
  args: [`--ignore-certificate-errors-spki-list=${print.digest('base64')}`, '--no-sandbox'],
});
try {
  const page = await browser.newPage();
  const wrong = [];
  page.on('pageerror', (error) => wrong.push(String(error)));
  page.on('console', (line) => {
    if (line.type() === 'error') wrong.push(line.text());
  });
  await page.goto(`https://localhost:${port}/`);
  assert.equal(await page.evaluate(() => isSecureContext), true);
  const heard = await page.evaluate(async () => {
    const socket = new WebSocket(location.origin.replace(/^http/, 'ws') + '/chrome/ws');
    await new Promise((open) => { socket.onopen = open; });
    const events = new EventSource('/chrome/sse');
    await new Promise((open) => { events.onopen = open; });
    const bySocket = new Promise((message) => { socket.onmessage = (e) => message(e.data); });
    const byEvents = new Promise((message) => { events.onmessage = (e) => message(e.data); });
    const published = await fetch('/chrome', { method: 'POST', body: 'by Chromium' });
    const poll = await (await fetch('/chrome/poll?wait=5&since=earliest')).json();
    const all = [published.status, await bySocket, await byEvents, poll.messages[0].data];
    events.close();
    socket.close();
    return all;
  });
  assert.deepEqual(heard, [201, 'by Chromium', 'by Chromium', 'by Chromium']);
  // The live page reads by all techniques, and its policy lets it.
  await page.evaluate(() => fetch('/chat', { method: 'POST', body: 'to all lanes' }));
  await page.locator('.message', { hasText: 'to all lanes' }).nth(3).waitFor({ timeout: 20_000 });
  assert.deepEqual(wrong, []);
} finally {
  await browser.close();
}
