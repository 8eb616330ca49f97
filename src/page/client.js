// The client: `import { connect } from '/-/client.js'`. Browsers and Node from 20 on, unchanged.
//
// It reads topics by the best technique that works where it runs, and takes the next one when that
// is refused, held back by a proxy, or keeps dying. Hopping is safe because of one rule: **one
// technique reads at a time, and it starts from the cursor**, the id of the last message that was
// handed over. Whatever the one before had received and not handed over is asked for again, and
// what it had handed over is behind the cursor. Nothing is compared, sorted or remembered.
//
// From the top: what a page gets (`connect`, `Client`), how a technique is chosen (`#read`,
// `#climb`), how tabs share one connection (`#share`), the four techniques, what they have in
// common. Absent on purpose: a queue (a callback is called as messages come), and any order among
// ids: a cursor is compared for equality and otherwise handed back as it came.

/** All techniques, the best first. @type {import('./client').Technique[]} */
export const TECHNIQUES = ['websocket', 'sse', 'long-poll', 'poll'];

/** Milliseconds. Each may be set by `timings`; the tests do. */
const TIMINGS = {
  first: 5_000, // until the first byte of a stream: a proxy that collects bytes shows none
  grace: 5_000, // for an answer, beyond the wait that it was asked to be withheld for
  proof: 10_000, // a technique that has worked for so long works here
  trial: 10_000, // until a better technique is tried again; doubled each time, up to:
  trialMax: 600_000,
  silence: 60_000, // a WebSocket that says nothing for so long is doubted
  backOff: 500, // the delay after the first failure; doubled each time, up to:
  backOffMax: 30_000,
  publish: 300_000, // a publish is repeated for so long; the server remembers its key for longer
};

/** So many short lives one after another make a technique that does not work here. */
const DEATHS_MAX = 3;

/**
 * Reads topics of a server, from now on and until `close()`.
 * @param {string | URL} url of the server, such as `https://chat.example`; relative to the page
 * @param {import('./client').Options} options
 * @returns {import('./client').Connection}
 */
export function connect(url, options) {
  return new Client(url, options);
}

class Client {
  /** Where reading stands: the id of the last message, or the word that it began with. */
  cursor;
  /** @type {import('./client').Status} */
  status = { state: 'connecting' };
  /** What each technique has cost this client, as far as a page can see it. */
  costs = {};

  #options;
  #topics;
  #setup; // what every line needs to ask the server
  #techniques;
  #barred = new Set(); // techniques that do not work here, until a trial shows that they do
  #deaths = new Map(); // technique → short lives since its last long one
  #failed = []; // techniques that failed since one worked last
  #trials = 0;
  #running; // the controller of everything that goes on; none when closed or put away
  #reading; // the controller of the technique that reads
  #told; // the cursor before the gap that was told last
  #channel; // to the other tabs
  #sleepers = new Set(); // pauses that may be cut short
  #published = Promise.resolve(); // the publish before the next one
  #listeners = new AbortController();

