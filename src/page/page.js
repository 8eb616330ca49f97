// The live page: puts its parts together, and has the controls.
//
// A browser has few connections to a server, so tabs share theirs, and with them the tags under which
// the server notes what they cost. Absent on purpose: everything that a part can do by itself.

import { Costs } from '/-/page/costs.js';
import { Lane } from '/-/page/lane.js';
import { Picture } from '/-/page/picture.js';
import { Record, Shared, noteReceipt } from '/-/page/record.js';
import { Sender } from '/-/page/send.js';
import { save } from '/-/page/slide.js';
import { frameHeader, now, tap, utf8 } from '/-/page/tap.js';
import { Tokens } from '/-/page/token.js';
import { count, preferred, say, speak, time, write } from '/-/page/words.js';

const byId = (id) => document.getElementById(id);
const [sendForm, textField, topicField, status] = ['send', 'text', 'topic', 'status'].map(byId);
const calm = matchMedia('(prefers-reduced-motion: reduce)');
const KEYS = ['short_poll', 'long_poll', 'sse', 'websocket'];

// ── The topic and the tags

const name = new URLSearchParams(location.search).get('topic') ?? 'chat'; // ?topic=NAME
const fit = /^[\w.~-]{1,64}$/.test(name) && !/^(\.\.?|-|metrics|static|favicon\.ico|robots\.txt)$/.test(name);
const topic = (topicField.value = fit ? name : 'chat');
document.title = `${topic} · tollway`;

/** A number that nobody guesses. */
const random = () =>
  Array.from(crypto.getRandomValues(new Uint8Array(7)), (byte) => byte.toString(16).padStart(2, '0')).join('');

/** Such a number, and a digit for the lane. Tabs that share their lanes share it. */
const stem = (() => {
  const made = random();
  if (!navigator.locks) return made;
  const kept = localStorage.getItem(`tollway tag ${topic}`) ?? made;
  localStorage.setItem(`tollway tag ${topic}`, kept);
  return kept;
})();
// The number that the server answers with has no zeros at its front.
const tags = Object.fromEntries(KEYS.map((key, n) => [key, `${stem}${n + 1}`.replace(/^0+/, '')]));

// ── What happens, in this tab and in others

const records = Object.fromEntries(KEYS.map((key) => [key, new Record(key)]));
const take = ({ receipt, lane, event }) => {
  if (receipt) return noteReceipt(receipt);
  records[lane].take(event);
  lanes[KEYS.indexOf(lane)]?.heard(event);
};
// Tabs that read for themselves have nothing to tell each other.
const shared = new Shared(`tollway picture ${navigator.locks ? topic : stem}`, take);
tap(new Map(KEYS.map((key) => [tags[key], key])), (lane, event) => shared.tell({ lane, event }));

// ── Lanes and picture

const interval = document.createElement('select');
const request = { short_poll: `GET /${topic}/poll?since=…`, long_poll: `GET /${topic}/poll?since=…&wait=30`, sse: `GET /${topic}/sse`, websocket: `GET /${topic}/ws  tollway.v1` };
const technique = { short_poll: 'poll', long_poll: 'long-poll', sse: 'sse', websocket: 'websocket' };
const lanes = [];
const tokens = new Tokens(byId('token'), showToken);
speak(preferred());
interval.append(...[0.5, 1, 2, 5].map((seconds) => new Option('', seconds, seconds === 1, seconds === 1)));
interval.onchange = () => {
  localStorage.setItem('tollway interval', interval.value);
  lanes[0].restart();
};
/** All tabs have one interval: any of them may be the one that asks for all. */
function takeInterval() {
  const kept = localStorage.getItem('tollway interval');
  const option = [...interval.options].find(({ value }) => value === kept);
  if (!option || option.selected) return;
  option.selected = true;
  lanes[0]?.restart();
}
takeInterval();
addEventListener('storage', takeInterval);
for (const key of KEYS) {
  const options = { topics: topic, shared: `the live page, ${key}`, query: { tag: tags[key] }, get token() { return tokens.read; } };
  const lane = new Lane(key, technique[key], request[key], options, (error) => {
    chooseVoice();
    tellOutage();
    wantToken(error);
  });
  if (key === 'short_poll') lane.interval = interval;
  lane.speak();
  lanes.push(lane);
}
const costs = new Costs(tags, tokens, () => picture.tell(), (error) => tokens.ask('costs', error));
const picture = new Picture(KEYS.map((key) => ({ key, record: records[key] })), costs);

