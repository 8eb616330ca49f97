// What the page says, in English and in Chinese. What stands in index.html is there in English, and
// here by its `data-t` in Chinese alone; what scripts say is here in both.
//
// Terms: 短轮询, 长轮询, 请求头, 帧, 握手 as Chinese docs of HTTP and WebSocket have them (MDN 中文).

const SAID = {
  en: {
    short_poll: 'Short poll', long_poll: 'Long poll', sse: 'SSE', websocket: 'WebSocket',
    short_poll_about: 'The page asks again and again: anything new?',
    long_poll_about: 'The page asks once. The server answers when there is something to say.',
    sse_about: 'The page asks once, and the answer never ends: each message is added to it.',
    websocket_about: 'A line that stays open. Both ends may speak at any time.',
    short_poll_wire: 'A question every {interval}, mostly answered by an empty 204. A message waits for the next question.',
    long_poll_wire: 'The server parks the question until there is an answer, or 30 s have passed. A new request after every answer.',
    sse_wire: 'One request, and an answer in chunks that never ends: lines of text, an id with each message. One way only.',
    websocket_wire: 'One handshake, then frames both ways, a small JSON object each. A bare WebSocket gets the text alone: the id and the event’s name are lost.',
    short_poll_why: '{heads} of {total} were heads: {requests} questions, {empty} of them for nothing.',
    long_poll_why: '{heads} of {total} were heads: every message needs another question, {requests} so far.',
    sse_why: '{heads} of heads to begin with. Then {around} around each text: a name, an id, the length of a chunk.',
    websocket_why: '{heads} of heads to begin with. Then {around} around each text: a frame’s header, an id, some JSON.',
    why_whole: 'All readers of this server: {asked}, {brought} since this page was opened.',
    lit: '{label}: {ms} after it was published, {bytes}{share}.',
    lit_before: '{label}: when it was published is not known, {bytes}{share}.',
    lit_share: ' for {count} messages', lit_missing: '{label}: not here yet.',
    per_bytes: '{unit} a message', per_ms: 'ms', per_factor: 'of the cheapest',
    total: '{bytes} · {requests} · {empty} · {messages}',
    requests: '{n} requests', requests_one: '1 request', empties: '{n} empty', messages: '{n} messages', messages_one: '1 message',
    class_text: 'text', class_wrapping: 'wrapping', class_heads: 'heads', class_rest: 'rest',
    chip: 'Message {label}: {data}',
    picture: 'What goes over the wire, the last {seconds} s. {lanes}',
    pause: 'Pause', go_on: 'Go on',
    request_detail: 'Request: {bytes} of head. {target}', about: 'about ', unknown: 'some bytes',
    handshake_detail: 'Handshake: 101, and the connection is a WebSocket.',
    head_detail: 'Answer {status}: {bytes} of head, and it goes on.',
    answer_detail: 'Answer {status}: {bytes} = {head} of head + {text} of text + {wrapping} of wrapping.',
    event_detail: 'Event: {bytes} = {text} of text + {wrapping} of wrapping.',
    frame_detail: 'Frame: {bytes} = {text} of text + {wrapping} of wrapping, {header} of that its header:',
    fin: 'last piece', rsv: 'plain', deflated: 'compressed', opcode: 'text', masked: 'masked', unmasked: 'not masked',
    length: '{n} bytes follow', longer: 'length in the next bytes',
    on: '{name} on', log: '{name}: messages', log_empty: 'No message yet.', bytes_only: '({n} bytes)',
    open: 'open', asking: 'asking', parked: 'parked', elsewhere: 'in another tab', off: 'off', connecting: 'connecting',
    queued: 'queued, or slow', refused: 'refused', offline: 'no network', trying: 'trying', next_try: 'next try in {n} s',
    again: 'Connected again, and it goes on where it was.',
    final: 'Refused for good. {why}', gap: 'Messages are missing here: {why}.', between: 'between {from} and {to}',
    epoch: 'the server was started anew, and nobody knows what was said before',
    expired: 'they are no longer kept', slow: 'this reader took too long to take them',
    was_refused: 'Refused: {why}', no_handshake: 'The handshake was refused, or the server is gone.',
    lost: 'Connection lost.', lost_why: 'Connection lost: {why}.', no_answer: 'The server does not answer.',
    hint: 'Try: curl -d hello {address}', bad_topic: '“{name}” cannot name a topic. This is “chat”.',
    published: 'Published by {way} in {ms}, to {readers}.', published_only: 'Published by {way} in {ms}.',
    readers: '{n} readers', readers_one: '1 reader', not_published: 'Not published. {why}',
    slow_publish: 'On its way. It waits for the server, or for one of the six connections that a browser opens to it.',
    no_receipt: 'The connection was lost before a receipt came.',
    gone: 'Server gone; next try in {n} s. What it keeps meanwhile will be fetched.',
    gone_now: 'Server gone; next try now. What it keeps meanwhile will be fetched.', back: 'The server is back.',
    tick: 'tick {n}', kept: '{n} kept: replay', kept_one: '1 kept: replay', replayed: 'What is kept is read again, by all lanes.',
    token_read: 'A token, to read and to publish:', token_costs: 'An admin token, to see what it costs:',
    token_kept: '{why} It is kept in this tab until that is closed, and stands in no URL.',
    costs_refused: 'It takes an admin token to see what this costs.',
    slide_title: 'The same messages, four ways', slide_about: 'Time runs to the right. Down: a request. Up: an answer. Thick: it carries a message.',
    slide_scale: 'bytes, one scale', client: 'client', server: 'server', saved: 'Saved as {name}.',
    interval: 'Interval', seconds: '{n} s', ago: '{n} s ago', now: 'now', still: 'stands still',
  },
  zh: {
    short_poll: '短轮询', long_poll: '长轮询', sse: 'SSE', websocket: 'WebSocket',
    short_poll_about: '页面一遍遍地问：有新消息吗？',
    long_poll_about: '页面问一次，服务器等到有消息才回答。',
    sse_about: '页面只问一次，响应永不结束：来一条消息，就续上一段。',
    websocket_about: '一条一直开着的连接，两端随时都能说话。',
    short_poll_wire: '每 {interval} 问一次，得到的多半是空的 204。消息要等到下一次询问才能送达。',
    long_poll_wire: '服务器先把请求挂起，有消息时才响应，最多等 30 秒。每次响应之后再发一个新请求。',
    sse_wire: '一个请求，一个分块传输、永不结束的响应：一行行文本，每条消息带一个 id。只能由服务器发往客户端。',
    websocket_wire: '一次握手，之后双向收发帧，每帧是一个小小的 JSON 对象。不用子协议的 WebSocket 只收到正文：没有 id，也没有事件名。',
    short_poll_why: '{total}中有 {heads}是报文头：问了 {requests} 次，其中 {empty} 次一无所获。',
    long_poll_why: '{total}中有 {heads}是报文头：每条消息之后都要再问一次，至今 {requests} 次。',
    sse_why: '报文头只在开头，{heads}；此后每条正文外面只裹 {around}：字段名、id 和块长度。',
    websocket_why: '报文头只在开头，{heads}；此后每条正文外面只裹 {around}：帧头、id 和一点 JSON。',
    why_whole: '本服务器的全部读者：自本页打开以来 {asked}，{brought}。',
    lit: '{label}：发布后 {ms}到达，{bytes}{share}。',
    lit_before: '{label}：何时发布不得而知，{bytes}{share}。',
    lit_share: '（共 {count} 条消息）', lit_missing: '{label}：还没有到。',
    per_bytes: '{unit}／每条', per_ms: '毫秒', per_factor: '最省者的倍数',
    total: '{bytes} · {requests} · {empty} · {messages}',
    requests: '{n} 个请求', empties: '{n} 个为空', messages: '{n} 条消息',
    class_text: '正文', class_wrapping: '包装', class_heads: '报文头', class_rest: '其他',
    chip: '消息 {label}：{data}',
    picture: '最近 {seconds} 秒线路上的往来。{lanes}',
    pause: '暂停', go_on: '继续',
    request_detail: '请求：报文头 {bytes}。{target}', about: '约 ', unknown: '若干字节',
    handshake_detail: '握手：101，连接从此是 WebSocket。',
    head_detail: '响应 {status}：报文头 {bytes}，响应体还在继续。',
    answer_detail: '响应 {status}：{bytes} = 报文头 {head} + 正文 {text} + 包装 {wrapping}。',
    event_detail: '事件：{bytes} = 正文 {text} + 包装 {wrapping}。',
    frame_detail: '帧：{bytes} = 正文 {text} + 包装 {wrapping}，其中帧头 {header}：',
    fin: '最后一片', rsv: '未压缩', deflated: '已压缩', opcode: '文本', masked: '有掩码', unmasked: '无掩码',
    length: '后面 {n} 字节', longer: '长度见后续字节',
    on: '启用{name}', log: '{name}：消息', log_empty: '还没有消息。', bytes_only: '（{n} 字节）',
    open: '已连接', asking: '轮询中', parked: '挂起等待', elsewhere: '由另一标签页读取', off: '已关闭', connecting: '连接中',
    queued: '排队中，或很慢', refused: '被拒绝', offline: '没有网络', trying: '重试中', next_try: '{n} 秒后重试',
    again: '重新连上了，从断开处继续。',
    final: '被拒绝，不再重试。{why}', gap: '这里缺了消息：{why}。', between: '在 {from} 与 {to} 之间',
    epoch: '服务器重新启动过，之前的内容无从得知',
    expired: '它们已不再保留', slow: '这个读者取得太慢',
    was_refused: '被拒绝：{why}', no_handshake: '握手被拒绝，或服务器已不在。',
    lost: '连接断开。', lost_why: '连接断开：{why}', no_answer: '服务器没有应答。',
    hint: '试试：curl -d hello {address}', bad_topic: '“{name}”不能用作主题名，现在的主题是“chat”。',
    published: '已用 {way} 发布，用时 {ms}，送达 {readers}。', published_only: '已用 {way} 发布，用时 {ms}。',
    readers: '{n} 位读者', not_published: '没有发布。{why}',
    slow_publish: '正在发送：在等服务器，或在等浏览器对同一服务器的六条连接之一。',
    no_receipt: '还没收到回执，连接就断了。',
    gone: '服务器不在，{n} 秒后重试。其间保留的消息会补上。',
    gone_now: '服务器不在，正在重试。其间保留的消息会补上。', back: '服务器回来了。',
    tick: '第 {n} 条', kept: '保留了 {n} 条：重放', replayed: '四条通道都在重读保留的消息。',
    token_read: '令牌，用来读取和发布：', token_costs: '管理令牌，用来查看开销：',
    token_kept: '{why}它只保存在这个标签页里，直到标签页关闭，也不会出现在任何 URL 中。',
    costs_refused: '服务器只把开销告诉持有管理令牌的人。',
    slide_title: '同样的消息，四种走法', slide_about: '时间向右。向下：请求。向上：响应。粗线：带着消息。',
    slide_scale: '字节，同一标尺', client: '客户端', server: '服务器', saved: '已保存为 {name}。',
    interval: '间隔', seconds: '{n} 秒', ago: '{n} 秒前', now: '现在', still: '已暂停',
  },
};

