// The record: what happened in each lane, in the order of time, kept for the picture. It is fed by the
// taps of all tabs, because tabs share their connections: the one that reads tells the others.
//
// Absent on purpose: drawing, and the sums, which are the server's.

import { now } from '/-/page/tap.js';

const KEPT_MS = 180_000; // older than that, nothing can be shown
const KEPT = 6_000; // arrows of a lane
const MESSAGES = 2_000;

/** From one end to the other, in milliseconds: half of the shortest of the last polls. */
const trips = [];
export const oneWay = () => (trips.length ? Math.min(...trips) / 2 : 0.5);

/** Every message that a lane has brought or this page has sent, by id. */
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

  constructor(key) {
    this.key = key;
  }

  /** Takes what a tap tells. */
  take({ what, ...event }) {
    this[`_${what}`](event, this.#flights.get(event.n) ?? {});
    while (this.arrows.length > KEPT || this.arrows[0]?.at < now() - KEPT_MS) this.arrows.shift();
    while (this.holds[0]?.to < now() - KEPT_MS) this.holds.shift();
  }

  _ask({ n, at, target, waits }) {
    const flight = { target, waits, asked: at };
    this.#flights.set(n, flight);
    this.asked += 1;
    this.targets += target.length;
    const kind = target.includes('/ws?') ? 'handshake' : 'request';
    this.kinds.add(kind);
    flight.question = this.#arrow({ up: false, at, target, kind });
    if (waits) this.#hold(flight, at + oneWay());
  }

  _answer({ at, status, head }, flight) {
    flight.isAnswered = true;
    this.#arrow({ up: true, at, status, head, wire: 0, kind: status === 101 ? 'handshake' : 'head', question: flight.question });
    this.#hold(flight, at - oneWay());
  }

  _piece({ at, ...piece }) {
    this.#bring(this.#arrow({ up: true, at, ...piece, kind: piece.header ? 'frame' : 'event' }));
  }

  _end({ n, at, ...end }, flight) {
    flight.isAnswered = true;
    if (!flight.waits && flight.asked) {
      trips.push(at - flight.asked);
      if (trips.length > 32) trips.shift();
    }
    this.empty += end.ids.length ? 0 : 1;
    this.#bring(this.#arrow({ up: true, at, ...end, kind: 'answer', asked: flight.asked, question: flight.question }));
    this._cut({ n, at }, flight);
  }

  _cut({ n, at }, flight) {
    if (!flight.isAnswered) this.givenUp += 1;
    if (flight.hold) flight.hold.to ??= at - oneWay();
    this.#flights.delete(n);
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

  #hold(flight, from) {
    flight.hold = { from };
    this.holds.push(flight.hold);
  }

  #bring(arrow) {
    const sent = arrow.at - oneWay();
    for (const { id, data } of arrow.ids) {
      const message = messageOf(id);
      message.data ||= data;
      // Without a receipt, it was published a trip before the first lane had it.
      message.at = Math.min(message.at ?? Infinity, sent);
      message.came[this.key] ??= { at: arrow.at, sent, arrow };
    }
  }
}

/** Tells the tabs what this one sees, and hears what they see. Once in a while, not at each event. */
export class Shared {
  #waiting = [];
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

  close() {
    this.#channel?.close();
    this.#channel = undefined;
  }

  tell(event) {
    this.take(event);
    if (!this.#waiting.length) setTimeout(() => this.#channel?.postMessage(this.#waiting.splice(0)), 100);
    this.#waiting.push(event);
  }
}
