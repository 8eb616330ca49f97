// How the picture is drawn: rails, what is held open, arrows and waits, with a pen for a canvas or one
// for SVG. A request leans down and an answer up by the time that it took, and by `LEAN` at least, so
// that the two can be told apart where there is no way between client and server.
//
// Absent on purpose: the page around it, and any state.

import { messages, oneWay } from '/-/page/record.js';

export const LEAN = 5;
const WAIT = 9; // height of the shade while a message waits

export class CanvasPen {
  constructor(context) {
    this.context = context;
  }

  line(x1, y1, x2, y2, color, width, { alpha = 1, dash = [] } = {}) {
    const { context } = this;
    context.globalAlpha = alpha;
    context.strokeStyle = color;
    context.lineWidth = width;
    context.setLineDash(dash);
    context.beginPath();
    context.moveTo(x1, y1);
    context.lineTo(x2, y2);
    context.stroke();
  }

  box(x, y, width, height, color, alpha = 1) {
    this.context.globalAlpha = alpha;
    this.context.fillStyle = color;
    this.context.fillRect(x, y, width, height);
  }

  dot(x, y, radius, fill, stroke, alpha = 1) {
    const { context } = this;
    context.globalAlpha = alpha;
    context.setLineDash([]);
    context.lineWidth = 1.5;
    context.fillStyle = fill;
    context.strokeStyle = stroke;
    context.beginPath();
    context.arc(x, y, radius, 0, 2 * Math.PI);
    context.fill();
    context.stroke();
  }
}

export class SvgPen {
  parts = [];

  line(x1, y1, x2, y2, color, width, { alpha = 1, dash = [] } = {}) {
    const at = `x1="${r(x1)}" y1="${r(y1)}" x2="${r(x2)}" y2="${r(y2)}"`;
    this.parts.push(`<line ${at} stroke="${color}" stroke-width="${width}" stroke-opacity="${alpha}" stroke-dasharray="${dash}"/>`);
  }

  box(x, y, width, height, color, alpha = 1, round = 0) {
    const at = `x="${r(x)}" y="${r(y)}" width="${r(width)}" height="${r(height)}" rx="${round}"`;
    this.parts.push(`<rect ${at} fill="${color}" fill-opacity="${alpha}"/>`);
  }

  dot(x, y, radius, fill, stroke, alpha = 1) {
    const at = `cx="${r(x)}" cy="${r(y)}" r="${radius}"`;
    this.parts.push(`<circle ${at} fill="${fill}" stroke="${stroke}" stroke-width="1.5" opacity="${alpha}"/>`);
  }

  text(x, y, text, color, size, { anchor = 'start', weight = 400 } = {}) {
    const escaped = text.replace(/[&<>]/g, (sign) => `&#${sign.charCodeAt()};`);
    const looks = `fill="${color}" font-size="${size}" text-anchor="${anchor}" font-weight="${weight}"`;
    this.parts.push(`<text x="${r(x)}" y="${r(y)}" ${looks}>${escaped}</text>`);
  }
}

const r = (number) => Math.round(number * 10) / 10;

/** What of the time axis is seen, and where. */
export class View {
  constructor(from, to, left, right) {
    Object.assign(this, { from, to, left, right, scale: (right - left) / (to - from) });
  }

  x(at) {
    return this.left + (at - this.from) * this.scale;
  }

  /** Where an arrow begins and ends; `y1` is where it comes from. */
  ends(arrow, row) {
    const { client, server } = row;
    if (!arrow.up) {
      const x1 = this.x(arrow.at);
      return { x1, y1: client, x2: Math.max(this.x(arrow.at + oneWay()), x1 + LEAN), y2: server };
    }
    // It cannot leave before its question is there.
    const asked = arrow.question ? this.ends(arrow.question, row).x2 : -Infinity;
    const x1 = Math.max(this.x(arrow.at - oneWay()), asked);
    return { x1, y1: server, x2: Math.max(this.x(arrow.at), x1 + LEAN), y2: client };
  }
}

/** Messages that were published while the view is, the newest first. */
export function* published(view) {
  const all = [...messages.values()];
  for (let n = all.length - 1; n >= 0; n -= 1) {
    if (all[n].at >= view.from && all[n].at <= view.to) yield all[n];
  }
}

/** Arrows in view, the newest first; of those that would cover each other, one. */
export function* arrowsIn(view, row) {
  const near = {};
  const { arrows } = row.record;
  for (let n = arrows.length - 1; n >= 0; n -= 1) {
    const arrow = arrows[n];
    if (arrow.at > view.to) continue;
    if (arrow.at < view.from) return;
    const kind = `${arrow.up}${arrow.ids.length > 0}`;
    const x = view.x(arrow.at);
    if (near[kind] - x < 0.8) continue;
    near[kind] = x;
    yield arrow;
  }
}

/** Draws all rows: `{ record, client, server, hue, onBoth }`, the rails being heights. */
export function draw(pen, view, rows, colors, { lit, pointed } = {}) {
  const seen = [...published(view)];
  const [top, bottom] = [rows[0].client - 6, rows.at(-1).server + 8];
  let nearest = Infinity;
  for (const message of seen) {
    const x = view.x(message.at);
    if (message !== lit && nearest - x < 1.5) continue;
    nearest = x;
    const isLit = message === lit;
    pen.line(x, top, x, bottom, isLit ? colors.ink : colors.quiet, isLit ? 1.5 : 1, { dash: isLit ? [] : [2, 3], alpha: isLit ? 1 : 0.7 });
  }
  for (const row of rows) drawRow(pen, view, row, colors, seen, lit, pointed);
}

function drawRow(pen, view, row, colors, seen, lit, pointed) {
  const { record, client, server, hue } = row;
  const dimmed = lit || pointed ? 0.35 : 1;
  for (const y of [client, server]) pen.line(view.left, y, view.right, y, colors.mark, 1.5);
  for (const message of seen) {
    const came = message.came[record.key];
    if (!came || !message.isTimed || came.sent - message.at < 2) continue;
    const [from, to] = [view.x(message.at), Math.min(view.right, view.x(came.sent))];
    pen.box(from, server - WAIT, Math.max(0, to - from), WAIT, hue, !lit || message === lit ? 0.3 : 0.1);
  }
  for (const { from, to = Infinity } of record.holds) {
    const [x1, x2] = [Math.max(view.left, view.x(from)), Math.min(view.right, view.x(to))];
    if (x2 <= x1) continue;
    for (const y of row.onBoth ? [client, server] : [server]) pen.box(x1, y - 2, x2 - x1, 4, hue, lit ? 0.5 : 1);
  }
  for (const arrow of arrowsIn(view, row)) {
    const isLit = arrow === pointed || (lit && (arrow === lit.came[record.key]?.arrow || arrow === lit.came[record.key]?.arrow.question));
    drawArrow(pen, view.ends(arrow, row), arrow, hue, colors, isLit ? 1 : dimmed, isLit);
  }
}

function drawArrow(pen, { x1, y1, x2, y2 }, arrow, hue, colors, alpha, isLit) {
  const isFull = arrow.ids.length > 0;
  const width = isFull ? 2.5 : 1;
  pen.line(x1, y1, x2, y2, hue, isLit ? width + 1.5 : width, { alpha: isFull || isLit ? alpha : alpha * 0.65 });
  if (isFull) pen.dot(x2, y2, isLit ? 6 : 4.5, hue, hue, alpha);
  else if (arrow.up) pen.dot(x2, y2, 3, colors.lane, hue, alpha * 0.8);
}
