// The client of `/-/client.js` in Chromium. Called as `client.mjs PORT FACT CHROMIUM`.

import assert from 'node:assert/strict';

import { Hindrance } from '../support/hindrance.mjs';
import { hop } from '../support/hop.mjs';
import { foreign, http, more, port, publish, tell } from '../support/stage.mjs';
import { args } from './chromium_args.mjs';

const { chromium } = foreign('playwright-core');
const [executablePath] = more;
const fact = process.argv[3]; // each has a topic of its own
const timeout = 45_000;
const TECHNIQUES = ['websocket', 'sse', 'long-poll', 'poll'];
const timings = { first: 1_000, grace: 1_000, proof: 600, trial: 15, backOff: 40 };

const numbers = (from, to) => Array.from({ length: to - from }, (_, n) => String(from + n));

/** Gives `look` a proxy, and a function that opens tabs of one browser behind it. */
async function browse(look) {
  const proxy = await Hindrance.open(port);
  const browser = await chromium.launch({ executablePath, args, headless: true });
  try {
    const context = await browser.newContext();
    const tab = async (options, query = '') => {
      const page = await context.newPage();
      const errors = [];
      page.on('pageerror', (error) => errors.push(String(error)));
      await page.goto(`http://localhost:${proxy.port}/static/client.html${query}`);
      await page.waitForFunction(() => window.open_client, undefined, { timeout });
      const all = { topics: fact, timings, ...options };
      await page.evaluate((all) => window.open_client(all), all);
      return {
        page,
        errors,
        evaluate: (does, argument) => page.evaluate(does, argument),
        until: (holds, argument) => page.waitForFunction(holds, argument, { timeout, polling: 20 }),
        has: (count) =>
          page.waitForFunction((count) => noted.data.length >= count, count, { timeout, polling: 20 }),
        reads: (technique) =>
          page.waitForFunction(
            (technique) => connection.state === 'open' && connection.status.technique === technique,
            technique,
            { timeout, polling: 20 },
          ),
        noted: () => page.evaluate(() => window.noted),
      };
    };
    await look({ proxy, context, tab });
  } finally {
    await browser.close();
    proxy.close();
  }
}

async function a_browser_hops_among_four_techniques() {
  await browse(async ({ proxy, tab }) => {
    const client = await tab({ since: 'earliest' });
    // Down through all of them, and up again.
    await hop(proxy, client, (data) => publish(fact, data), [...TECHNIQUES, TECHNIQUES[0]]);
    await client.has(1_000);
    const { data, gaps, states } = await client.noted();
    assert.deepEqual(data, numbers(0, 1_000), 'each once, in order');
    assert.deepEqual(gaps, []);
    assert.deepEqual(client.errors, []);
    const read = new Set(states.filter(({ state }) => state === 'open').map((s) => s.technique));
    assert.equal(read.size, 4);
  });
}

async function three_tabs_share_one_connection() {
  await browse(async ({ proxy, tab }) => {
    const tabs = [];
    for (let n = 0; n < 3; n += 1) {
      tabs.push(await tab({ shared: true, since: 'earliest' }));
      await tabs[n].reads('websocket');
    }
    let next = 0;
    const some = async (count) => {
      for (const end = next + count; next < end; next += 1) await publish(fact, String(next));
    };
    const same = async () => {
      for (const { has, noted, errors } of tabs) {
        await has(next);
        const { data, gaps } = await noted();
        assert.deepEqual(data, numbers(0, next), 'each once, in order');
        assert.deepEqual({ gaps, errors }, { gaps: [], errors: [] });
      }
    };
    await some(100);
    await same();
    assert.equal(proxy.seen.upgrade, 1, 'one connection for three tabs');
    assert.equal(proxy.seen.stream, 0);
    // Any tab publishes.
    for (const { evaluate } of tabs) {
      await evaluate((data) => connection.publish(data), String(next));
      next += 1;
    }
    await same();
    // The tab that holds the connection goes while messages come; another takes over.
    const flow = some(200);
    await tabs.shift().page.close();
    await flow;
    await same();
    assert.equal(proxy.seen.upgrade, 2);
    // One more tab hears everything from the beginning, then the same as the others.
    tabs.push(await tab({ shared: true, since: 'earliest' }));
    await some(50);
    await same();
    // The leader closes its client and not its tab; then the connection is cut.
    await tabs[0].evaluate(() => connection.close());
    tabs.shift();
    await some(50);
    await same();
    proxy.set({});
    await some(50);
    await same();
  });
}

