// What every Node script here needs: where the server is, and which fact to tell.
//
// Called as `script.mjs PORT FACT [MORE…]`; ends with status 0 when the fact holds. Packages come from the
// prefix that TEST_TOOLS names, since an ES module's import looks only upwards from its file.

import { createRequire } from 'node:module';
import path from 'node:path';

export const port = Number(process.argv[2]);
export const http = `http://127.0.0.1:${port}`;
export const more = process.argv.slice(4);
export const ws = `ws://127.0.0.1:${port}`;
// A fact that takes longer than this many milliseconds has failed. Longer than any single wait of a
// script, which can say what it waited for.
const factMsMax = 150_000;

/** A package of the prefix. */
export const foreign = createRequire(path.join(process.env.TEST_TOOLS, 'package.json'));

/** Runs the function that the command line names. */
export async function tell(facts, msMax = factMsMax) {
  const late = setTimeout(() => {
    console.error('took too long');
    process.exit(1);
  }, msMax);
  await facts[process.argv[3]]();
  clearTimeout(late);
  // Sockets that a fact left open keep nobody waiting.
  process.exit(0);
}

/** Publishes; gives the id that the server acknowledged. */
export async function publish(topic, data) {
  const answer = await fetch(`${http}/${topic}`, { method: 'POST', body: data });
  if (answer.status !== 201) throw new Error(`published: ${answer.status}`);
  return (await answer.json()).id;
}

/** Waits until WebSockets have answered this many of the server's Pings. */
export async function ponged(count) {
  // A masked Pong without a payload has 6 bytes. `tell` bounds the loop.
  const figure = /^tollway_received_bytes_total\{technique="websocket",class="heartbeat"\} (\d+)$/m;
  for (;;) {
    const text = await (await fetch(`${http}/metrics`)).text();
    if (Number(figure.exec(text)[1]) >= 6 * count) return;
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

/** A list that is filled from outside and awaited here. */
export class Inbox {
  #items = [];
  #waiting = [];

  push(item) {
    const waiting = this.#waiting.shift();
    if (waiting) waiting(item);
    else this.#items.push(item);
  }

  async next() {
    if (this.#items.length > 0) return this.#items.shift();
    return new Promise((resolve) => this.#waiting.push(resolve));
  }

  async take(count) {
    const taken = [];
    while (taken.length < count) taken.push(await this.next());
    return taken;
  }
}