/** What index.html says, by `data-t`, in Chinese. */
const WRITTEN = {
  tagline: '同一份日志，四种读法。', topic: '主题', join: '进入', show: '交给服务器', token: '令牌', language: '语言',
  text: '对四条通道说点什么', post: '用 POST 发送', socket: '用 WebSocket 发送', enter: '按回车键也可以',
  every: '每 2 秒发一条',
  axis: '时间向右。向下：请求。向上：响应。斜线至少画 5 像素宽，以便辨认。',
  older: '前一条消息', newer: '后一条消息', span: '时间窗', whole: '整个服务器的读者',
  whole_title: '关：只算本页自己的连接。开：算这台服务器上所有读者的连接。',
  svg: '存为 SVG', png: '存为 PNG',
  l_request: '请求', l_empty: '空响应', l_message: '消息', l_held: '保持打开', l_waits: '消息在等待',
  lanes: '消息与线路细节',
  six: '浏览器对一台服务器最多开六条 HTTP/1.1 连接。本页的各个标签页通过', client: '客户端脚本',
  six_more: '共用连接：每条通道只在一个标签页里读取，其他标签页从那里得到消息。WebSocket 另算。',
  ledger: '服务器自己的账：', costs: '开销', connections: '连接', metrics: '指标', published: '发布',
};

