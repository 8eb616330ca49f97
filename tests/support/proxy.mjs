// A TCP proxy in front of the server, so that a test can cut connections as a bad network does.
//
// What was passed on before a cut arrives: the cut is an end, not a reset, which would take unread
// bytes with it and leave the test guessing what its client has seen.

import net from 'node:net';

export class Proxy {
  #target;
  #server;
  #pairs = new Set();
  #down = false;
  #carried = '';
  #awaited = null;

  /** Listens on a free port and passes on to `target`, a port of 127.0.0.1. */
  static async open(target) {
    const proxy = new Proxy();
    proxy.#target = target;
    proxy.#server = net.createServer((near) => proxy.#accept(near));
    await new Promise((resolve) => proxy.#server.listen(0, '127.0.0.1', resolve));
    return proxy;
  }

  get port() {
    return this.#server.address().port;
  }

  /** Cuts every connection, and every new one at once, until `mend`. */
  cut() {
    this.#down = true;
    this.#carried = '';
    for (const [near, far] of this.#pairs) {
      near.destroy();
      far.destroy();
    }
  }

  /** Lets connections through again. */
  mend() {
    this.#down = false;
  }

  /** Waits until the server has sent `text` since the last cut, and it was passed on. */
  async carried(text) {
    while (!this.#carried.includes(text)) {
      await new Promise((resolve) => (this.#awaited = resolve));
    }
  }

  close() {
    this.cut();
    this.#server.close();
  }

  #accept(near) {
    if (this.#down) {
      near.resetAndDestroy();
      return;
    }
    const far = net.connect(this.#target, '127.0.0.1');
    const pair = [near, far];
    this.#pairs.add(pair);
    const end = () => {
      this.#pairs.delete(pair);
      near.destroy();
      far.destroy();
    };
    for (const socket of pair) socket.on('error', end).on('close', end);
    near.pipe(far);
    far.pipe(near);
    far.on('data', (bytes) => {
      this.#carried += bytes;
      this.#awaited?.();
    });
  }
}
