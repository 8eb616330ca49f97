// The record: what happened in each lane, in the order of time, kept for the picture. It is fed by the
// taps of all tabs, because tabs share their connections: the one that reads tells the others.
//
// Absent on purpose: drawing, and the sums, which are the server's.

import { now } from '/-/page/tap.js';

const KEPT_MS = 180_000; // older than that, nothing can be shown
const KEPT = 6_000; // arrows of a lane
const MESSAGES = 2_000;
const QUIET_MS = 1_000; // so long does nothing of what is kept let wait for it

/** From one end to the other, in milliseconds: half of the shortest of the last polls. */
const trips = [];
export const oneWay = () => (trips.length ? Math.min(...trips) / 2 : 0.5);

/**
 * Every message that a lane has brought or this page has sent, by id: `at` it was published, for all
 * that is known, and `isTimed` if that is more than when it was first seen.
 */
export const messages = new Map();

function messageOf(id) {
  let message = messages.get(id);
  if (!message) {
    message = { id, label: String.fromCharCode(65 + (messageOf.count % 26)), data: '', came: {} };
    messageOf.count += 1;
    messages.set(id, message);
    if (messages.size > MESSAGES) messages.delete(messages.keys().next().value);
  }
  return message;
}
messageOf.count = 0;

/** A message of this page is in the log: when, is told by its receipt. */
export function noteReceipt({ id, at, data }) {
  const message = messageOf(id);
  message.data ||= data;
  message.at = Math.min(message.at ?? Infinity, at);
  message.isTimed = true;
}

/** What happened in a lane. An arrow: `up` (an answer) or down, `at` its end at the client. */
export class Record {
  arrows = [];
  holds = []; // { from, to }: an answer is withheld, or goes on
  asked = 0; // requests
  targets = 0; // bytes of all their targets
  kinds = new Set(); // what they were: their heads differ
  empty = 0;
  givenUp = 0; // requests whose answers nobody waited for; the server gave some all the same
  #flights = new Map();
  #isLive = false; // what comes by what is held was published just before
  #heard = 0; // when something came so, or was asked

  constructor(key) {
    this.key = key;
  }

  /** Takes what a tap tells. */
  take({ what, ...event }) {
    this[`_${what}`](event, this.#flights.get(event.n) ?? {});
    while (this.arrows.length > KEPT || this.arrows[0]?.at < now() - KEPT_MS) this.arrows.shift();
    while (this.holds.length > KEPT || this.holds[0]?.to < now() - KEPT_MS) this.holds.shift();
  }

  _ask({ n, at, target, waits }) {
    const flight = { target, waits, asked: at };
    this.#flights.set(n, flight);
    this.asked += 1;
    this.targets += target.length;
    const kind = target.includes('/ws?') ? 'handshake' : 'request';
    this.kinds.add(kind);
    flight.question = this.#arrow({ up: false, at, target, kind });
    // What comes after `latest` is new; after any other cursor, there may be some that lay there.
    if (/[?&]since=latest(&|$)/.test(target)) this.#isLive = true;
    else if (!target.includes('/poll?')) this.#isLive = false;
    if (waits) {
      this.#heard = at;
      this.#hold(flight, at + oneWay());
    }
  }

  _answer({ n, at, status, head }, flight) {
    this.#flights.set(n, flight); // a tab that was opened meanwhile has not seen it asked
    flight.isAnswered = true;
    this.#heard = at;
    this.#arrow({ up: true, at, status, head, wire: 0, kind: status === 101 ? 'handshake' : 'head', question: flight.question });
    this.#hold(flight, at - oneWay());
  }

  _piece({ at, ...piece }) {
    const isNew = this.#hear(at);
    this.#bring(this.#arrow({ up: true, at, ...piece, kind: piece.header ? 'frame' : 'event' }), isNew);
  }

  _end({ n, at, ...end }, flight) {
    if (end.status >= 300) this.#isLive = false; // nothing is read, and messages lie and wait
    const isNew = end.status < 300 && flight.waits && this.#hear(at);
    if (!flight.waits && flight.asked) {
      trips.push(at - flight.asked);
      if (trips.length > 32) trips.shift();
    }
    this.empty += end.ids.length ? 0 : 1;
    const arrow = { up: true, at, ...end, kind: 'answer', asked: flight.asked, question: flight.question };
    this.#bring(this.#arrow(arrow), isNew);
    this.#close(n, at, flight);
  }

  _cut({ n, at }, flight) {
    // It was told before, or asked before this tab was there.
    if (!this.#flights.has(n)) return;
    if (!flight.isAnswered) this.givenUp += 1;
    if (flight.hold) this.#isLive = false; // until the next one is there, messages lie and wait
    this.#close(n, at, flight);
  }

  /** A frame that this page has sent. */
  _said({ at, wire, text, header }) {
    this.#arrow({ up: false, at, wire, text, header, ids: [{}], kind: 'frame' });
  }

  #arrow(arrow) {
    const made = { ids: [], lane: this.key, ...arrow };
    this.arrows.push(made);
    return made;
  }

  #close(n, at, flight) {
    if (flight.hold) flight.hold.to ??= at - oneWay();
    this.#flights.delete(n);
  }

  #hold(flight, from) {
    // A lane has one reader: what was held before is over, also if its tab is gone without a word.
    const before = this.holds.at(-1);
    if (before?.from < from) before.to ??= from;
    flight.hold = { from };
    this.holds.push(flight.hold);
  }

  /** Something comes by what is held: whether it is new. When it was quiet before, nothing had lain there. */
  #hear(at) {
    if (at - this.#heard > QUIET_MS) this.#isLive = true;
    this.#heard = at;
    return this.#isLive;
  }

  #bring(arrow, isNew) {
    const sent = arrow.at - oneWay();
    for (const { id, data } of arrow.ids) {
      const message = messageOf(id);
      message.data ||= data;
      // Without a receipt, one that is new was published a trip before the first lane had it.
      message.at = Math.min(message.at ?? Infinity, sent);
      message.isTimed ||= isNew;
      message.came[this.key] ??= { at: arrow.at, sent, arrow };
    }
  }
}

/** Tells the tabs what this one sees, and hears what they see. Once in a while, not at each event. */
export class Shared {
  #waiting = [];
  #open = new Map(); // lanes of what this tab has asked and that goes on, by number
  #channel;

  constructor(name, take) {
    this.name = name;
    this.take = take;
    this.open();
  }

  open() {
    this.#channel = new BroadcastChannel(this.name);
    this.#channel.onmessage = ({ data }) => data.forEach((event) => this.take(event));
  }

  /** Ends what goes on: it is given up now, and then nobody is here to tell. */
  close() {
    for (const [n, lane] of this.#open) this.tell({ lane, event: { what: 'cut', n, at: now() } });
    this.#post();
    this.#channel?.close();
    this.#channel = undefined;
  }

  tell(told) {
    const { lane, event } = told;
    if (event?.what === 'ask') this.#open.set(event.n, lane);
    else if (['end', 'cut'].includes(event?.what)) this.#open.delete(event.n);
    this.take(told);
    if (!this.#waiting.length) setTimeout(() => this.#post(), 100);
    this.#waiting.push(told);
  }

  /** Also while nobody hears it, what waited is done with. */
  #post() {
    const told = this.#waiting.splice(0);
    this.#channel?.postMessage(told);
  }
}
