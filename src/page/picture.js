// The picture on the page: four rows on one time axis, what they cost beside them, and what is pointed
// at. One canvas lies over all rows, since a publish goes through all of them.
//
// Absent on purpose: what happened (`record`), what it cost (`costs`), and how it is drawn (`draw`).

import { CLASS_NAMES } from '/-/page/costs.js';
import { CanvasPen, View, arrowsIn, draw, published } from '/-/page/draw.js';
import { messages } from '/-/page/record.js';
import { now } from '/-/page/tap.js';
import { bytes, count, say, time, write } from '/-/page/words.js';

const CHIP = 26; // pixels that the letter of a message takes
const MARGIN = 14; // pixels between now and the edge

export class Picture {
  span = 30_000;
  end = undefined; // when it stands still: what is on its right edge
  lit = undefined; // the message that is pointed at
  pointed = undefined; // the arrow that is pointed at
  #costs = {}; // of the rows: of all readers, and of this page
  #chips = new Map(); // buttons, by message
  #drawn; // `end`, when it was drawn last
  #scale; // of the time axis, when the letters were placed

  /** `lanes` are `{ key, record }`. */
  constructor(lanes, costs) {
    this.costs = costs;
    this.root = document.querySelector('#picture');
    this.canvas = this.root.querySelector('canvas');
    this.pen = new CanvasPen(this.canvas.getContext('2d'));
    this.chips = this.root.querySelector('.chips');
    this.detail = this.root.querySelector('#detail');
    this.rows = lanes.map(({ key, record }) => this.#row(key, record));
    new ResizeObserver(() => this.layout()).observe(this.root.querySelector('.rows'));
    for (const query of ['(prefers-color-scheme: dark)', '(forced-colors: active)']) {
      matchMedia(query).addEventListener('change', () => this.layout());
    }
    this.#hear();
    this.speak();
  }

  #row(key, record) {
    const root = document.querySelector('#row').content.cloneNode(true).firstElementChild;
    root.dataset.row = key;
    this.root.querySelector('.rows').append(root);
    const find = (part) => root.querySelector(part);
    const onBoth = key === 'websocket';
    return { key, record, root, onBoth, track: find('.track'), bar: find('.bar'), why: find('.why'), find };
  }

  /** Where the rows are, and which colours they have. */
  layout() {
    const { canvas } = this;
    const area = this.root.querySelector('.rows').getBoundingClientRect();
    canvas.width = area.width * devicePixelRatio;
    canvas.height = area.height * devicePixelRatio;
    Object.assign(this, { width: area.width, height: area.height });
    for (const row of this.rows) {
      const track = row.track.getBoundingClientRect();
      row.left = track.left - area.left;
      row.right = track.right - area.left;
      row.client = Math.round(track.top - area.top + 14) + 0.5;
      row.server = Math.round(track.bottom - area.top - 14) + 0.5;
      row.hue = getComputedStyle(row.root).getPropertyValue('--hue');
    }
    // What a lane costs stands above its rails: no line goes through it.
    this.isNarrow = this.rows[0].right > area.width - 20;
    const style = getComputedStyle(this.root);
    const names = ['ink', 'quiet', 'mark', 'lane'];
    this.colors = Object.fromEntries(names.map((name) => [name, style.getPropertyValue(`--${name}`)]));
    this.isStale = true;
    this.draw();
  }

  /** Milliseconds in which what is drawn moves on by a pixel or two. */
  pace(isCalm) {
    if (isCalm) return 1000;
    return Math.min(200, Math.max(33, (1.5 * this.span) / (this.rows[0].right - this.rows[0].left || 1)));
  }

  get view() {
    const { left, right } = this.rows[0];
    const ahead = (MARGIN * this.span) / (right - left || 1);
    const to = this.end ?? now() + ahead;
    return new View(to - this.span, to, left, right);
  }

