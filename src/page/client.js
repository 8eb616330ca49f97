// The client: `import { connect } from '/-/client.js'`, in browsers and in Node from 20 on.
//
// It reads by the best technique that works where it runs, and takes the next one when that is
// refused, held back by a proxy, or keeps dying. One rule makes hopping safe: **one technique reads
// at a time, and it starts from the cursor**, the id of the last message handed over. What the one
// before received and did not hand over is asked for again; the rest lies behind the cursor.
//
// Absent on purpose: queues, and any order among ids. Promises: docs/client.md.

/** The best first. */
const READ = { websocket, sse, 'long-poll': longPoll, poll: shortPoll };
export const TECHNIQUES = Object.keys(READ);

/** Milliseconds. */
const TIMINGS = {
  first: 5_000, // for a stream to say something: a proxy that collects bytes shows nothing
  grace: 5_000, // for an answer, beyond its wait
  proof: 10_000, // what lives so long works here
  trial: 10_000, // until a better technique is tried; doubled each time, 64-fold at most
  silence: 60_000, // until a stream is doubted
  backOff: 500, // after a failure; doubled likewise
  publish: 300_000, // to repeat a publish; the server remembers its key for longer
};

/** So slow may a body be sent: for 1,000 bytes more, a publish may take 250 ms longer. */
const BYTES_PER_MS = 4;

/** So many short lives in a row: a technique does not work here. */
const DEATHS_MAX = 3;

/** So many steps of another tab are kept; what is dropped, a poll brings. */
const STEPS_MAX = 1_000;

/**
 * Reads topics, from now on and until `close()`.
 * @type {typeof import('./client').connect}
 */
export const connect = (url, options) => new Client(url, options);

class Client {
  cursor; // the id of the last message
  status = { state: 'connecting' };
  costs = {}; // by technique

  #options;
  #line; // what lines have in common
  #techniques;
  #barred = new Set(); // techniques that do not work here, until a trial
  #deaths = {}; // short lives in a row, by technique
  #failed = []; // techniques that failed since one worked
  #trials = 0;
  #running; // aborts when closed, or put away
  #reading; // aborts for another connection
  #told; // the cursor before the last gap
  #channel; // to the other tabs
  #sleepers = new Set();
  #published = Promise.resolve(); // the publish before the next
  #closed = new AbortController();

