// Publishing from the page: by POST, by a WebSocket, or a message every two seconds.
//
// Absent on purpose: showing what was published; that comes back by the lanes.

import { connect } from '/-/client.js';
import { oneWay } from '/-/page/record.js';
import { now } from '/-/page/tap.js';
import { say } from '/-/page/words.js';

const EVERY = 2_000;
const LATE = 15_000; // for an answer, as the client has it

export class Sender {
  #client;
  #socket;
  #refs = 0;
  #receipts = new Map();
  #ticks = 0;

  /**
   * `tokens` are those to show. `onreceipt({ id, at, data })` tells when a message was in the log,
   * `onsaid` of what goes out by the socket, and `onfailed` why none went of those that are sent by
   * themselves.
   */
  constructor(topic, { tokens, onreceipt, onsaid, onfailed }) {
    Object.assign(this, { topic, tokens, onreceipt, onsaid, onfailed });
    // Not that of a lane, which may be refused or restarted while something is on its way.
    const options = { topics: topic, techniques: [], token: () => tokens.read };
    this.#client = connect(location.origin, options);
  }

  /** Publishes, and tells what the receipt says. With a key of before, a message is not added again. */
  async publish(data, way = 'POST', key = undefined) {
    const from = now();
    const receipt = await (way === 'POST' ? this.#client.publish(data, { key }) : this.#bySocket(data, key));
    // A trip before its receipt: it may have waited, or been sent again.
    this.onreceipt({ id: receipt.id, at: Math.max(from, now() - oneWay()), data: data.slice(0, 60) });
    return receipt;
  }

  /** A socket for sending, opened when the first message goes by it, and kept. */
  async #bySocket(data, key) {
    const socket = await this.#open();
    const frame = JSON.stringify({ ref: this.#refs += 1, data, key });
    const receipt = new Promise((done, fail) => this.#receipts.set(this.#refs, [done, fail]));
    const late = setTimeout(() => this.#lose(socket), LATE);
    socket.send(frame);
    this.onsaid(frame, data);
    return receipt.finally(() => clearTimeout(late));
  }

  #open() {
    return (this.#opened ??= this.#connect().catch((error) => {
      this.#opened = undefined;
      throw error;
    }));
  }
  #opened;

  /** A socket can show no token: a ticket stands for it, once. */
  async #ticket() {
    if (!this.tokens.read) return '';
    const init = { method: 'POST', headers: this.tokens.headers('read'), signal: AbortSignal.timeout(LATE) };
    const answer = await fetch('/-/ticket', init);
    const { ticket, detail, code } = await answer.json();
    if (!ticket) throw Object.assign(new Error(detail), { code });
    return `?ticket=${ticket}`;
  }

  async #connect() {
    const address = `${location.origin.replace(/^http/, 'ws')}/${encodeURIComponent(this.topic)}/ws`;
    const socket = this.#socket = new WebSocket(address + await this.#ticket(), 'tollway.v1');
    socket.onmessage = ({ data }) => {
      const { ref, error, id } = JSON.parse(data);
      const failed = error && Object.assign(new Error(error.detail), { code: error.code });
      this.#receipts.get(ref)?.[error ? 1 : 0](failed ?? { id });
      this.#receipts.delete(ref);
    };
    return new Promise((done, fail) => {
      const late = setTimeout(() => this.#lose(socket), LATE);
      socket.onopen = () => {
        clearTimeout(late);
        done(socket);
      };
      socket.onclose = () => {
        clearTimeout(late);
        this.#opened = undefined;
        const lost = new Error(say('no_receipt'));
        fail(lost);
        for (const [, fail] of this.#receipts.values()) fail(lost);
        this.#receipts.clear();
      };
    });
  }

  /** Ends a socket at once. */
  #lose(socket) {
    socket.onclose?.();
    socket.onclose = null;
    socket.close();
  }

  /** Sends a message every two seconds, or stops that. A message that waits keeps the next one back. */
  every(isOn) {
    clearInterval(this.timer);
    if (!isOn) return;
    let isWaiting = false;
    const tick = async () => {
      if (isWaiting) return;
      isWaiting = true;
      this.#ticks += 1;
      await this.publish(say('tick', { n: this.#ticks })).catch(this.onfailed);
      isWaiting = false;
    };
    this.timer = setInterval(tick, EVERY);
    tick();
  }

  close() {
    this.#socket?.close();
  }
}