  draw() {
    if (!this.width || this.rows[0].right <= this.rows[0].left) return;
    // What stands still is drawn once.
    if (this.end !== undefined && this.end === this.#drawn && !this.isStale) return;
    this.isStale = false;
    this.#drawn = this.end;
    const { view, pen, rows } = this;
    const { context } = pen;
    context.setTransform(devicePixelRatio, 0, 0, devicePixelRatio, 0, 0);
    context.clearRect(0, 0, this.width, this.height);
    context.save();
    context.beginPath();
    for (const { left, right, client, server } of rows) context.rect(left, client - 14, right - left, server - client + 28);
    context.rect(rows[0].left, 0, rows[0].right - rows[0].left, this.isNarrow ? rows[0].server : this.height);
    context.clip();
    draw(pen, view, rows, this.colors, this);
    context.restore();
    this.#placeChips(view);
  }

  /** A letter for each message, as far as there is room. One that has it keeps it while it is seen. */
  #placeChips(view) {
    const seen = [...published(view)];
    for (const [message, chip] of this.#chips) {
      const isNear = message.at >= view.from && message.at <= view.to && view.scale === this.#scale;
      if (isNear || chip === document.activeElement) continue;
      chip.remove();
      this.#chips.delete(message);
    }
    this.#scale = view.scale;
    const placed = [...this.#chips.keys()].map((message) => view.x(message.at));
    for (const message of seen) {
      const x = view.x(message.at);
      if (this.#chips.has(message)) continue;
      if (message !== this.lit && placed.some((other) => Math.abs(other - x) < CHIP)) continue;
      placed.push(x);
      this.#chip(message);
    }
    for (const [message, chip] of this.#chips) {
      chip.style.transform = `translateX(${(view.x(message.at) - view.left).toFixed(1)}px)`;
    }
  }

  #chip(message) {
    let chip = this.#chips.get(message);
    if (!chip) {
      chip = document.createElement('button');
      chip.type = 'button';
      chip.textContent = message.label;
      chip.ariaLabel = say('chip', message);
      chip.title = message.data;
      chip.onmouseenter = chip.onfocus = () => this.light(message);
      chip.onmouseleave = chip.onblur = () => this.isKept || this.light(undefined);
      this.chips.append(chip);
      this.#chips.set(message, chip);
    }
    return chip;
  }

  /** Lights a message in all lanes. */
  light(message) {
    this.isKept = false;
    this.lit = message;
    this.isStale = true;
    for (const [other, chip] of this.#chips) chip.classList.toggle('lit', other === message);
    this.tell();
    this.draw();
  }

  /** The message before the one that is lit, or behind it; it stays lit, and the picture stands still. */
  step(by) {
    const all = [...messages.values()].filter(({ at }) => at !== undefined);
    if (!all.length) return;
    const at = this.lit ? all.indexOf(this.lit) + by : all.length - 1;
    const message = all[Math.max(0, Math.min(all.length - 1, at))];
    this.pause(true);
    const { from, to } = this.view;
    if (message.at < from || message.at > to) this.end = message.at + this.span / 2;
    this.light(message);
    this.isKept = true;
  }

  pause(isOn) {
    this.end = isOn ? (this.end ?? this.view.to) : undefined;
    if (!isOn) this.light(undefined);
    this.tell();
    this.onpause?.(isOn);
  }

  // What it costs.

  speak() {
    for (const { key, find } of this.rows) {
      find('h3').textContent = say(key);
      find('.about').textContent = say(`${key}_about`);
      find('.track').dataset.client = say('client');
      find('.track').dataset.server = say('server');
      find('[data-unit=ms]').textContent = say('per_ms');
      find('[data-unit=factor]').textContent = say('per_factor');
    }
    for (const [message, chip] of this.#chips) chip.ariaLabel = say('chip', message);
    this.tell();
  }

  /** Figures and sentences of all rows: one scale, and one unit a column. */
  tell() {
    // What stands still costs what it did.
    if (this.end === undefined) this.#costs = {};
    const all = (this.#costs[this.costs.isWhole] ??= this.rows.map((row) => ({ row, cost: this.costs.of(row.key), ms: this.#latency(row.key) })));
    const most = Math.max(1, ...all.map(({ cost }) => cost.total));
    const each = all.map(({ cost }) => (cost.messages ? cost.total / cost.messages : undefined));
    const known = each.filter((n) => n !== undefined);
    const [least, largest] = [Math.min(...known), Math.max(...known)];
    all.forEach(({ row, cost, ms }, n) => {
      row.cost = cost;
      CLASS_NAMES.forEach((name, at) => { row.bar.children[at].style.width = `${(100 * cost[name]) / most}%`; });
      const [figure, unit] = bytes(each[n] ?? 0, largest).split(' ');
      write(row.find('[data-figure=bytes]'), cost.messages ? figure : '–');
      write(row.find('[data-unit=bytes]'), say('per_bytes', { unit }));
      write(row.find('[data-figure=ms]'), ms === undefined ? '–' : ms.toFixed(ms < 10 ? 1 : 0));
      write(row.find('[data-figure=factor]'), cost.messages ? `×${times(each[n] / least)}` : '–');
      write(row.find('.total'), this.costs.isRefused ? '' : total(cost, most));
      write(row.why, this.lit ? this.#ofLit(row) : this.#why(row.key, cost, most, largest));
      row.why.classList.toggle('lit', Boolean(this.lit));
    });
    const [left, right] = this.root.querySelector('.times').children;
    write(left, this.end === undefined ? say('ago', { n: this.span / 1000 }) : say('seconds', { n: `−${this.span / 1000}` }));
    write(right, say(this.end === undefined ? 'now' : 'still'));
    this.canvas.ariaLabel = say('picture', {
      seconds: this.span / 1000,
      lanes: all.map(({ row, cost }) => `${say(row.key)}: ${total(cost, most)}.`).join(' '),
    });
  }

  /** Milliseconds from publishing to arrival: the middle of the last messages of which both are known. */
  #latency(lane) {
    const times = [];
    for (const { at, came, isTimed } of [...messages.values()].slice(-50)) {
      if (isTimed && came[lane]) times.push(came[lane].at - at);
    }
    return times.sort((a, b) => a - b)[Math.floor(times.length / 2)];
  }

  #why(lane, cost, most, largest) {
    if (this.costs.isRefused) return say('costs_refused');
    if (this.costs.isWhole) {
      const asked = count('requests', cost.requests);
      return say('why_whole', { asked, brought: count('messages', cost.messages) });
    }
    if (!cost.messages) return '';
    return say(`${lane}_why`, {
      heads: bytes(cost.heads, most), total: bytes(cost.total, most), requests: cost.requests, empty: cost.empty,
      around: bytes(cost.wrapping / cost.messages, largest),
    });
  }

  #ofLit({ key }) {
    const { lit } = this;
    const came = lit.came[key];
    if (!came) return say('lit_missing', lit);
    const { arrow } = came;
    const sum = arrow.wire + (arrow.head ?? 0) + (this.headOf(arrow.question)?.bytes ?? 0);
    const share = arrow.ids.length > 1 ? say('lit_share', { count: arrow.ids.length }) : '';
    return say(lit.isTimed ? 'lit' : 'lit_before', { label: lit.label, ms: time(came.at - lit.at), bytes: bytes(sum, 0), share });
  }

  /**
   * The head of a request, which no page is shown. The ledger has the sum of all of them. Those of a
   * lane differ by their targets alone; if the rest of the sum can be shared out evenly, it was.
   */
  headOf(question) {
    if (!question) return undefined;
    const { record } = this.rows.find(({ key }) => key === question.lane);
    const { requests, headsIn } = this.costs.of(question.lane);
    if (this.costs.isWhole || !requests) return undefined;
    const mean = (headsIn - (record.targets * requests) / record.asked) / requests;
    const isExact = requests === record.asked && record.kinds.size === 1 && Number.isInteger(mean);
    return { bytes: Math.round(mean) + question.target.length, isExact };
  }

  // What is pointed at.

  #hear() {
    const { canvas } = this;
    canvas.onpointermove = ({ offsetX, offsetY }) => this.point(this.#nearest(offsetX, offsetY));
    canvas.onpointerleave = () => this.point(undefined);
    canvas.onblur = () => this.point(undefined);
    canvas.onkeydown = (event) => {
      const moves = { ArrowLeft: [0, -1], ArrowRight: [0, 1], ArrowUp: [-1, 0], ArrowDown: [1, 0] };
      if (!moves[event.key]) return;
      event.preventDefault();
      this.#walk(...moves[event.key]);
    };
  }

  #nearest(x, y) {
    const { view } = this;
    let best = { distance: 10 };
    for (const row of this.rows) {
      if (y < row.client - 10 || y > row.server + 10) continue;
      for (const arrow of arrowsIn(view, row)) {
        const { x1, y1, x2, y2 } = view.ends(arrow, row);
        const distance = Math.abs(x - (x1 + ((x2 - x1) * (y - y1)) / (y2 - y1)));
        if (distance < best.distance) best = { distance, arrow };
      }
    }
    return best.arrow;
  }

  /** From arrow to arrow by the keyboard, and from row to row. */
  #walk(rows, arrows) {
    this.pause(true);
    const at = Math.max(0, this.rows.findIndex(({ key }) => key === this.pointed?.lane));
    const row = this.rows[Math.max(0, Math.min(this.rows.length - 1, at + rows))];
    const all = [...arrowsIn(this.view, row)].reverse();
    const moment = this.pointed?.at ?? Infinity;
    const later = all.findIndex((arrow) => arrow.at >= moment);
    const here = later < 0 ? all.length - 1 : later;
    this.point(all[rows ? here : Math.max(0, Math.min(all.length - 1, here + arrows))]);
  }

