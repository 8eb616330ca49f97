// Which pages are ours: the client snippets of the tutorials, run on pages of this server by every name
// of loopback, with one port and with two. Called as `origins.mjs 0 FACT CHROMIUM TOLLWAY PAGES`; each
// fact starts servers of its own.

import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import fs from 'node:fs';
import http from 'node:http';
import os from 'node:os';
import path from 'node:path';

import { foreign, more, tell } from '../support/stage.mjs';
import { args } from './chromium_args.mjs';

const { chromium } = foreign('playwright-core');
const [executablePath, tollway, pages] = more;
const names = ['localhost', '127.0.0.1', '[::1]'];

// As the tutorials have them; `8080` is the port of the server, which a test cannot choose. What the live
// page itself reads is another topic.
const snippets = {
  short: `(async () => {
    const response = await fetch('http://localhost:8080/news');
    return (await response.json()).messages.map(({ data }) => data);
  })()`,
  long: `(async () => {
    const response = await fetch('http://localhost:8080/news?wait=30');
    return (await response.json()).messages.map(({ data }) => data);
  })()`,
  post: `(async () => {
    const response = await fetch('http://localhost:8080/news', { method: 'POST', body: 'posted' });
    return response.status;
  })()`,
  stream: `new Promise((resolve, reject) => {
    const source = new EventSource('http://localhost:8080/news');
    source.onopen = () => fetch('http://localhost:8080/news', { method: 'POST', body: 'streamed' });
    source.onmessage = (event) => { source.close(); resolve(event.data); };
    source.onerror = () => reject(new Error('the stream broke'));
  })`,
  socket: `new Promise((resolve, reject) => {
    const socket = new WebSocket('ws://localhost:8080');
    socket.onopen = () => socket.send('said');
    socket.onmessage = (event) => { socket.close(); resolve(event.data); };
    socket.onerror = () => reject(new Error('the socket broke'));
  })`,
};

/** Starts a server with so many ports, each at IPv4 and IPv6 addresses, and gives them to `use`. */
async function serving(count, use, address = ':0') {
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'tollway-origins-'));
  const file = path.join(folder, 'ports');
  const listen = Array.from({ length: count }, () => ['--listen', address]).flat();
  const flags = [...listen, '--threads', '2', '--static', pages, '--port-file', file];
  const server = spawn(tollway, flags, { stdio: 'ignore' });
  try {
    for (;;) {
      const ports = fs.existsSync(file) ? fs.readFileSync(file, 'utf8').split('\n') : [];
      // `tell` bounds the loop. The last line ends too.
      if (ports.length > count) {
        await use(ports.slice(0, count).map(Number));
        return;
      }
      assert.equal(server.exitCode, null, 'the server has ended');
      await new Promise((resolve) => setTimeout(resolve, 10));
    }
  } finally {
    server.kill();
    fs.rmSync(folder, { recursive: true });
  }
}

/** Opens a browser and gives `use` a function that opens a page in it, with a fresh profile. */
async function browsing(use) {
  const browser = await chromium.launch({ executablePath, args, headless: true });
  const visit = async (at, look) => {
    const context = await browser.newContext();
    const page = await context.newPage();
    const errors = [];
    page.on('console', (line) => line.type() === 'error' && errors.push(line.text()));
    await page.goto(at);
    await look(page, errors);
    assert.deepEqual(errors, [], at);
    await context.close();
  };
  try {
    await use(visit);
  } finally {
    await browser.close();
  }
}

/** Runs all snippets on a page, against a server at that port. */
async function tutorial(page, port) {
  const run = (name) => page.evaluate(snippets[name].replaceAll('8080', String(port)));
  const waiting = run('long');
  // A wait begins at what comes from then on, so it must have begun.
  for (;;) {
    const info = await (await fetch(`http://127.0.0.1:${port}/news/info`)).json();
    if (info.subscribers.long_poll === 1) break;
  }
  assert.equal(await run('post'), 201);
  assert.deepEqual(await waiting, ['posted']);
  assert.ok((await run('short')).includes('posted'));
  assert.equal(await run('stream'), 'streamed');
  assert.equal(await run('socket'), 'said');
}

async function everywhere(pagePort, serverPort) {
  await browsing(async (visit) => {
    for (const name of names) {
      for (const where of ['/', '/static/set_interval.html']) {
        await visit(`http://${name}:${pagePort}${where}`, (page) => tutorial(page, serverPort));
      }
    }
  });
}

async function the_tutorial_runs_at_each_name_of_loopback() {
  await serving(1, ([port]) => everywhere(port, port));
}

async function the_tutorial_runs_with_its_page_on_another_port() {
  await serving(2, ([first, second]) => everywhere(first, second));
}

async function the_live_page_works_at_each_address_of_localhost() {
  await serving(1, async ([port]) => {
    await browsing(async (visit) => {
      for (const name of names) {
        await visit(`http://${name}:${port}/`, async (page) => {
          await page.fill('#text', `at ${name}`);
          await page.press('#text', 'Enter');
          const shown = page.locator('.message', { hasText: `at ${name}` });
          await shown.nth(3).waitFor(); // one in each lane
          await page.fill('#text', `said at ${name}`);
          await page.click('[value="websocket"]');
          await page.locator('.message', { hasText: `said at ${name}` }).nth(3).waitFor();
          assert.equal(await page.locator('.lane[data-state="open"]').count(), 4, name);
          await page.locator('[data-row="websocket"] .total', { hasText: '2 messages' }).waitFor();
          const hint = await page.evaluate(() => import('/-/client.js').then(({ connect }) => typeof connect));
          assert.equal(hint, 'function');
        });
      }
    });
  }, 'localhost:0');
}

async function a_page_of_another_program_is_refused() {
  await serving(1, async ([port]) => {
    const stranger = http.createServer((_, response) => {
      response.setHeader('Content-Type', 'text/html');
      response.end('<!doctype html><link rel="icon" href="data:,"><title>stranger</title>');
    });
    await new Promise((resolve) => stranger.listen(0, '127.0.0.1', resolve));
    const ask = async (page, errors) => {
      for (const name of names) {
        const at = `${name}:${port}`;
        const outcome = await page.evaluate(async (at) => {
          const heard = (target) =>
            new Promise((resolve) => {
              target.onopen = () => resolve('open');
              target.onerror = () => resolve('refused');
            });
          const post = await fetch(`http://${at}/news`, { method: 'POST', body: 'x' }).then(
            () => 'readable',
            () => 'refused',
          );
          return {
            websocket: await heard(new WebSocket(`ws://${at}/news`)),
            stream: await heard(new EventSource(`http://${at}/news/sse`)),
            post,
          };
        }, at);
        assert.deepEqual(outcome, { websocket: 'refused', stream: 'refused', post: 'refused' }, at);
      }
      errors.length = 0; // Chromium tells each refusal on the console.
    };
    await browsing((visit) => visit(`http://localhost:${stranger.address().port}/`, ask));
    const log = await fetch(`http://127.0.0.1:${port}/news`);
    assert.equal(log.status, 204, 'nothing was published');
    stranger.closeAllConnections();
    stranger.close();
  });
}

await tell({
  the_live_page_works_at_each_address_of_localhost,
  the_tutorial_runs_at_each_name_of_loopback,
  the_tutorial_runs_with_its_page_on_another_port,
  a_page_of_another_program_is_refused,
});
