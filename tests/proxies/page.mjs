// The live page behind a proxy that speaks TLS. Called as `page.mjs PORT FACT CHROMIUM`, with the
// proxy's port.

import assert from 'node:assert/strict';

import { args } from '../browser/chromium_args.mjs';
import { foreign, more, port, tell } from '../support/stage.mjs';

const { chromium } = foreign('playwright-core');
const [executablePath] = more;
const timeout = 60_000;
const LANES = ['short_poll', 'long_poll', 'sse', 'websocket'];

async function the_page_reads_and_publishes_over_tls() {
  const browser = await chromium.launch({ executablePath, args, headless: true });
  try {
    // The certificate was made for this test, and is nobody's.
    const context = await browser.newContext({ ignoreHTTPSErrors: true });
    const page = await context.newPage();
    const errors = [];
    page.on('pageerror', (error) => errors.push(String(error)));
    await page.goto(`https://localhost:${port}/?topic=news`);
    await page.locator('[data-state="open"]').nth(3).waitFor({ timeout });
    await page.fill('#text', 'over TLS');
    await page.press('#text', 'Enter');
    const shown = (name) => page.locator(`[data-lane="${name}"] .message`, { hasText: 'over TLS' });
    await Promise.all(LANES.map((name) => shown(name).waitFor({ timeout })));
    assert.deepEqual(errors, []);
  } finally {
    await browser.close();
  }
}

await tell({ the_page_reads_and_publishes_over_tls });
