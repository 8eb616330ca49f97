// The Bun peer: `Bun.serve`, whose WebSockets and pub/sub are those of uWebSockets.
//
// bun server.ts: serves on a port of its own, which is the first line of its output. A topic keeps
// its last messages, so that a poll has a cursor to go on from.

const KEPT_MAX = 256;
const WAIT_MS = 55_000;

type Topic = {
  name: string;
  newest: number;
  kept: string[];
  streams: Set<ReadableStreamDefaultController<Uint8Array>>;
  waiting: Set<() => void>;
};

const topics = new Map<string, Topic>();
const encoder = new TextEncoder();

function topic(name: string): Topic {
  let found = topics.get(name);
  if (!found) {
    found = { name, newest: 0, kept: [], streams: new Set(), waiting: new Set() };
    topics.set(name, found);
  }
  return found;
}

function publish(to: Topic, message: string): number {
  to.newest += 1;
  to.kept.push(message);
  if (to.kept.length > KEPT_MAX) to.kept.shift();
  server.publish(to.name, message);
  if (to.streams.size > 0) {
    const event = encoder.encode(`data: ${message}\n\n`);
    for (const stream of to.streams) stream.enqueue(event);
  }
  if (to.waiting.size > 0) {
    const released = to.waiting;
    to.waiting = new Set();
    for (const answer of released) answer();
  }
  return to.newest;
}

// What follows a cursor, or 204.
function after(of: Topic, since: number): Response {
  const missing = of.newest - since;
  if (missing <= 0) return new Response(null, { status: 204 });
  return Response.json({ next: of.newest, messages: of.kept.slice(-missing) });
}

function poll(request: Request, of: Topic, query: URLSearchParams): Response | Promise<Response> {
  const waits = query.has('wait');
  const since = Number(query.get('since') ?? (waits ? of.newest : 0));
  if (of.newest > since || !waits) return after(of, since);
  server.timeout(request, 0);
  return new Promise((resolve) => {
    const release = () => {
      clearTimeout(timer);
      of.waiting.delete(release);
      resolve(after(of, since));
    };
    const timer = setTimeout(release, WAIT_MS);
    of.waiting.add(release);
  });
}

function sse(request: Request, of: Topic): Response {
  server.timeout(request, 0);
  let own: ReadableStreamDefaultController<Uint8Array>;
  const stream = new ReadableStream<Uint8Array>({
    start(controller) {
      own = controller;
      of.streams.add(controller);
      // The head goes out with the first bytes.
      controller.enqueue(encoder.encode(':\n\n'));
    },
    cancel() {
      of.streams.delete(own);
    },
  });
  return new Response(stream, {
    headers: { 'Content-Type': 'text/event-stream', 'Cache-Control': 'no-cache' },
  });
}

const server = Bun.serve<{ of: Topic }, never>({
  hostname: '127.0.0.1',
  port: 0,
  idleTimeout: 255,
  routes: {
    '/pub/:topic': {
      POST: async (request) => {
        const id = publish(topic(request.params.topic), await request.text());
        return new Response(String(id), { status: 201 });
      },
    },
    '/poll/:topic': (request) =>
      poll(request, topic(request.params.topic), new URL(request.url).searchParams),
    '/sse/:topic': (request) => sse(request, topic(request.params.topic)),
    '/ws/:topic': (request, server) => {
      const data = { of: topic(request.params.topic) };
      if (!server.upgrade(request, { data })) return new Response(null, { status: 426 });
    },
  },
  fetch: () => new Response(null, { status: 404 }),
  websocket: {
    idleTimeout: 0,
    open(socket) {
      socket.subscribe(socket.data.of.name);
    },
    message(socket, message) {
      publish(socket.data.of, String(message));
    },
  },
});

console.log(server.port);