async function a_tab_that_follows_ends_as_one_that_reads() {
  await browse(async ({ tab }) => {
    for (const data of numbers(0, 10)) await publish(fact, data);
    const first = await tab({ shared: true });
    await first.reads('websocket');
    // What it asks for itself is refused for good.
    const refused = await tab({ shared: true, query: { wait: 'as long as it takes' } });
    await refused.until(() => connection.state === 'closed');
    assert.equal(await refused.evaluate(() => connection.status.error.status), 400);
    // One that its callback closes hears no more, also of what its own poll has brought.
    const closed = await tab({ shared: true });
    const seen = await closed.evaluate(
      (topics) =>
        new Promise((done) => {
          const seen = [];
          const onmessage = ({ data }) => {
            seen.push(data);
            if (seen.length < 3) return;
            connection.close();
            setTimeout(() => done(seen));
          };
          open_client({ topics, shared: true, since: 'earliest', onmessage });
        }),
      fact,
    );
    assert.deepEqual(seen, numbers(0, 3));
    for (const { errors } of [first, refused, closed]) assert.deepEqual(errors, []);
  });
}

async function the_network_goes_and_comes_back() {
  await browse(async ({ context, tab }) => {
    const client = await tab();
    await client.reads('websocket');
    await publish(fact, '0');
    await client.has(1);
    for (let n = 1; n < 31; n += 10) {
      await context.setOffline(true);
      await client.until(() => connection.state === 'offline');
      const receipt = client.evaluate((data) => connection.publish(data), String(n));
      await context.setOffline(false);
      await client.reads('websocket');
      await receipt;
      for (const data of numbers(n + 1, n + 10)) await publish(fact, data);
      await client.has(n + 10);
    }
    const { data, gaps } = await client.noted();
    assert.deepEqual(data, numbers(0, 31));
    assert.deepEqual(gaps, []);
  });
}

async function a_page_that_was_put_away_goes_on_where_it_was() {
  await browse(async ({ tab }) => {
    const client = await tab();
    await client.reads('websocket');
    await publish(fact, '0');
    await client.has(1);
    const event = (type) => client.evaluate((t) => dispatchEvent(new PageTransitionEvent(t, { persisted: true })), type);
    await event('pagehide');
    // The socket is closed: the server counts no reader.
    for (;;) {
      const { subscribers } = await (await fetch(`${http}/${fact}/info`)).json();
      if (subscribers.websocket === 0) break;
    }
    await publish(fact, '1');
    assert.deepEqual((await client.noted()).data, ['0']);
    await event('pageshow');
    await client.has(2);
    assert.deepEqual((await client.noted()).data, ['0', '1']);
  });
}

async function a_page_of_another_origin_imports_the_client() {
  await browse(async ({ tab }) => {
    // The page's origin says localhost; the same server by number is another origin.
    for (const [n, technique] of TECHNIQUES.entries()) {
      const client = await tab({ techniques: [technique], since: 'earliest' }, `?from=http://127.0.0.1:${port}`);
      await client.reads(technique);
      await client.evaluate((data) => connection.publish(data, { event: 'named' }), String(n));
      await client.has(n + 1);
      assert.deepEqual((await client.noted()).data, numbers(0, n + 1));
      await client.page.close();
    }
  });
}

await tell({
  a_browser_hops_among_four_techniques,
  three_tabs_share_one_connection,
  a_tab_that_follows_ends_as_one_that_reads,
  the_network_goes_and_comes_back,
  a_page_that_was_put_away_goes_on_where_it_was,
  a_page_of_another_origin_imports_the_client,
});
