// Opens the live page, lets every lane hear messages, turns them all off, and prints what the page says
// that each has cost. Called as `page.mjs PORT FACT CHROMIUM`.

import { foreign, http, more, publish, tell } from '../support/stage.mjs';
import { args } from '../browser/chromium_args.mjs';

const { chromium } = foreign('playwright-core');
const [executablePath] = more;
const timeout = 60_000;

async function what_the_live_page_says_that_it_costs() {
  const browser = await chromium.launch({ executablePath, args, headless: true });
  const page = await browser.newPage();
  await page.goto(`${http}/?topic=news`);
  await page.locator('[data-state="open"]').nth(3).waitFor({ timeout });
  for (const text of ['one', 'ünïcödé 😀', 'x'.repeat(200), 'last']) await publish('news', text);
  await page.locator('.message', { hasText: /^last/ }).nth(3).waitFor({ timeout });
  for (const lane of await page.locator('.lane').all()) await lane.getByRole('switch').click();
  // What was under way when they were turned off is counted soon; then nothing changes any more.
  const told = await page.evaluate(async () => {
    const { costs, tags } = await import('/-/page/page.js');
    for (let [before, same] = ['', 0]; ; ) {
      await costs.look();
      const now = JSON.stringify(Object.keys(tags).map((lane) => [lane, { ...costs.of(lane), tag: tags[lane] }]));
      same = now === before ? same + 1 : 0;
      if (same === 5) return now; // `tell` bounds the loop
      before = now;
      await new Promise((resolve) => setTimeout(resolve, 200));
    }
  });
  await browser.close();
  console.log(JSON.stringify(Object.fromEntries(JSON.parse(told))));
}

await tell({ what_the_live_page_says_that_it_costs });