let language = 'en';

/** The language that was chosen, or the browser's. */
export function preferred() {
  const chosen = localStorage.getItem('tollway language');
  return chosen ?? (/^zh\b/i.test(navigator.language) ? 'zh' : 'en');
}

/** Why something failed. Servers say it in English: in Chinese that is quoted, behind a sentence for its code. */
const why = ({ message, code }) =>
  language === 'en' || /\p{Script=Han}/u.test(message) ? message : `${REASONS.find(([codes]) => codes.test(code))?.[1] ?? ''}“${message}”`;
const REASONS = [
  [/^(token|jwt|ticket|cookie)_/, '令牌无效，或没有令牌。'], [/^right_/, '令牌没有这项权限。'],
  [/^(origin_foreign|host_not_served)$/, '服务器不接受来自这个地址的页面。'], [/^topic_(malf|res)/, '主题名称无效。'],
  [/too_(large|big|long)$/, '超出服务器的上限。'], [/too_fast|full$|overload|too_much|many_conn|drain/, '服务器此刻不能再接受更多。'],
];

/** A sentence, with what is between braces filled in. */
export function say(key, values = {}) {
  const said = SAID[language][key].replace(/\{(\w+)\}/g, (_, name) => (values[name].message ? why(values[name]) : values[name]));
  // Between a Latin unit and a Chinese character there is a space.
  return language === 'zh' ? said.replace(/(\d [kM]?B)(?=\p{Script=Han})/gu, '$1 ') : said;
}

