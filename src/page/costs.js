// What the lanes cost, by the server's ledger: the accounts of this page's tags, or those of all
// readers. Asked for once before the lanes start, so that their handshakes are in it, and then once a
// second. Asked for, and not watched by a socket: a request passes every proxy.
//
// Absent on purpose: sentences; the rows of the picture make them.

import { Tokens } from '/-/page/token.js';

const PERIOD = 1_000;
const CLASSES = { text: ['payload'], wrapping: ['framing'], heads: ['head'], rest: ['heartbeat', 'body'] };
export const CLASS_NAMES = Object.keys(CLASSES);

export class Costs {
  isWhole = false; // of all readers, and not of this page alone
  isRefused = false; // until a token is shown that is good for it
  #own = new Account();
  #whole = new Account();

  /** `tags`: by lane. `tell` is called after each look, and `onrefused` with why there was none. */
  constructor(tags, tokens, tell, onrefused) {
    Object.assign(this, { tags, tokens, tell, onrefused });
  }

  /** The first look, before the lanes start. A server that does not answer is not waited for long. */
  async begin() {
    await Promise.race([Promise.all([this.#look(this.#own), this.#look(this.#whole)]), pause(1_500)]);
    this.start();
  }

  /** Another token was shown: that may be good for it. */
  async again() {
    this.isRefused = false;
    await this.begin();
    this.tell();
  }

  start() {
    clearInterval(this.timer);
    this.timer = setInterval(() => document.hidden || this.look(), PERIOD);
  }

  stop() {
    clearInterval(this.timer);
  }

  async look() {
    if (this.isLooking || this.isRefused) return;
    this.isLooking = true;
    await this.#look(this.isWhole ? this.#whole : this.#own);
    this.isLooking = false;
    this.tell();
  }

  /** What a lane has cost: `requests`, `empty`, `messages`, bytes by class and in `total`. */
  of(lane) {
    return (this.isWhole ? this.#whole : this.#own).grown[lane] ?? NOTHING;
  }

  async #look(account) {
    const isOwn = account === this.#own;
    const query = isOwn ? `?tag=${Object.values(this.tags)}` : '';
    try {
      const headers = this.tokens.headers('costs');
      const signal = AbortSignal.timeout(10_000);
      const answer = await fetch(`/-/costs${query}`, { cache: 'no-store', headers, signal });
      const told = await answer.json();
      if (Tokens.isWanted(told)) {
        if (!this.isRefused) this.onrefused({ ...told, message: told.detail });
        this.isRefused = true;
        return;
      }
      const row = (tag, lane) => (isOwn ? told.tags[tag] : told.techniques[lane]);
      account.read(told.uptime_s, mapped(this.tags, (tag, lane) => counts(row(tag, lane))));
    } catch {
      // The server is gone, and the lanes say so; or what stands in front of it keeps costs to itself.
    }
  }
}

/** Counts since the first look. A server that was started anew counts from 0, and so these go on. */
class Account {
  grown = {};
  #last;
  #uptime = 0;

  read(uptime, rows) {
    const isNew = this.#last && uptime < this.#uptime;
    for (const lane in rows) {
      const before = isNew ? NOTHING : (this.#last?.[lane] ?? rows[lane]);
      const grown = this.grown[lane] ?? NOTHING;
      this.grown[lane] = mapped(rows[lane], (count, name) => grown[name] + Math.max(0, count - before[name]));
    }
    this.#last = rows;
    this.#uptime = uptime;
  }
}

function counts(row) {
  if (!row) return NOTHING;
  const { requests, answers_empty: empty, messages, bytes_in: into, bytes_out: out } = row;
  const bytes = mapped(CLASSES, (kinds) => kinds.reduce((sum, kind) => sum + into[kind] + out[kind], 0));
  return { requests, empty, messages, ...bytes, headsIn: into.head, total: into.total + out.total };
}

const mapped = (object, change) =>
  Object.fromEntries(Object.entries(object).map(([name, value]) => [name, change(value, name)]));

const pause = (ms) => new Promise((done) => setTimeout(done, ms));

const NOTHING = { requests: 0, empty: 0, messages: 0, text: 0, wrapping: 0, heads: 0, rest: 0, headsIn: 0, total: 0 };
