// The tap: what goes over the wire, seen from within the page. `fetch` and `WebSocket` are the
// browser's own, wrapped so that each request of a lane, and each piece of its answer, is told with
// the moment and its bytes. The client knows nothing of it.
//
// A request belongs to the lane whose tag is in its query; the server's ledger keeps an account
// under the same tag. Absent on purpose: sums, and request heads, which no page is shown.

/** Milliseconds since 1970, alike in all tabs. */
export const now = () => performance.timeOrigin + performance.now();

export const utf8 = (text) => encoder.encode(text).length;
const encoder = new TextEncoder();

/** Tells `tell(lane, event)`; `lanes` is a Map of tags to lanes. */
export function tap(lanes, tell) {
  const nativeFetch = globalThis.fetch;
  const laneOf = (url) => lanes.get(url.searchParams.get('tag'));

  globalThis.fetch = async (input, init) => {
    const url = new URL(input, location.href);
    const lane = laneOf(url);
    // What is given up before it is asked does not go out.
    if (!lane || init?.signal?.aborted) return nativeFetch(input, init);
    const flight = begin(lane, url, tell);
    try {
      const answer = await nativeFetch(input, init);
      return follow(flight, answer);
    } catch (error) {
      flight('cut');
      throw error;
    }
  };

  globalThis.WebSocket = class extends WebSocket {
    constructor(address, protocols) {
      super(address, protocols);
      const lane = laneOf(new URL(address, location.href));
      if (lane) followSocket(this, begin(lane, new URL(address, location.href), tell));
    }
  };
}

/** A request goes out; gives the function that tells what becomes of it. */
function begin(lane, url, tell) {
  const n = Math.random().toString(36).slice(2);
  const flight = (what, more) => tell(lane, { what, n, at: now(), ...more });
  const query = url.searchParams;
  flight('ask', { target: url.pathname + url.search, waits: query.has('wait') });
  return flight;
}

/** What the status line and the fields of an answer took. A page is shown all of them. */
function headBytes({ status, statusText, headers }) {
  let bytes = `HTTP/1.1 ${status} ${statusText}\r\n\r\n`.length;
  for (const [name, value] of headers) bytes += name.length + value.length + ': \r\n'.length;
  return bytes;
}

/** Follows an answer, and gives the one to be read. */
function follow(flight, answer) {
  const { status } = answer;
  const head = headBytes(answer);
  const isStream = answer.headers.get('Content-Type')?.startsWith('text/event-stream');
  if (status === 200 && isStream) {
    followStream(flight, status, head, answer.clone());
    return answer;
  }
  const decoder = new TextDecoder();
  let text = '';
  const end = () => flight('end', { status, head, ...messagesIn(status === 200 ? text : '', utf8(text)) });
  // Chromium gives a 204 a body, and `Response` takes none.
  if (status === 204 || !answer.body) {
    end();
    return answer;
  }
  // No copy: the client ends its request as soon as it has read it. What it reads passes through.
  const reader = answer.body.getReader();
  const body = new ReadableStream({
    async pull(to) {
      const { value, done } = await reader.read().catch((error) => {
        flight('cut');
        throw error;
      });
      if (!done) {
        text += decoder.decode(value, { stream: true });
        return to.enqueue(value);
      }
      end();
      to.close();
    },
  });
  return new Response(body, answer);
}

/** The messages of a poll's answer. */
function messagesIn(json, wire) {
  const { messages = [] } = json ? JSON.parse(json) : {};
  const ids = messages.map(({ id, data }) => ({ id, data: data.slice(0, 60) }));
  return { wire, ids, text: messages.reduce((sum, message) => sum + textBytes(message), 0) };
}

/** Bytes of the data, as it was published. */
function textBytes({ data, encoding }) {
  return encoding === 'base64' ? atob(data).length : utf8(data);
}

/** Each event is one chunk: its length in hexadecimal, and two ends of lines. */
async function followStream(flight, status, head, copy) {
  flight('answer', { status, head });
  const decoder = new TextDecoder();
  let rest = '';
  try {
    for await (const bytes of pieces(copy.body)) {
      const events = (rest + decoder.decode(bytes, { stream: true })).split('\n\n');
      rest = events.pop();
      for (const event of events) flight('piece', eventIn(`${event}\n\n`));
    }
  } catch {
    // Given up by the page, or broken off by the network.
  }
  flight('cut');
}

async function* pieces(stream) {
  const reader = stream.getReader();
  for (;;) {
    const { value, done } = await reader.read();
    if (done) return;
    yield value;
  }
}

function eventIn(event) {
  const bytes = utf8(event);
  const wire = bytes + bytes.toString(16).length + 4;
  // Lines as HTML §9.2.6 has them: those that `m` finds in a pattern end at U+2028 as well.
  const lines = event.split(/\r\n|\n|\r/);
  const field = (name) =>
    lines.filter((line) => line.startsWith(`${name}:`)).map((line) => line.replace(/^\w*: ?/, ''));
  const isMessage = field('data').length && field('event')[0] !== 'gap';
  if (!isMessage) return { wire, ids: [], text: 0 };
  const data = field('data').join('\n');
  const encoding = field('').includes('base64') ? 'base64' : undefined;
  const text = textBytes({ data, encoding });
  return { wire, ids: [{ id: field('id')[0], data: data.slice(0, 60) }], text };
}

function followSocket(socket, flight) {
  socket.addEventListener('open', () => flight('answer', { status: 101 }));
  socket.addEventListener('close', () => flight('cut'));
  socket.addEventListener('message', ({ data }) => flight('piece', frameIn(data, socket.extensions)));
}

/** A frame of the server: its header has 2, 4 or 10 bytes. RFC 6455 §5.2. */
function frameIn(json, extensions) {
  const length = utf8(json);
  const header = frameHeader(length, extensions.includes('permessage-deflate'));
  const { id, ...message } = JSON.parse(json);
  const ids = id ? [{ id, data: message.data.slice(0, 60) }] : [];
  return { wire: header.length + length, ids, text: id ? textBytes(message) : 0, header };
}

/** The header of a text frame of the server. One that is compressed is shorter than can be seen. */
export function frameHeader(length, deflated = false) {
  const first = 0b1000_0001 | (deflated ? 0b0100_0000 : 0);
  if (length < 126) return [first, length];
  const bytes = length < 65_536 ? 2 : 8;
  const more = Array.from({ length: bytes }, (_, n) => Math.floor(length / 256 ** (bytes - 1 - n)) % 256);
  return [first, bytes === 2 ? 126 : 127, ...more];
}