/** Says everything that index.html says in that language. */
export function speak(to) {
  language = to in SAID ? to : 'en';
  document.documentElement.lang = language === 'zh' ? 'zh-Hans' : 'en';
  for (const element of document.querySelectorAll('[data-t], [data-t-label], [data-t-title], [data-t-placeholder]')) {
    const { t, tLabel, tTitle, tPlaceholder } = element.dataset;
    if (t) change(element, 'textContent', t);
    if (tLabel) change(element, 'ariaLabel', tLabel);
    if (tTitle) change(element, 'title', tTitle);
    if (tPlaceholder) change(element, 'placeholder', tPlaceholder);
  }
}

/** English is what was there first. */
function change(element, property, key) {
  const english = (element.english ??= {});
  english[property] ??= element[property];
  element[property] = language === 'en' ? english[property] : (WRITTEN[key] ?? SAID.zh[key]);
}

/** In the unit that is good for `most`; for 0 they are exact. */
export const bytes = (n, most = n) => (most >= 1e4 ? `${(n / 1e3).toFixed(1)} kB` : `${Math.round(n)} ${language === 'zh' ? '字节' : 'bytes'}`);

export function time(ms) {
  const [number, unit] = ms < 1000 ? [ms.toFixed(ms < 10 ? 1 : 0), 'ms'] : [(ms / 1000).toFixed(1), 's'];
  return `${number} ${language === 'zh' ? { ms: '毫秒', s: '秒' }[unit] : unit}`;
}

/** “3 requests”, and “1 request”. */
export const count = (key, n) => say(n === 1 && language === 'en' ? `${key}_one` : key, { n });

/** Changes what is shown if it is another text. */
export function write(element, text) {
  if (element.textContent !== text) element.textContent = text;
}
