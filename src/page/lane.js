// A lane: one technique on the page, its connection, its state in words, and what it heard.
//
// The client does the rest: it reconnects, goes on from the cursor, and shares one connection among
// all tabs. Absent on purpose: what the lane costs, which the picture shows.

import { connect } from '/-/client.js';
import { say, time, write } from '/-/page/words.js';

const KEPT = 50; // lines
const QUEUED = 1_500; // milliseconds after which a request that did not begin is said to be queued

export class Lane {
  awaited = []; // what this page sent and this lane has yet to see: { text, at }
  waiting = []; // lines to be shown with the next frame
  cursor = 'latest';

  /** `options` are those of every connection; `changed` is called when its state has, with why it is closed. */
  constructor(key, technique, request, options, changed) {
    Object.assign(this, { key, technique, request, options, changed });
    this.isHeld = technique === 'sse' || technique === 'websocket'; // one connection for all messages
    this.root = document.querySelector('#lane').content.cloneNode(true).firstElementChild;
    [this.log, this.lines, this.toggle] = ['.log', '.lines', '[role=switch]'].map((part) => this.find(part));
    this.root.dataset.lane = key;
    this.toggle.onchange = () => {
      this.stop();
      this.start();
      changed();
    };
    document.querySelector('main').append(this.root);
    this.find('code').textContent = request;
    this.speak();
  }

  find(selector) { return this.root.querySelector(selector); }
  get on() { return this.toggle.checked; }
  get name() { return say(this.key); }

  /** Says what is always there in the language of the page. */
  speak() {
    this.root.ariaLabel = this.find('h3').textContent = this.name;
    this.log.ariaLabel = say('log', { name: this.name });
    this.lines.dataset.empty = say('log_empty');
    this.toggle.ariaLabel = say('on', { name: this.name });
    const [before, after] = say(`${this.key}_wire`, { interval: '\n' }).split('\n');
    this.find('.explanation').replaceChildren(before, ...(after ? [this.interval, after] : []));
    if (this.shown) this.show(...this.shown);
  }

  start() {
    if (!this.on || this.connection) return;
    const mine = (tell) => (value) => { if (connection === this.connection) tell.call(this, value); };
    const connection = this.connection = connect(location.origin, {
      ...this.options, techniques: [this.technique], since: this.cursor, wait: 30,
      interval: 1000 * (this.interval?.value ?? 1),
      onmessage: mine(this.message), ongap: mine(this.gap), onstate: mine(this.tell),
    });
  }

  stop() {
    const { connection } = this;
    this.cursor = connection?.cursor ?? this.cursor;
    this.connection = undefined;
    connection?.close();
    this.retryAt = undefined;
    clearTimeout(this.queued);
    this.show('off', 'off');
  }

  /** Reads once more, from there or from where it is. */
  restart(cursor) {
    this.stop();
    this.cursor = cursor ?? this.cursor;
    this.start();
  }

  // What the client tells.

  tell({ state, error, retryIn, isShared }) {
    clearTimeout(this.queued);
    this.retryAt = retryIn === undefined ? undefined : performance.now() + retryIn;
    if (state === 'open') {
      if (this.failed) this.note(say('again'));
      this.failed = false;
      this.show('open', isShared ? 'elsewhere' : { poll: 'asking', 'long-poll': 'parked' }[this.technique] ?? 'open');
    } else if (state === 'connecting') {
      this.show(state, 'connecting');
      // Nobody tells a page that its request waits in the browser for one of six connections.
      this.queued = setTimeout(() => this.show('queued', 'queued'), QUEUED);
    } else if (state === 'closed') {
      this.show('off', 'refused');
      if (error) this.note(say('final', { why: error }));
    } else if (retryIn === undefined) {
      this.show('waiting', 'offline'); // says the browser; the connection may live
    } else if (!this.failed && error) {
      this.failed = true;
      this.note(inPlainWords(error));
    }
    this.countDown();
    this.changed(state === 'closed' ? error : undefined);
  }

  /** A short poll is answered at once. One that is not waits in the browser, or for the server. */
  heard({ what }) {
    const { state } = this.root.dataset;
    // A question is no sign of life.
    if (this.technique !== 'poll' || (what === 'ask' && state !== 'open')) return;
    clearTimeout(this.queued);
    if (what === 'ask') {
      const before = this.shown;
      this.queued = setTimeout(() => {
        this.before = before;
        this.show('queued', 'queued');
      }, QUEUED);
    } else if (state === 'queued' && this.before) {
      this.show(...this.before);
    }
  }

  /** Seconds until the next try, when it waits for one. */
  get retryIn() { return Math.max(0, Math.ceil((this.retryAt - performance.now()) / 1000)); }

  countDown() {
    if (this.retryAt === undefined) return;
    this.show('waiting', this.retryIn ? 'next_try' : 'trying', { n: this.retryIn });
  }

  show(state, key, values) {
    this.shown = [state, key, values];
    if (this.root.dataset.state !== state) this.root.dataset.state = state;
    write(this.find('.state'), say(key, values));
  }

  message({ id, event, data }) {
    const line = this.line('message', typeof data === 'string' ? data : say('bytes_only', { n: data.length }), id);
    if (event) line.dataset = { event };
    // Is it ours? Known by its text: it comes before the receipt that tells the id.
    const ours = this.awaited.findIndex((sent) => sent.text === data);
    if (ours < 0) return;
    const [{ at }] = this.awaited.splice(ours, 1);
    line.dataset = { ...line.dataset, latency: time(performance.now() - at) };
  }

  gap({ from, to, reason }) {
    this.line('gap', say('gap', { why: say(reason) }), say('between', { from, to }));
    this.awaited = [];
  }

  note(text) { this.line('note', text); }

  line(kind, text, title) {
    const line = { kind, text, title };
    this.waiting.push(line);
    if (this.waiting.length > KEPT) this.waiting.shift();
    return line;
  }

  /** Puts what came since the last frame on the page at once: each line by itself would cost a layout. */
  flush() {
    if (this.waiting.length === 0) return;
    // The log grows upwards (page.css), and stays at its end by itself unless somebody scrolled back.
    this.lines.append(...this.waiting.splice(0).map(({ kind, text, title, dataset }) => {
      const item = document.createElement('p');
      item.className = kind;
      item.textContent = text; // never as HTML: it is a stranger's text
      if (title) item.title = title;
      Object.assign(item.dataset, dataset);
      return item;
    }));
    while (this.lines.childElementCount > KEPT) this.lines.firstElementChild.remove();
  }
}

/** Browsers say “Failed to fetch” of everything that has no status. */
function inPlainWords(error) {
  const { message, status } = error;
  if (status) return say('was_refused', { why: error });
  if (message.startsWith('The WebSocket was refused')) return say('no_handshake');
  if (!/^(The WebSocket|The stream|No answer|The cursor)/.test(message)) return say('no_answer');
  const why = message.replace(/^The WebSocket was cut: (1006$)?/, ''); // 1006: no reason was given
  return why ? say('lost_why', { why: { message: why } }) : say('lost');
}
