// The picture as a file: one slide of 1280 by 720, with what the page says beside it.
//
// Absent on purpose: fonts; a slide is shown with those of whoever shows it.

import { CLASS_NAMES } from '/-/page/costs.js';
import { SvgPen, View, draw, published } from '/-/page/draw.js';
import { say } from '/-/page/words.js';

const WIDTH = 1280;
const HEIGHT = 720;
const [LEFT, RIGHT, BAR, BAR_WIDTH] = [226, 936, 962, 286];
const [TOP, ROW] = [116, 138];
const SHARES = [1, 0.62, 0.34, 0.15]; // of the hue, by class

/** The slide as SVG: what the picture shows now. */
function slide(picture) {
  const pen = new SvgPen();
  const { colors } = picture;
  const style = getComputedStyle(document.documentElement);
  const ground = style.getPropertyValue('--ground');
  const { to } = picture.view;
  const view = new View(to - picture.span, to, LEFT, RIGHT);
  const rows = picture.rows.map((row, n) => ({ ...row, client: TOP + n * ROW + 26, server: TOP + n * ROW + 100 }));
  pen.box(0, 0, WIDTH, HEIGHT, ground);
  pen.text(28, 46, say('slide_title'), colors.ink, 28, { weight: 700 });
  pen.text(28, 72, say('slide_about'), colors.quiet, 15);
  pen.text(BAR, 100, say('slide_scale'), colors.quiet, 13);
  const most = Math.max(1, ...rows.map(({ cost }) => cost.total));
  rows.forEach((row, n) => {
    const top = TOP + n * ROW;
    pen.box(14, top, WIDTH - 28, ROW - 12, colors.lane, 1, 10);
    pen.text(30, top + 38, say(row.key), row.hue, 20, { weight: 700 });
    wrapped(say(`${row.key}_about`), 23).forEach((line, at) => pen.text(30, top + 60 + 17 * at, line, colors.quiet, 13));
    pen.text(LEFT - 8, row.client + 4, say('client'), colors.quiet, 11, { anchor: 'end' });
    pen.text(LEFT - 8, row.server + 4, say('server'), colors.quiet, 11, { anchor: 'end' });
    bar(pen, row, most, top);
    const figure = (name) => row.find(`[data-figure=${name}]`).textContent;
    const unit = (name) => row.find(`[data-unit=${name}]`).textContent;
    ['bytes', 'ms', 'factor'].forEach((name, at) => {
      const x = BAR + [0, 112, 186][at];
      pen.text(x, top + 51, figure(name), colors.ink, 18, { weight: 700 });
      pen.text(x, top + 63, unit(name), colors.quiet, 10);
    });
    pen.text(BAR, top + 78, row.find('.total').textContent, colors.quiet, 11);
    wrapped(row.why.textContent, 52).slice(0, 3).forEach((line, at) => pen.text(BAR, top + 93 + 14 * at, line, colors.ink, 11));
  });
  draw(pen, view, rows, colors, { lit: picture.lit });
  let nearest = Infinity;
  for (const message of published(view)) {
    const x = view.x(message.at);
    if (nearest - x < 24) continue;
    nearest = x;
    pen.box(x - 9, 88, 18, 20, colors.ink, 1, 4);
    pen.text(x, 103, message.label, ground, 13, { anchor: 'middle', weight: 700 });
  }
  pen.text(LEFT, HEIGHT - 26, say('seconds', { n: `−${picture.span / 1000}` }), colors.quiet, 12);
  pen.text(RIGHT, HEIGHT - 26, say(picture.end === undefined ? 'now' : 'still'), colors.quiet, 12, { anchor: 'end' });
  CLASS_NAMES.forEach((name, n) => {
    pen.box(BAR + 76 * n, HEIGHT - 36, 11, 11, colors.ink, SHARES[n]);
    pen.text(BAR + 76 * n + 15, HEIGHT - 26, say(`class_${name}`), colors.quiet, 12);
  });
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${HEIGHT}" width="${WIDTH}" height="${HEIGHT}" font-family="system-ui, sans-serif">${pen.parts.join('\n')}</svg>`;
}

function bar(pen, { hue, cost }, most, top) {
  let x = BAR;
  CLASS_NAMES.forEach((name, n) => {
    const width = (BAR_WIDTH * cost[name]) / most;
    pen.box(x, top + 14, width, 18, hue, SHARES[n]);
    x += width;
  });
}

/** Lines of so many columns; a Chinese character takes two, and a line may end behind any. */
function wrapped(text, columns) {
  const lines = [''];
  let used = 0;
  for (const word of text.match(/[\u3000-\uffef]|[^\s\u3000-\uffef]+\s*|\s+/g) ?? []) {
    const isWide = /[\u3000-\uffef]/.test(word);
    if (used + (isWide ? 2 : word.trimEnd().length) > columns && used) {
      lines.push('');
      used = 0;
    }
    lines[lines.length - 1] += word;
    used += isWide ? 2 : word.length;
  }
  return lines;
}

/** Hands the slide over as a file, `svg` or `png`; tells its name. */
export async function save(picture, kind) {
  const svg = new Blob([slide(picture)], { type: 'image/svg+xml' });
  const file = kind === 'svg' ? svg : await drawn(svg);
  const link = document.createElement('a');
  link.download = `tollway.${kind}`;
  link.href = URL.createObjectURL(file);
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 10_000);
  return link.download;
}

/** At twice the size, for screens that show as much. */
async function drawn(svg) {
  const image = new Image();
  image.src = URL.createObjectURL(svg);
  await image.decode();
  const canvas = Object.assign(document.createElement('canvas'), { width: 2 * WIDTH, height: 2 * HEIGHT });
  canvas.getContext('2d').drawImage(image, 0, 0, canvas.width, canvas.height);
  URL.revokeObjectURL(image.src);
  return new Promise((done) => canvas.toBlob(done, 'image/png'));
}