  constructor(url, { topics, techniques, since = 'latest', ...options } = {}) {
    this.#topics = [topics ?? []].flat();
    if (!this.#topics.length) throw new TypeError('connect: name what to read, as { topics: […] }');
    const unknown = techniques?.find((name) => !TECHNIQUES.includes(name));
    if (unknown) throw new TypeError(`connect: no technique is called ${unknown}`);
    const { href } = new URL(url, globalThis.location?.href);
    this.cursor = since;
    this.#options = options;
    this.#setup = {
      base: href.replace(/[?#].*/, '').replace(/\/$/, ''),
      path: this.#topics.map(encodeURIComponent).join(','),
      wait: options.wait ?? 25,
      interval: options.interval ?? 2_000,
      timings: { ...TIMINGS, ...options.timings },
      headers: async () => {
        const { token } = options;
        const bearer = typeof token === 'function' ? await token() : token;
        return bearer ? { Authorization: `Bearer ${bearer}` } : {};
      },
      pause: (ms, signal) => this.#pause(ms, signal),
      count: (technique, figures) => this.#count(technique, figures),
    };
    this.#techniques = (techniques ?? TECHNIQUES).filter(
      (name) =>
        // Node 20 has no WebSocket, and a browser's cannot carry a token.
        (name !== 'websocket' || (globalThis.WebSocket && !options.token)) &&
        // An event does not say its topic: with several, SSE is taken only by who asks for it.
        (name !== 'sse' || techniques || this.#topics.length === 1),
    );
    if (!this.#techniques.length) throw new TypeError('connect: none of these techniques is here');
    this.#listen();
    // Not before the caller holds what this constructor makes.
    queueMicrotask(() => this.#start());
  }

  get state() {
    return this.status.state;
  }

  /** Ends it: nothing is called any more, and a publish that failed is not repeated. */
  close() {
    this.#end();
  }

  /**
   * Publishes one message, once, however often it has to be sent: each attempt carries the same
   * key, and the server adds nothing for a key that it has seen. Several go one after another, so
   * that they keep their order.
   * @returns {Promise<{id: string, subscribers: number}>} rejected when the server refuses it
   */
  publish(data, { topic = this.#topics[0], event, key = randomKey() } = {}) {
    const query = event ? `?event=${encodeURIComponent(event)}` : '';
    const url = `${this.#setup.base}/${encodeURIComponent(topic)}${query}`;
    const publish = () => this.#publish(url, data, key);
    const published = this.#published.then(publish, publish);
    this.#published = published.catch(() => {});
    return published;
  }

  async #publish(url, body, key) {
    const { timings, headers } = this.#setup;
    const { signal } = this.#listeners;
    const until = Date.now() + timings.publish;
    for (let failures = 1; ; failures += 1) {
      const attempt = tie(null, 2 * timings.grace + timings.first);
      try {
        this.#count('publish', { requests: 1 });
        const answer = await fetch(url, {
          method: 'POST',
          body,
          headers: { 'Idempotency-Key': key, ...(await headers()) },
          signal: attempt.signal,
        });
        if (!answer.ok) throw await refusal(answer);
        const receipt = await answer.json();
        this.#count('publish', { messages: 1 });
        return receipt;
      } catch (error) {
        if (isFinal(error) || signal.aborted || Date.now() > until) throw error;
        await this.#pause(this.#delay(failures, error), signal);
        if (signal.aborted) throw error;
      } finally {
        attempt.free();
      }
    }
  }

  // ── How it starts, stops, and hears of the world ───────────────────────────────────────────

  #start() {
    if (this.#running || this.#listeners.signal.aborted) return;
    this.#running = new AbortController();
    const { signal } = this.#running;
    // Locks are for pages that came over TLS or from this machine; without them, each tab reads.
    const shares = this.#options.shared && globalThis.navigator?.locks && globalThis.BroadcastChannel;
    (shares ? this.#share(signal) : this.#read(signal)).catch((error) => {
      if (!signal.aborted) report(error);
    });
  }

  #stop() {
    this.#running?.abort();
    this.#running = undefined;
  }

  #end(error) {
    if (this.#listeners.signal.aborted) return;
    this.#stop();
    this.#tell({ state: 'closed', error });
    this.#listeners.abort();
  }

  #listen() {
    const on = (target, type, does) =>
      target?.addEventListener?.(type, does, { signal: this.#listeners.signal });
    // Another network: what was refused there may pass here, and old connections lead nowhere.
    on(globalThis, 'online', () => {
      this.#barred.clear();
      this.#trials = 0;
      this.#reading?.abort();
      this.#wake();
    });
    on(globalThis, 'offline', () => this.#tell({ ...this.status, state: 'offline' }));
    on(globalThis.document, 'visibilitychange', () => isHidden() || this.#wake());
    // A page that is put away for the Back button must not hold a connection, or it is thrown away.
    on(globalThis, 'pagehide', () => this.#stop());
    on(globalThis, 'pageshow', ({ persisted }) => persisted && this.#start());
  }

  #wake() {
    for (const end of this.#sleepers) end();
  }

  /** Waits, until the time is over, something is worth another look, or the signal aborts. */
  #pause(ms, signal) {
    return new Promise((over) => {
      const end = () => {
        clearTimeout(timer);
        this.#sleepers.delete(end);
        signal.removeEventListener('abort', end);
        over();
      };
      const timer = setTimeout(end, ms);
      this.#sleepers.add(end);
      signal.addEventListener('abort', end);
      if (signal.aborted) end();
    });
  }

  /** Longer after each failure, and never as long as others wait: a crowd must not come as one. */
  #delay(failures, { retryAfter = 0 }) {
    const { backOff, backOffMax } = this.#setup.timings;
    const ms = Math.min(backOffMax, backOff * 2 ** (failures - 1));
    return Math.max(ms * (0.5 + Math.random() / 2), retryAfter);
  }

  // ── What it tells ──────────────────────────────────────────────────────────────────────────

  #tell(status) {
    this.status = status;
    this.#channel?.postMessage({ status });
    call(this.#options.onstate, status);
  }

  /** One step along the log: the cursor moves, and what lies between is handed over. */
  #step({ cursor, message, gap }, technique) {
    const from = this.cursor;
    this.cursor = cursor ?? from;
    // To the other tabs first: they are not to wait for what a callback does.
    if (cursor !== from || gap) this.#channel?.postMessage({ from, cursor, message, gap });
    // A gap is told by every connection that starts before it, until a message moves the cursor.
    if (gap && gap.from !== this.#told) call(this.#options.ongap, gap);
    if (gap) this.#told = gap.from;
    if (!message) return;
    this.#told = undefined;
    this.#count(technique, { messages: 1 });
    call(this.#options.onmessage, message);
  }

  #count(technique, figures) {
    const costs = (this.costs[technique] ??= { requests: 0, empty: 0, messages: 0, bytes: 0 });
    for (const name in figures) costs[name] += figures[name];
    call(this.#options.oncost, { technique, ...costs });
  }

  // ── Which technique reads ──────────────────────────────────────────────────────────────────

  /** Reads until the signal aborts: the best technique, or the next; a pause when none works. */
  async #read(signal) {
    for (let failures = 0; !signal.aborted; ) {
      let end;
      for (const technique of this.#usable()) {
        if (failures === 0) this.#tell({ state: 'connecting', technique });
        end = await this.#attempt(technique, signal);
        if (signal.aborted) return;
        if (end.lived !== undefined) break;
        this.#failed.push(technique);
        // The server itself asks for patience: it would say the same to the next.
        if (end.error.retryAfter !== undefined) break;
      }
      if (end.isOurs) continue; // a better technique was found, or another network
      if (end.lived === undefined) {
        // With nothing that works, nothing is known about any technique but the server's absence.
        this.#deaths.clear();
        this.#failed = [];
        failures += 1;
        if (isFinal(end.error)) return this.#end(end.error);
      } else {
        failures = 0;
        this.#mourn(end);
      }
      const retryIn = Math.round(this.#delay(failures + 1, end.error));
      const state = globalThis.navigator?.onLine === false ? 'offline' : 'waiting';
      this.#tell({ state, error: end.error, retryIn });
      await this.#pause(retryIn, signal);
    }
  }

  #usable() {
    const last = this.#techniques.at(-1);
    return this.#techniques.filter((name) => name === last || !this.#barred.has(name));
  }

  /** Counts short lives: a technique that is cut again and again does not work here. */
  #mourn({ technique, lived }) {
    const isShort = lived < this.#setup.timings.proof;
    const deaths = isShort ? (this.#deaths.get(technique) ?? 0) + 1 : 0;
    this.#deaths.set(technique, deaths);
    if (deaths >= DEATHS_MAX) this.#barred.add(technique);
    if (!isShort && technique === this.#techniques[0]) this.#trials = 0;
  }

  /** Reads by one technique until it ends, and says why, and how long it had worked, if it had. */
  async #attempt(technique, signal) {
    const reading = (this.#reading = tie(signal));
    const line = new Line(this.#setup, technique, reading.signal, this.cursor);
    let opened;
    line.onopen = () => {
      opened = performance.now();
      // What failed on the way here is to blame itself: the server is there.
      for (const name of this.#failed.splice(0)) this.#barred.add(name);
      this.#tell({ state: 'open', technique });
      this.#climb(technique, reading);
      if (technique === 'websocket') this.#doubt(line, reading);
    };
    line.onstep = (step) => this.#step(step, technique);
    let error = new Error('another connection is made');
    try {
      await READ[technique](line);
    } catch (thrown) {
      error = thrown;
    }
    const isOurs = reading.signal.aborted;
    reading.abort();
    reading.free();
    return { technique, error, isOurs, lived: opened && performance.now() - opened };
  }

  /** Tries what is better than the technique that reads, until something is. */
  async #climb(present, { signal, abort }) {
    const better = this.#techniques.slice(0, this.#techniques.indexOf(present));
    while (better.length && !signal.aborted) {
      const { trial, trialMax } = this.#setup.timings;
      const ms = Math.min(trialMax, trial * 2 ** this.#trials);
      await this.#pause(ms * (0.75 + Math.random() / 2), signal);
      if (isHidden()) continue;
      this.#trials += 1;
      for (const technique of better) {
        if (!signal.aborted && (await this.#tries(technique, signal))) {
          this.#barred.delete(technique);
          // On probation: one short life more, and it is barred again.
          this.#deaths.set(technique, DEATHS_MAX - 1);
          return abort();
        }
      }
    }
  }

  /** Whether a technique works for long enough, seen on a line beside the one that reads. */
  async #tries(technique, signal) {
    const trial = tie(signal);
    const line = new Line(this.#setup, technique, trial.signal, 'latest');
    let timer;
    const holds = await new Promise((tell) => {
      line.onopen = () => (timer = setTimeout(tell, this.#setup.timings.proof, true));
      READ[technique](line).catch(() => tell(false));
    });
    clearTimeout(timer);
    trial.abort();
    trial.free();
    return holds;
  }

  /**
   * A WebSocket may be dead and nobody says so: Pings are not shown to a page. When it has been
   * silent, or the page is looked at again, one poll asks for what it should have said.
   */
  async #doubt(line, { signal, abort }) {
    for (;;) {
      const { heard } = line;
      await this.#pause(this.#setup.timings.silence, signal);
      if (signal.aborted) return;
      if (line.heard !== heard) continue;
      const witness = new Line(this.#setup, 'poll', signal, this.cursor);
      let missed = false;
      witness.onstep = ({ message, gap }) => (missed ||= Boolean(message ?? gap));
      await poll(witness).catch(() => {});
      // It may be on its way.
      if (missed) await new Promise((over) => setTimeout(over, 1_000));
      if (missed && line.heard === heard) return abort();
    }
  }

  // ── One connection for all tabs ────────────────────────────────────────────────────────────

  /**
   * The tab that holds the lock reads, and posts each step along the log to the others, with the
   * cursor that it starts from. A tab that stands there takes the step. One that does not has
   * missed something, or has it already, and finds out which by one poll from where it stands. So
   * it does not matter who posts, how late, or whether the tab that led is gone: what is said of
   * the log is true whoever says it.
   */
  async #share(signal) {
    const name = ['tollway', this.#setup.base, this.#setup.path, this.#options.shared].join(' ');
    const channel = new BroadcastChannel(name);
    signal.addEventListener('abort', () => {
      this.#channel = undefined;
      channel.close();
    });
    const following = tie(signal);
    const steps = [];
    let digesting = Promise.resolve();
    const digest = () => (digesting = digesting.then(() => this.#digest(steps, following.signal)));
    channel.onmessage = ({ data: { status, ...step } }) => {
      if (following.signal.aborted) {
        if (step.isNew) channel.postMessage({ status: this.status });
      } else if (status) {
        this.#tell({ ...status, isShared: true });
      } else if (!step.isNew) {
        steps.push(step);
        digest();
      }
    };
    channel.postMessage({ isNew: true });
    // Nobody may lead yet: then the lock comes before the answer to this poll, and the tab leads.
    steps.push({});
    digest();
    await navigator.locks.request(name, { signal }, async () => {
      following.abort();
      await digesting;
      this.#channel = channel;
      channel.postMessage({ from: this.cursor, cursor: this.cursor });
      await this.#read(signal);
    });
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
      const posted = steps.splice(0);
      const line = new Line(this.#setup, 'poll', signal, this.cursor);
      line.onstep = (step) => this.#step(step, 'poll');
      try {
        while (await poll(line));
      } catch (error) {
        if (isFinal(error)) return;
        steps.unshift(...posted);
        await this.#pause(this.#delay((failures += 1), error), signal);
      }
    }
  }
}

// ── The four techniques ────────────────────────────────────────────────────────────────────────
// Functions of one shape, to be compared: each reads from the line's cursor until it fails, by
// throwing why. `line.opens()` says that it works, `line.step()` moves on.

const READ = { websocket, sse, 'long-poll': longPoll, poll: shortPoll };

/** One connection for both directions: a handshake, then a frame for each message. */
async function websocket(line) {
  const socket = new WebSocket(line.url('ws').replace(/^http/, 'ws'), 'tollway.v1');
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
          if (message.id) line.hands(message);
          else line.step({ cursor: next, gap });
          line.opens();
        } catch (error) {
          fail(error); // somebody on the way speaks another dialect
        }
      };
      // Node 20 tells of a refused handshake by an error alone.
      socket.onclose = socket.onerror = ({ code = 1006, reason }) =>
        fail(new Error(`The WebSocket was ${line.isOpen ? 'cut' : 'refused'}: ${reason || code}`));
      line.signal.addEventListener('abort', fail);
    });
  } finally {
    clearTimeout(late);
    socket.onmessage = socket.onclose = socket.onerror = null;
    socket.close();
  }
}

/**
 * One answer that never ends. Read by `fetch`, which shows what EventSource hides: the first event,
 * which holds only a cursor and proves that nobody collects the bytes on the way; the status of a
 * refusal; names of events that nobody listens for.
 */
async function sse(line) {
  const late = tie(line.signal, line.timings.first);
  let retryAfter;
  try {
    const answer = await line.get('sse', late.signal, { Accept: 'text/event-stream' });
    if (!/^text\/event-stream/i.test(answer.headers.get('Content-Type'))) {
      throw new Error('The answer is no event stream');
    }
    const bytes = answer.body.getReader();
    const parse = eventParser(({ id, event, data, isBase64, retry }) => {
      retryAfter = retry ?? retryAfter;
      if (!id) return;
      late.rest();
      if (data === undefined) line.step({ cursor: id });
      else if (event === 'gap') line.step({ cursor: id, ...JSON.parse(data) });
      else line.hands({ id, event, data, encoding: isBase64 ? 'base64' : undefined });
      line.opens();
    });
    const decoder = new TextDecoder();
    for (;;) {
      const { value, done } = await bytes.read();
      if (done) throw new Error('The stream ended');
      line.count({ bytes: value.length });
      parse(decoder.decode(value, { stream: true }));
    }
  } catch (error) {
    const isLate = late.isLate && !line.isOpen;
    const told = isLate ? new Error('The stream is held back on the way') : error;
    throw Object.assign(told, retryAfter !== undefined && { retryAfter });
  } finally {
    late.abort();
    late.free();
  }
}

/** A question that is answered when there is something to say; then the next question. */
async function longPoll(line) {
  // A wait from `latest` that is cut would lose what came meanwhile: first the cursor.
  await poll(line);
  line.opens();
  for (;;) await poll(line, line.setup.wait);
}

/** A question, an answer, a pause. */
async function shortPoll(line) {
  for (;;) {
    const more = await poll(line);
    line.opens();
    const ms = line.setup.interval * (0.9 + Math.random() / 5) * (isHidden() ? 5 : 1);
    if (!more) await line.setup.pause(ms, line.signal);
  }
}

/** One poll; true when there is more to fetch at once. */
async function poll(line, wait) {
  const time = tie(line.signal, (wait ?? 0) * 1_000 + line.timings.grace);
  try {
    const answer = await line.get('poll', time.signal, {}, wait);
    const text = await answer.text();
    if (answer.status === 204) {
      line.count({ empty: 1 });
      line.step({ cursor: cursorOf(answer.headers) });
      return false;
    }
    line.count({ bytes: bytesIn(text) });
    const { next, gap, messages, more = false } = JSON.parse(text);
    if (gap) line.step({ gap });
    for (const message of messages) line.hands(message);
    line.step({ cursor: next });
    return more;
  } catch (error) {
    throw time.isLate ? new Error('No answer in time') : error;
  } finally {
    time.free();
  }
}

// ── What they have in common ───────────────────────────────────────────────────────────────────

/** What a technique reads for: from which cursor on, until when, and whom it tells. */
class Line {
  isOpen = false;
  heard = 0; // counts what came
  onopen;
  onstep;

  constructor(setup, technique, signal, cursor) {
    Object.assign(this, { setup, technique, signal, cursor, timings: setup.timings });
  }

  /** The cursor goes into the query: a header of its own would cost a preflight elsewhere. */
  url(suffix, wait) {
    const query = new URLSearchParams({ since: this.cursor, ...(wait && { wait }) });
    return `${this.setup.base}/${this.setup.path}/${suffix}?${query}`;
  }

  async get(suffix, signal, headers, wait) {
    this.count({ requests: 1 });
    const answer = await fetch(this.url(suffix, wait), {
      headers: { ...headers, ...(await this.setup.headers()) },
      // Else Chromium lets one tab at a time ask for one address, and a withheld answer blocks it.
      cache: 'no-store',
      signal,
    });
    if (!answer.ok) throw await refusal(answer);
    return answer;
  }

  /** It works here. */
  opens() {
    if (this.isOpen || this.signal.aborted) return;
    this.isOpen = true;
    this.onopen?.();
  }

  /** Hands a message over; bytes that are no text come as base64 on every technique. */
  hands({ encoding, ...message }) {
    if (encoding === 'base64') {
      message.data = Uint8Array.from(atob(message.data), (char) => char.charCodeAt(0));
    }
    if (message.event === undefined) delete message.event;
    this.step({ cursor: message.id, message });
  }

  /** Nothing comes from a line that has been given up: the next one starts from the cursor. */
  step(step) {
    if (this.signal.aborted) return;
    this.heard += 1;
    this.cursor = step.cursor ?? this.cursor;
    this.onstep?.(step);
  }

  count(figures) {
    this.setup.count(this.technique, figures);
  }
}

/** Server-sent events, read: WHATWG HTML §9.2.6. Takes text as it comes, however it is cut. */
function eventParser(dispatch) {
  let buffer = '';
  let event = {};
  const field = (line) => {
    if (line === '') {
      if (event.data !== undefined) event.data = event.data.slice(1);
      dispatch(event);
      event = {};
      return;
    }
    const [, name, value] = /^([^:]*):? ?([^]*)$/.exec(line);
    if (name === 'data') event.data = `${event.data ?? ''}\n${value}`;
    else if (name === 'id' || name === 'event') event[name] = value;
    else if (name === 'retry' && /^\d+$/.test(value)) event.retry = Number(value);
    else if (name === '' && value === 'base64') event.isBase64 = true; // tollway's own comment
  };
  return (text) => {
    buffer += text;
    // A CR at the end may be half of a CRLF: it is left for the next piece.
    const lines = buffer.split(/\r\n|\n|\r(?=[^])/);
    buffer = lines.pop();
    lines.forEach(field);
  };
}

/** An empty answer has its cursor in a field; servers before `Last-Event-ID` had it in the tag. */
function cursorOf(headers) {
  const tag = headers.get('ETag')?.replace(/^(W\/)?"|"$/g, '');
  const cursor = headers.get('Last-Event-ID') ?? tag;
  if (!cursor) throw new Error('The answer has no cursor: its header was taken away');
  return cursor;
}

/** A refusal comes as application/problem+json, RFC 9457, which says what was wrong. */
async function refusal(answer) {
  const { title = answer.statusText, detail, code } = await answer.json().catch(() => ({}));
  const error = new Error(`${answer.status} ${title}${detail ? `: ${detail}` : ''}`);
  const after = answer.headers.get('Retry-After');
  if (after) {
    const ms = /^\d+$/.test(after) ? after * 1_000 : Date.parse(after) - Date.now();
    error.retryAfter = Math.max(0, ms || 0) * (1 + Math.random() / 4);
  }
  return Object.assign(error, { status: answer.status, code });
}

/** Whether asking again is pointless: the request itself is wrong, or may not be made. */
const isFinal = ({ status }) => status >= 400 && status < 500 && ![408, 425, 429].includes(status);

const isHidden = () => globalThis.document?.visibilityState === 'hidden';

const bytesIn = (text) => new TextEncoder().encode(text).length;

/** Works where `crypto.randomUUID` does not: on a page that came without TLS. */
const randomKey = () =>
  Array.from(crypto.getRandomValues(new Uint8Array(16)), (byte) => (byte + 256).toString(16).slice(1)).join('');

/** What a callback throws is its page's own fault: it is reported there, and reading goes on. */
function call(callback, value) {
  try {
    callback?.(value);
  } catch (error) {
    report(error);
  }
}

function report(error) {
  queueMicrotask(() => {
    throw error;
  });
}

/** A controller that aborts with `parent` too, and by itself after `ms`; `free` ends both ties. */
function tie(parent, ms) {
  const own = new AbortController();
  const abort = () => own.abort();
  const tied = { signal: own.signal, abort, isLate: false };
  const timer = ms && setTimeout(() => ((tied.isLate = true), abort()), ms);
  tied.rest = () => clearTimeout(timer);
  tied.free = () => (tied.rest(), parent?.removeEventListener('abort', abort));
  parent?.addEventListener('abort', abort);
  if (parent?.aborted) abort();
  return tied;
}
