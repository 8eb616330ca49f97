// An HTTP proxy that is in the way, as those of offices, hotels and old load balancers are.
//
// What it lets through is set while it runs. What is set anew holds for old connections too: they
// are cut, as by the restart of a proxy.

import http from 'node:http';
import net from 'node:net';

/** Between two pieces of a body that goes slowly. */
const PACE_MS = 20;

export class Hindrance {
  /** Refuses upgrades. */
  refusesUpgrades = false;
  /** Collects the bytes of an answer until its end. */
  holdsStreams = false;
  /** Cuts a request that was not answered in full after so many milliseconds. */
  requestMsMax = Infinity;
  /** Drops the next POST, before the server has seen it. */
  losesRequest = false;
  /** Drops the answer to the next POST, which the server has obeyed by then. */
  losesReceipt = false;
  /** Passes on nothing of what the server says on an upgraded connection or in a stream, and keeps it open. */
  mutes = false;
  /** Never answers who asks for a ticket. */
  keepsTickets = false;
  /** Of a body, either way. */
  bytesPerSecondMax = Infinity;
  /** Takes no connection. */
  isDown = false;
  /** How many requests came, by kind: `upgrade`, `stream`, `poll`, `post`, `other`. */
  seen = { upgrade: 0, stream: 0, poll: 0, post: 0, other: 0 };

  #sockets = new Set();
  #server;

  /** Listens on a free port and passes on to `target`, a port of 127.0.0.1. */
  static async open(target) {
    const proxy = new Hindrance();
    proxy.target = target;
    proxy.#server = http.createServer((request, response) => proxy.#pass(request, response));
    proxy.#server.on('upgrade', (request, near, head) => proxy.#upgrade(request, near, head));
    proxy.#server.on('connection', (socket) => {
      if (proxy.isDown) return socket.destroy();
      proxy.#sockets.add(socket);
      socket.on('close', () => proxy.#sockets.delete(socket)).on('error', () => {});
    });
    await new Promise((resolve) => proxy.#server.listen(0, '127.0.0.1', resolve));
    return proxy;
  }

  get port() {
    return this.#server.address().port;
  }

  /** Sets what is let through, and cuts what goes on. */
  set(rules) {
    Object.assign(this, rules);
    for (const socket of this.#sockets) socket.destroy();
  }

  close() {
    this.set({});
    this.#server.close();
  }

  #pass(request, response) {
    const { method, url, headers } = request;
    const kind = method === 'POST' ? 'post' : /\/(poll|sse)\?/.exec(url)?.[1] ?? 'other';
    this.seen[kind === 'sse' ? 'stream' : kind] += 1;
    if (method === 'POST' && this.losesRequest) {
      this.losesRequest = false;
      request.socket.destroy();
      return;
    }
    if (url === '/-/ticket' && this.keepsTickets) return;
    const options = { port: this.target, host: '127.0.0.1', method, path: url, headers };
    const far = http.request({ ...options, agent: false }, (answer) => {
      if (method === 'POST' && this.losesReceipt) {
        this.losesReceipt = false;
        answer.resume().on('end', () => request.socket.destroy());
        return;
      }
      if (this.holdsStreams && answer.headers['content-type'] === 'text/event-stream') {
        const pieces = [];
        answer.on('data', (piece) => pieces.push(piece));
        answer.on('end', () => response.writeHead(answer.statusCode, answer.headers).end(Buffer.concat(pieces)));
        return;
      }
      response.writeHead(answer.statusCode, answer.headers);
      response.flushHeaders();
      this.#flow(answer, response, () => request.socket.destroy());
    });
    far.on('error', () => request.socket.destroy());
    this.#flow(request, far, () => far.destroy());
    const late = this.requestMsMax < Infinity && setTimeout(() => request.socket.destroy(), this.requestMsMax);
    response.on('close', () => {
      clearTimeout(late);
      far.destroy();
    });
  }

  /** Passes a body on: at once, or by the clock. A timer that is late makes the way no slower. */
  async #flow(from, to, fail) {
    try {
      for await (const bytes of from) {
        if (this.mutes && from.headers['content-type'] === 'text/event-stream') continue;
        const began = performance.now();
        for (let n = 0; n < bytes.length; ) {
          const ms = performance.now() - began + PACE_MS;
          const due = Math.min(bytes.length, Math.ceil((ms * this.bytesPerSecondMax) / 1_000));
          if (due > n) to.write(bytes.subarray(n, due));
          n = Math.max(n, due);
          if (n < bytes.length) await new Promise((over) => setTimeout(over, PACE_MS));
        }
      }
      to.end();
    } catch {
      fail();
    }
  }

  #upgrade(request, near, head) {
    this.seen.upgrade += 1;
    if (this.refusesUpgrades) return near.end('HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\nConnection: close\r\n\r\n');
    const far = net.connect(this.target, '127.0.0.1', () => {
      const lines = [`GET ${request.url} HTTP/1.1`];
      for (let n = 0; n < request.rawHeaders.length; n += 2) {
        lines.push(`${request.rawHeaders[n]}: ${request.rawHeaders[n + 1]}`);
      }
      far.write(`${lines.join('\r\n')}\r\n\r\n`);
      far.write(head);
      far.on('data', (bytes) => this.mutes || near.write(bytes));
      near.pipe(far);
    });
    const end = () => (near.destroy(), far.destroy());
    for (const socket of [near, far]) socket.on('error', end).on('close', end);
  }
}