/** All lanes say the same: a screen reader hears it from one of them, the quickest that is on. */
function chooseVoice() {
  const voice = lanes.findLast((lane) => lane.on);
  for (const lane of lanes) lane.log.ariaLive = lane === voice ? 'polite' : 'off';
}

/** A failure may be one for want of a token. */
function wantToken(error) {
  if (error && Tokens.isWanted(error)) tokens.ask('read', error);
}

/** One was typed in: what was refused may be had now. By one for costs alone, what is open reads on. */
async function showToken(purpose) {
  if (purpose === 'read') sender.close();
  await Promise.all([costs.again(), look()]);
  for (const lane of lanes) if (purpose === 'read' || lane.root.dataset.state === 'off') lane.restart();
}

// ── The line of status

let told;
function tell(key, values, isBad) {
  told = [key, values, isBad];
  write(status, say(key, values));
  status.className = isBad ? 'bad' : '';
}
const hint = ['hint', { address: `${location.origin}/${topic}` }];
if (fit) tell(...hint);
else tell('bad_topic', { name }, true);

/** When no lane is left, it is the server that is gone: said once, for all of them, until one is back. */
let isOut = false;
function tellOutage() {
  const on = lanes.filter((lane) => lane.on);
  const isSaid = told[0].startsWith('gone');
  if (on.length && on.every((lane) => lane.retryAt !== undefined)) {
    const n = Math.min(...on.map((lane) => lane.retryIn));
    // What was published meanwhile has reached it: that is newer.
    if (!isOut || !told[0].startsWith('published')) tell(n ? 'gone' : 'gone_now', { n });
    isOut = true;
  } else if (!on.length || on.some((lane) => lane.root.dataset.state === 'open')) {
    // Not before: a lane that tries is neither waiting nor there.
    isOut = false;
    if (isSaid) tell(...(on.length ? ['back'] : hint));
  }
}

// ── Publishing

const sender = new Sender(topic, {
  tokens,
  onfailed: wantToken,
  onreceipt: (receipt) => shared.tell({ receipt }),
  onsaid: (frame, data) => {
    // A client masks what it says, with a key of four bytes.
    const [first, second, ...more] = frameHeader(utf8(frame));
    const header = [first, second | 0x80, ...more, 0, 0, 0, 0];
    const event = { what: 'said', at: now(), wire: header.length + utf8(frame), text: utf8(data), header: header.slice(0, -4) };
    shared.tell({ lane: 'websocket', event });
  },
});

/** The text that was sent last, until there is a receipt. */
let unsure;
sendForm.onsubmit = async (event) => {
  event.preventDefault();
  const text = textField.value;
  const sent = { text, at: performance.now() };
  textField.focus();
  if (!text || textField.readOnly) return;
  for (const lane of lanes) lane.awaited = [...lane.awaited.slice(-99), sent];
  // The text stays in its field until the server has it.
  textField.readOnly = true;
  const slow = setTimeout(() => tell('slow_publish'), 1000);
  // Sent once more, it is the same message: without a receipt, it may be in the log all the same.
  if (unsure?.text !== text) unsure = { text, key: random() };
  const way = event.submitter?.value === 'websocket' ? 'WebSocket' : 'POST';
  try {
    const { subscribers: n } = await sender.publish(text, way, unsure.key);
    unsure = undefined;
    const ms = time(performance.now() - sent.at);
    if (n === undefined) tell('published_only', { way, ms });
    else tell('published', { way, ms, readers: count('readers', n) });
    textField.value = '';
  } catch (error) {
    for (const lane of lanes) lane.awaited = lane.awaited.filter((other) => other !== sent);
    tell('not_published', { why: error }, true);
    wantToken(error);
  } finally {
    clearTimeout(slow);
    textField.readOnly = false;
  }
};