  constructor(url, { topics = [], techniques, since = 'latest', ...options } = {}) {
    const names = [topics].flat();
    const base = new URL(url, globalThis.location?.href).href.replace(/\/?([?#].*)?$/, '');
    this.cursor = since;
    this.#options = options;
    this.#line = {
      base,
      names,
      address: `${base}/${names.map(encodeURIComponent)}`,
      wait: options.wait ?? 25,
      interval: options.interval ?? 2_000,
      timings: { ...TIMINGS, ...options.timings },
      query: options.query,
      token: options.token,
      ticket: options.ticket,
      pause: (ms, signal) => this.#pause(ms, signal),
      count: (technique, figures) => this.#count(technique, figures),
    };
    this.#techniques = (techniques ?? TECHNIQUES).filter(
      (name) =>
        READ[name] &&
        (name !== 'websocket' || globalThis.WebSocket) && // Node 20 has none
        // An event does not say its topic: of several, only who asks gets it.
        (name !== 'sse' || techniques || names.length === 1),
    );
    if (!names.length) throw new TypeError('connect: name what to read: { topics: […] }');
    if (!this.#techniques.length && techniques?.length !== 0) {
      throw new TypeError(`connect: techniques are ${TECHNIQUES}`);
    }
    this.#listen();
    queueMicrotask(() => this.#start()); // the caller holds it by then
  }

  get state() {
    return this.status.state;
  }

  /** Ends it; what is being published is rejected. */
  close(error) {
    if (this.#closed.signal.aborted) return;
    this.#stop();
    this.#closed.abort();
    this.#tell({ state: 'closed', error });
  }

  /**
   * Publishes a message once, however often it is sent: a key that was seen adds nothing. Several
   * go one after another, to keep their order.
   */
  publish(data, { topic = this.#line.names[0], event, key = randomKey() } = {}) {
    const query = event ? `?event=${encodeURIComponent(event)}` : '';
    const url = `${this.#line.base}/${encodeURIComponent(topic)}${query}`;
    const publish = () => this.#publish(url, data, key);
    const published = this.#published.then(publish);
    this.#published = published.catch(() => {});
    return published;
  }

  async #publish(url, body, key) {
    const { timings, token } = this.#line;
    const { signal } = this.#closed;
    const until = Date.now() + timings.publish;
    const upload = new Blob([body]).size / BYTES_PER_MS;
    // Bounded: the last repeat must reach the server while that remembers the key.
    const ms = Math.min(3 * timings.grace + upload, timings.publish);
    for (let failures = 0; ; failures += 1) {
      try {
        return await within(signal, ms, async (own) => {
          this.#count('publish', { requests: 1 });
          const headers = { 'Idempotency-Key': key };
          const init = { method: 'POST', body, headers, signal: own.signal };
          const receipt = await (await ask(url, init, token)).json();
          this.#count('publish', { messages: 1 });
          return receipt;
        });
      } catch (error) {
        const delay = this.#delay(failures, error);
        if (isFinal(error) || Date.now() + delay > until) throw error;
        await this.#pause(delay, signal);
        if (signal.aborted) throw error;
      }
    }
  }

  // ── How it starts and stops

  #start() {
    // Who gives no technique publishes only.
    if (this.#running || this.#closed.signal.aborted || !this.#techniques.length) return;
    this.#running = new AbortController();
    const { signal } = this.#running;
    // Pages have locks if they came over TLS or from this machine. Without, each tab reads.
    const shares = this.#options.shared && globalThis.navigator?.locks;
    shares ? this.#share(signal) : this.#read(signal);
  }

  #stop() {
    this.#running?.abort();
    this.#running = undefined;
  }

  #listen() {
    const { signal } = this.#closed;
    const on = (target, type, does) => target?.addEventListener?.(type, does, { signal });
    // Another network: what was refused may pass, and old connections lead nowhere.
    on(globalThis, 'online', () => {
      this.#barred.clear();
      this.#trials = 0;
      this.#reading?.abort();
      this.#wake();
    });
    on(globalThis, 'offline', () => this.#tell({ ...this.status, state: 'offline' }));
    on(globalThis.document, 'visibilitychange', () => isHidden() || this.#wake());
    // A page with open connections is not kept for the Back button.
    on(globalThis, 'pagehide', () => this.#stop());
    on(globalThis, 'pageshow', ({ persisted }) => persisted && this.#start());
  }

  #wake() {
    for (const sleeper of this.#sleepers) sleeper.abort();
  }

  /** Waits, until something is worth another look. */
  #pause(ms, signal) {
    return within(signal, ms + 1, async (own) => {
      this.#sleepers.add(own);
      await ended(own.signal);
      this.#sleepers.delete(own);
    });
  }

  /** Longer after each failure, and by chance: a crowd must not come as one. */
  #delay(failures, { retryAfter = 0 }) {
    const ms = this.#line.timings.backOff * Math.min(64, 2 ** failures);
    return Math.max(ms * (0.5 + Math.random() / 2), Math.min(retryAfter, 3_600_000));
  }

  // ── What it tells

  #tell(status) {
    this.status = status;
    this.#channel?.postMessage({ status });
    call(this.#options.onstate, status);
  }

  /** One step along the log: the cursor moves, and what lies between is handed over. */
  #step({ cursor, message, gap }, technique) {
    const from = this.cursor;
    this.cursor = cursor ?? from;
    // To other tabs first: they do not wait for a callback.
    if (cursor !== from || gap) this.#channel?.postMessage({ from, cursor, message, gap });
    // Each connection that starts before a gap tells it, until a message moves the cursor.
    if (gap && gap.from !== this.#told) call(this.#options.ongap, gap);
    this.#told = gap ? gap.from : message ? undefined : this.#told;
    if (!message) return;
    this.#count(technique, { messages: 1 });
    call(this.#options.onmessage, message);
  }

  #count(technique, figures) {
    const costs = (this.costs[technique] ??= { requests: 0, empty: 0, messages: 0, bytes: 0 });
    for (const name in figures) costs[name] += figures[name];
    call(this.#options.oncost, { technique, ...costs });
  }

  // ── Which technique reads

  /** Reads by the best technique, or the next; pauses when none works. */
  async #read(signal) {
    const last = this.#techniques.at(-1);
    for (let failures = 0; !signal.aborted; ) {
      let end;
      for (const technique of this.#techniques) {
        if (this.#barred.has(technique) && technique !== last) continue;
        if (!failures) this.#tell({ state: 'connecting', technique });
        end = await this.#attempt(technique, signal);
        if (signal.aborted) return;
        if (end.isOurs || end.worked) break;
        this.#failed.push(technique);
        // The server asks for patience, of the next as well.
        if (end.error.retryAfter !== undefined && !isFinal(end.error)) break;
      }
      if (end.isOurs) continue; // a better technique was found, or another network
      failures = end.worked ? 0 : failures + 1;
      if (!end.worked) {
        if (isFinal(end.error)) return this.close(end.error);
        // It is the server that is gone: nothing is known about techniques.
        this.#deaths = {};
        this.#failed = [];
      }
      const retryIn = Math.round(this.#delay(failures, end.error));
      const state = globalThis.navigator?.onLine === false ? 'offline' : 'waiting';
      this.#tell({ state, error: end.error, retryIn });
      await this.#pause(retryIn, signal);
    }
  }

  /** Reads by one technique until it ends; says why, and whether it worked. */
  #attempt(technique, signal) {
    return within(signal, 0, async (reading) => {
      this.#reading = reading;
      const line = new Line(this.#line, technique, reading.signal, this.cursor);
      line.onstep = (step) => this.#step(step, technique);
      const blamed = this.#failed;
      line.onopen = () => {
        // The server is there: what failed before is itself to blame.
        this.#failed = [];
        for (const name of blamed) this.#barred.add(name);
        this.#tell({ state: 'open', technique });
        this.#climb(technique, reading);
        if (!technique.endsWith('poll')) this.#doubt(line, reading);
      };
      const error = await READ[technique](line).catch((error) => error);
      const isOurs = reading.signal.aborted;
      // A server that ends: no technique failed.
      if (line.goodbye) for (const name of blamed) this.#barred.delete(name);
      else if (line.opened && !isOurs) this.#mourn(technique, performance.now() - line.opened);
      return { error, isOurs, worked: line.opened };
    });
  }

  /** What is cut again and again does not work here. */
  #mourn(technique, lived) {
    const isShort = lived < this.#line.timings.proof;
    this.#deaths[technique] = isShort ? (this.#deaths[technique] ?? 0) + 1 : 0;
    if (this.#deaths[technique] >= DEATHS_MAX) this.#barred.add(technique);
    if (!isShort && technique === this.#techniques[0]) this.#trials = 0;
  }

  /** Tries what is better than the technique that reads, until something is. */
  async #climb(present, reading) {
    const better = this.#techniques.slice(0, this.#techniques.indexOf(present));
    while (better.length && !reading.signal.aborted) {
      const ms = this.#line.timings.trial * Math.min(64, 2 ** this.#trials);
      await this.#pause(ms * (0.75 + Math.random() / 2), reading.signal);
      if (isHidden() || reading.signal.aborted) continue;
      this.#trials += 1;
      for (const technique of better) {
        if (!(await this.#try(technique, reading.signal))) continue;
        this.#barred.delete(technique);
        this.#deaths[technique] = DEATHS_MAX - 1; // on probation
        return reading.abort();
      }
    }
  }

  /** Whether a technique lives long enough, on a line of its own. */
  #try(technique, signal) {
    return within(signal, 0, (trial) => {
      const line = new Line(this.#line, technique, trial.signal, 'latest');
      const { proof } = this.#line.timings;
      return new Promise((tell) => {
        line.onopen = () => setTimeout(() => tell(!trial.signal.aborted), proof);
        READ[technique](line).catch(() => tell(false));
      });
    });
  }

  /**
   * A stream may be dead and look alive: a page is not shown Pings, and a server need not beat. When
   * it was silent, or the page is looked at again, a poll asks for what it should have said.
   */
  async #doubt(line, reading) {
    const { signal } = reading;
    while (!signal.aborted) {
      const { heard } = line;
      await this.#pause(this.#line.timings.silence, signal);
      if (line.heard !== heard) continue;
      const witness = new Line(this.#line, 'poll', signal, this.cursor);
      await poll(witness).catch(() => {});
      if (witness.cursor === this.cursor) continue;
      await within(signal, 1_000, (own) => ended(own.signal)); // it may be on its way
      if (line.heard === heard) reading.abort();
    }
  }

  // ── One connection for all tabs

  /**
   * The tab that holds the lock reads, and posts each step with the cursor that it starts from. A
   * tab that stands there takes it. One that does not has missed something, or has it already: a
   * poll from where it stands tells. So it does not matter who posts, or how late: what is said of
   * the log is true.
   */
  #share(signal) {
    const name = `tollway ${this.#line.address} ${this.#options.shared}`;
    const channel = new BroadcastChannel(name);
    signal.addEventListener('abort', () => {
      this.#channel = undefined;
      channel.close();
    });
    const following = new AbortController();
    signal.addEventListener('abort', () => following.abort());
    const steps = [{}]; // taken by no tab: the first poll
    let digested = this.#digest(steps, following.signal);
    channel.onmessage = ({ data: { status, isNew, ...step } }) => {
      if (isNew) this.#channel?.postMessage({ status: this.status });
      if (isNew || following.signal.aborted) return;
      if (status) return this.#tell({ ...status, isShared: true });
      const count = steps.push(step);
      if (count > STEPS_MAX) steps.splice(0, STEPS_MAX, {});
      if (count === 1) digested = digested.then(() => this.#digest(steps, following.signal));
    };
    channel.postMessage({ isNew: true });
    const lead = async () => {
      following.abort();
      await digested;
      if (signal.aborted) return;
      this.#channel = channel;
      channel.postMessage({ from: this.cursor, cursor: this.cursor });
      await this.#read(signal);
    };
    // A page that may have no locks reads for itself.
    navigator.locks.request(name, { signal }, lead).catch(() => signal.aborted || lead());
  }

  /** Takes the steps that lead on from where this tab stands. */
  async #digest(steps, signal) {
    for (let failures = 0; steps.length && !signal.aborted; ) {
      const next = steps.findIndex(({ from }) => from === this.cursor);
      const [step] = steps.splice(0, next + 1).slice(-1);
      if (step) {
        this.#step(step, 'shared');
        continue;
      }
      // What was posted until now is in the log: the poll brings it.
      steps.length = 0;
      const line = new Line(this.#line, 'poll', signal, this.cursor);
      line.onstep = (step) => this.#step(step, 'poll');
      try {
        while (await poll(line));
      } catch (error) {
        // When it is to read itself, it is told once more, and in full.
        if (isFinal(error) && !signal.aborted) return this.close(error);
        steps.unshift({});
        await this.#pause(this.#delay((failures += 1), error), signal);
      }
    }
  }
}

// ── The four techniques
// Of one shape: each reads from the line's cursor until it fails, and throws why.

/** One connection for both directions: a handshake, then a frame for each message. */
async function websocket(line) {
  const ticket = await line.pass();
  line.signal.throwIfAborted();
  const url = line.url('ws', ticket && { ticket });
  const socket = new WebSocket(url.replace(/^http/, 'ws'), 'tollway.v1');
  line.count({ requests: 1 });
  let late;
  try {
    await new Promise((_, fail) => {
      late = setTimeout(fail, line.timings.first, new Error('The WebSocket says nothing'));
      socket.onmessage = ({ data }) => {
        clearTimeout(late);
        try {
          line.count({ bytes: bytesIn(data) });
          const { next, gap, ...message } = JSON.parse(data);
          if (message.id) line.hand(message);
          else line.step({ cursor: next, gap });
          line.open();
        } catch (error) {
          fail(error); // another dialect
        }
      };
      // Node 20 tells of a refused handshake by an error alone.
      socket.onclose = socket.onerror = ({ code = 1006, reason }) => {
        line.goodbye = [1001, 1012].includes(code);
        fail(new Error(`The WebSocket was ${line.opened ? 'cut' : 'refused'}: ${reason || code}`));
      };
      line.signal.addEventListener('abort', fail);
    });
  } finally {
    clearTimeout(late);
    socket.onmessage = socket.onclose = socket.onerror = null;
    socket.close();
  }
}

/**
 * One answer that never ends. `fetch` shows what EventSource hides: the first event, which holds a
 * cursor alone and proves that nobody collects bytes on the way; a refusal's status; all names.
 */
function sse(line) {
  const read = async (own) => {
    let retryAfter;
    try {
      const answer = await line.get('sse', own.signal);
      const parse = eventParser(({ id, event, data, encoding, retry }) => {
        retryAfter = retry ?? retryAfter;
        line.goodbye = line.opened && retry;
        if (!id) return;
        own.wait(0);
        if (data === undefined) line.step({ cursor: id });
        else if (event === 'gap') line.step({ cursor: id, ...JSON.parse(data) });
        else line.hand({ id, event, data, encoding });
        line.open();
      });
      for await (const text of line.read(answer)) {
        line.heard += 1; // a heartbeat, or a piece of an event, is life as well
        parse(text);
      }
      throw new Error('The stream ended');
    } catch (error) {
      throw retryAfter === undefined ? error : Object.assign(error, { retryAfter });
    }
  };
  return within(line.signal, line.timings.first, read, 'The stream is held back');
}

/** A question that is answered when there is something to say; then the next question. */
async function longPoll(line) {
  // A wait from `latest` that is cut would lose what came meanwhile: first the cursor.
  await poll(line);
  line.open();
  for (;;) {
    const { cursor } = line;
    const asked = performance.now();
    await poll(line, line.wait);
    // A proxy that does not wait.
    const next = asked + Math.min(line.interval, line.granted * 500 || Infinity);
    const ms = next - performance.now();
    if (ms > 0 && line.cursor === cursor) await line.pause(ms, line.signal);
  }
}

/** A question, an answer, a pause. */
async function shortPoll(line) {
  for (;;) {
    const more = await poll(line);
    line.open();
    const ms = line.interval * (0.9 + Math.random() / 5) * (isHidden() ? 5 : 1);
    if (!more) await line.pause(ms, line.signal);
  }
}

/** One poll; true when there is more to fetch at once. */
function poll(line, wait = 0) {
  const { grace } = line.timings;
  return within(line.signal, wait * 1_000 + grace, async (own) => {
    const answer = await line.get('poll', own.signal, wait);
    // wait=25
    line.granted = answer.headers.get('Preference-Applied')?.slice(5) ?? wait;
    let text = '';
    for await (const piece of line.read(answer)) {
      own.wait(grace); // a long answer may take long, as long as it comes
      text += piece;
    }
    if (answer.status === 204) {
      line.count({ empty: 1 });
      const [field, tag] = ['Last-Event-ID', 'ETag'].map((name) => answer.headers.get(name));
      // Older servers tell the cursor by the tag.
      const cursor = field ?? tag?.replace(/^(W\/)?"|"$/g, '');
      if (!cursor) throw new Error('The cursor was taken out of the answer');
      return line.step({ cursor });
    }
    const { next, gap, messages, more } = JSON.parse(text);
    if (gap) line.step({ gap });
    for (const message of messages) line.hand(message);
    line.step({ cursor: next });
    return more;
  });
}

// ── What they have in common

/** What a technique reads for: from where, until when, and whom it tells. */
class Line {
  opened = 0;
  heard = 0;

  constructor(common, technique, signal, cursor) {
    Object.assign(this, common, { technique, signal, cursor });
    this.count = (figures) => common.count(technique, figures);
  }

  /** The cursor goes into the query: elsewhere a header would cost a preflight. */
  url(suffix, more) {
    const query = new URLSearchParams({ ...this.query, since: this.cursor, ...more });
    return `${this.address}/${suffix}?${query}`;
  }

  get(suffix, signal, wait) {
    this.count({ requests: 1 });
    // Out of the cache, Chromium lets one tab at a time ask for one address.
    return ask(this.url(suffix, wait && { wait }), { cache: 'no-store', signal }, this.token);
  }

  /** The text of an answer, as it comes. */
  async *read({ body }) {
    const decoder = new TextDecoder();
    const bytes = body?.getReader();
    while (bytes) {
      const { value, done } = await bytes.read();
      if (done) return;
      this.count({ bytes: value.length });
      yield decoder.decode(value, { stream: true });
    }
  }

  /** What a WebSocket shows in place of a token. */
  pass() {
    const { base, token, ticket } = this;
    return within(this.signal, this.timings.grace, async ({ signal }) => {
      if (ticket || !token) return ticket && unlessEnded(signal, ticket);
      const answer = await ask(`${base}/-/ticket`, { method: 'POST', signal }, token);
      return (await answer.json()).ticket;
    });
  }

  /** It works here. */
  open() {
    if (this.opened || this.signal.aborted) return;
    this.opened = performance.now();
    this.onopen?.();
  }

  /** Hands a message over; bytes that are no text come as base64. */
  hand({ encoding, event, ...message }) {
    if (event !== undefined) message.event = event;
    if (encoding) message.data = Uint8Array.from(atob(message.data), (c) => c.charCodeAt(0));
    this.step({ cursor: message.id, message });
  }

  /** Nothing comes from a line that was given up: the next one starts from the cursor. */
  step(step) {
    if (this.signal.aborted) return;
    this.heard += 1;
    this.cursor = step.cursor ?? this.cursor;
    this.onstep?.(step);
  }
}

/** Reads server-sent events (HTML §9.2.6), however the text is cut. */
function eventParser(dispatch) {
  let rest = '';
  let event = {};
  const field = (line) => {
    if (line === '') {
      dispatch(event);
      event = {};
      return;
    }
    const [, name, value] = /^([^:]*):? ?([^]*)$/.exec(line);
    if (name === 'data') event.data = event.data === undefined ? value : `${event.data}\n${value}`;
    else if (name === 'id' || name === 'event') event[name] = value;
    else if (name === 'retry' && /^\d+$/.test(value)) event.retry = Number(value);
    else if (name === '' && value === 'base64') event.encoding = value; // tollway's own comment
  };
  return (text) => {
    // A CR at the end may be half of a CRLF: it is left for the next piece.
    const lines = (rest + text).split(/\r\n|\n|\r(?=[^])/);
    rest = lines.pop();
    lines.forEach(field);
  };
}

/** Fetches. A refusal says what was wrong, RFC 9457. */
async function ask(url, init, token) {
  const value = typeof token === 'function' ? await unlessEnded(init.signal, token) : token;
  const headers = { ...init.headers, ...(value && { Authorization: `Bearer ${value}` }) };
  const answer = await fetch(url, { ...init, headers });
  if (answer.ok) return answer;
  const { status, statusText } = answer;
  const { title = statusText, detail = '', code } = (await answer.json().catch(() => {})) ?? {};
  const after = answer.headers.get('Retry-After');
  const ms = after * 1_000 || Date.parse(after) - Date.now();
  // Anything may stand there; NaN would be a pause that never ends.
  const retryAfter = Number.isFinite(ms) ? Math.max(0, ms) * (1 + Math.random() / 4) : undefined;
  throw Object.assign(new Error(`${status} ${title}. ${detail}`), { status, code, retryAfter });
}

/** Whether to ask again is pointless. */
const isFinal = ({ status }) => status >= 400 && status < 500 && ![408, 425, 429].includes(status);

const isHidden = () => globalThis.document?.visibilityState === 'hidden';

const bytesIn = (text) => new TextEncoder().encode(text).length;

/** `crypto.randomUUID` is there only for pages that came over TLS. */
const randomKey = () =>
  Array.from(crypto.getRandomValues(new Uint32Array(4)), (n) => n.toString(36)).join('-');

/** What a callback throws is its page's own affair; reading goes on. */
function call(callback, value) {
  try {
    callback?.(value);
  } catch (error) {
    queueMicrotask(() => {
      throw error;
    });
  }
}

const ended = (signal) =>
  new Promise((over) => (signal.aborted ? over() : signal.addEventListener('abort', over)));

/** What a page's function promised; it may never settle, or fail with what is no Error. */
async function unlessEnded(signal, promised) {
  try {
    return await Promise.race([promised(), ended(signal).then(() => signal.throwIfAborted())]);
  } catch (error) {
    throw error instanceof Error ? error : new Error(`No token: ${error}`);
  }
}

/** Does `work` with a controller that aborts with `parent`, and `ms` after the last `wait(ms)`. */
async function within(parent, ms, work, why = 'No answer in time') {
  const own = new AbortController();
  const end = () => own.abort();
  let late;
  own.wait = (ms) => {
    clearTimeout(late);
    late = ms && setTimeout(() => own.abort(new Error(why)), ms);
  };
  own.wait(ms);
  parent.addEventListener('abort', end);
  if (parent.aborted) end();
  try {
    return await work(own);
  } finally {
    own.wait(0);
    parent.removeEventListener('abort', end);
    end();
  }
}