  point(arrow) {
    if (arrow === this.pointed) return;
    this.pointed = arrow;
    this.isStale = true;
    this.detail.replaceChildren(...(arrow ? this.#about(arrow) : []));
    this.draw();
  }

  #about(arrow) {
    const { kind, status, head = 0, wire = 0, text = 0, header, target, ids } = arrow;
    const asked = kind === 'request' || (kind === 'handshake' && !arrow.up) ? this.headOf(arrow) : undefined;
    const guess = asked && !asked.isExact ? say('about') : '';
    const values = {
      status, target, text, head, header: header?.length, wrapping: wire - text,
      bytes: target ? (asked ? guess + bytes(asked.bytes, 0) : say('unknown')) : bytes(wire + head, 0),
    };
    const named = target ? 'request' : kind;
    const letters = ids.map(({ id }) => messages.get(id)?.label).filter(Boolean).join(' ');
    const name = document.createElement('b');
    name.textContent = `${say(arrow.lane)}${letters && ` · ${letters}`} `;
    return [name, say(`${named}_detail`, values), ...(header ? [bits(header)] : [])];
  }
}

/** “1” for the cheapest alone. */
function times(factor) {
  if (factor === 1) return '1';
  if (factor < 1.995) return factor.toFixed(2);
  return factor.toFixed(factor < 9.95 ? 1 : 0).replace(/\.0$/, '');
}

/** “19.9 kB · 26 requests · 13 empty · 21 messages”, all lanes in one unit. */
function total(cost, most) {
  return say('total', {
    bytes: bytes(cost.total, most),
    requests: count('requests', cost.requests),
    empty: say('empties', { n: cost.empty }),
    messages: count('messages', cost.messages),
  });
}

/** The header of a frame, bit by bit. RFC 6455 §5.2. */
function bits([first, second, ...more]) {
  const binary = (byte) => byte.toString(2).padStart(8, '0');
  const [one, two] = [binary(first), binary(second)];
  const length = second & 0x7f;
  const said = length < 126 ? say('length', { n: length }) : say('longer');
  const parts = [
    [one[0], 'FIN', say('fin')], [one.slice(1, 4), 'RSV', say(first & 0x40 ? 'deflated' : 'rsv')],
    [one.slice(4), 'opcode', say('opcode')], [two[0], 'MASK', say(second & 0x80 ? 'masked' : 'unmasked')],
    [two.slice(1), 'length', said],
  ];
  if (more.length) {
    const n = more.reduce((sum, byte) => sum * 256 + byte, 0);
    parts.push([more.map((byte) => byte.toString(16).padStart(2, '0')).join(' '), '', say('length', { n })]);
  }
  const list = document.createElement('span');
  list.className = 'bits';
  list.append(...parts.map(([digits, name, meaning]) => {
    const part = document.createElement('span');
    const code = document.createElement('code');
    code.textContent = digits;
    part.append(code, `${name} ${meaning}`);
    return part;
  }));
  return list;
}