const every = byId('every');
every.onclick = () => {
  const isOn = every.ariaPressed !== 'true';
  every.ariaPressed = String(isOn);
  sender.every(isOn);
};

/** What is retained is offered to who has just come, as long as that is not taken. */
const replay = byId('replay');
let [kept, isTaken] = [0, false];
function offer() {
  replay.hidden = !kept || isTaken;
  replay.textContent = count('kept', kept);
}
async function look() {
  // The lanes start when this is over.
  const init = { headers: tokens.headers('read'), signal: AbortSignal.timeout(3_000) };
  const answer = await fetch(`/${encodeURIComponent(topic)}/info`, init).catch(() => {});
  const { retained, code, detail } = (await answer?.json().catch(() => undefined)) ?? {};
  wantToken({ code, message: detail });
  kept = retained?.messages ?? kept;
  offer();
}
setInterval(() => replay.hidden || document.hidden || look(), 3_000);
replay.onclick = () => {
  isTaken = true;
  offer();
  for (const lane of lanes) lane.restart('earliest');
  tell('replayed');
  textField.focus();
};

// ── The picture's controls

const pause = byId('pause');
pause.onclick = () => picture.pause(picture.end === undefined);
picture.onpause = (isOn) => {
  pause.ariaPressed = String(isOn);
  pause.textContent = say(isOn ? 'go_on' : 'pause');
};
byId('older').onclick = () => picture.step(-1);
byId('newer').onclick = () => picture.step(1);
const span = byId('span');
span.onchange = () => {
  picture.span = 1000 * span.value;
  picture.draw();
  picture.tell();
};
byId('whole').onchange = ({ target }) => {
  costs.isWhole = target.checked;
  costs.look();
};
for (const kind of ['svg', 'png']) byId(kind).onclick = async () => tell('saved', { name: await save(picture, kind) });

const language = byId('language');
language.value = document.documentElement.lang.slice(0, 2);
language.onchange = () => {
  localStorage.setItem('tollway language', language.value);
  speak(language.value);
  for (const part of [...lanes, picture, tokens]) part.speak();
  speakOfSeconds();
  picture.onpause(picture.end !== undefined);
  offer();
  tell(...told);
};
/** What is chosen from, in seconds. */
function speakOfSeconds() {
  interval.ariaLabel = say('interval');
  for (const option of [...span.options, ...interval.options]) option.textContent = say('seconds', { n: option.value });
}
speakOfSeconds();
picture.onpause(false);

// A phone shows the picture first.
byId('lanes').open = !matchMedia('(max-width: 40rem)').matches;

// ── Time goes by

/** What came since the last frame is shown at once, some ten times a second. */
let flushed = 0;
function frame(at) {
  picture.draw();
  if (at - flushed > 90) {
    flushed = at;
    for (const lane of lanes) {
      lane.flush();
      lane.countDown();
    }
    if (isOut) tellOutage();
  }
  const took = performance.now() - at;
  // It rests longer than it worked; but what comes meanwhile is seen in a quarter of a second.
  const rest = Math.max(took, Math.min(8 * took, 250));
  setTimeout(() => requestAnimationFrame(frame), Math.max(picture.pace(calm.matches), rest) - 16);
}
requestAnimationFrame(frame);

// For whoever wants to compare what is drawn with what the server has counted.
export { costs, lanes, picture, records, tags };

chooseVoice();
await Promise.all([costs.begin(), look()]);
for (const lane of lanes) lane.start();

// A page with open connections is not kept for the Back button. The client closes its own.
addEventListener('pagehide', () => {
  costs.stop();
  shared.close();
  sender.close();
});
addEventListener('pageshow', ({ persisted }) => {
  if (!persisted) return;
  shared.open();
  costs.start();
  takeInterval();
});
