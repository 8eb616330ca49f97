// The Node peer: express and ws, as their documentation writes such servers.
//
// node server.mjs TOOLS: TOOLS is the folder that `npm ci` filled. Serves on a port of its own,
// which is the first line of its output. A topic keeps its last messages, so that a poll has a
// cursor to go on from.

import { createRequire } from 'node:module';
import { createServer } from 'node:http';
import path from 'node:path';

const require = createRequire(path.join(process.argv[2], 'package.json'));
const express = require('express');
const { WebSocket, WebSocketServer } = require('ws');

const KEPT_MAX = 256;
const WAIT_MS = 55_000;

const topics = new Map();

function topic(name) {
  let found = topics.get(name);
  if (!found) {
    found = { newest: 0, kept: [], sockets: new Set(), streams: new Set(), waiting: new Set() };
    topics.set(name, found);
  }
  return found;
}

function publish(to, message) {
  to.newest += 1;
  to.kept.push(message);
  if (to.kept.length > KEPT_MAX) to.kept.shift();
  for (const socket of to.sockets) {
    if (socket.readyState === WebSocket.OPEN) socket.send(message);
  }
  if (to.streams.size > 0) {
    const event = `data: ${message}\n\n`;
    for (const stream of to.streams) stream.write(event);
  }
  if (to.waiting.size > 0) {
    const released = to.waiting;
    to.waiting = new Set();
    for (const answer of released) answer();
  }
  return to.newest;
}

// What follows a cursor, if anything does.
function after(of, since) {
  const missing = of.newest - since;
  return missing > 0 ? { next: of.newest, messages: of.kept.slice(-missing) } : null;
}

const app = express();

app.post('/pub/:topic', express.text({ type: () => true }), (request, response) => {
  response.status(201).send(String(publish(topic(request.params.topic), request.body)));
});

app.get('/poll/:topic', (request, response) => {
  const of = topic(request.params.topic);
  const waits = request.query.wait !== undefined;
  const since = Number(request.query.since ?? (waits ? of.newest : 0));
  const give = (answer) => (answer ? response.json(answer) : response.status(204).end());
  const answer = after(of, since);
  if (answer || !waits) {
    give(answer);
    return;
  }
  const release = () => {
    clearTimeout(timer);
    of.waiting.delete(release);
    give(after(of, since));
  };
  const timer = setTimeout(release, WAIT_MS);
  of.waiting.add(release);
  response.on('close', () => {
    clearTimeout(timer);
    of.waiting.delete(release);
  });
});

app.get('/sse/:topic', (request, response) => {
  const of = topic(request.params.topic);
  response.writeHead(200, { 'Content-Type': 'text/event-stream', 'Cache-Control': 'no-cache' });
  response.flushHeaders();
  of.streams.add(response);
  response.on('close', () => of.streams.delete(response));
});

const server = createServer(app);
const sockets = new WebSocketServer({ server });
sockets.on('connection', (socket, request) => {
  const of = topic(request.url.slice('/ws/'.length));
  of.sockets.add(socket);
  socket.on('message', (data) => publish(of, data.toString()));
  socket.on('close', () => of.sockets.delete(socket));
  socket.on('error', () => {});
});
server.listen({ host: '127.0.0.1', port: 0, backlog: 4096 }, () => {
  console.log(server.address().port);
});
