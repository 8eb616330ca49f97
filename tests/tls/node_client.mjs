// Node's own `https` and `ws` over it. Run as: PORT CERTIFICATE.

import assert from 'node:assert/strict';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import https from 'node:https';
import { createRequire } from 'node:module';
import { join, resolve } from 'node:path';

const [port, certificate] = process.argv.slice(2);
const tools = resolve(process.env.TEST_TOOLS, 'package.json');
const WebSocket = createRequire(tools)('ws');
const ca = readFileSync(certificate);
const agent = new https.Agent({ ca, keepAlive: true });

async function asked(method, path, body) {
  const request = https.request({ host: 'localhost', family: 4, port, method, path, agent, ca });
  request.end(body);
  const [answer] = await once(request, 'response');
  return answer;
}

async function text(answer) {
  let all = '';
  for await (const piece of answer.setEncoding('utf8')) all += piece;
  return all;
}

const events = (await asked('GET', '/node/sse')).setEncoding('utf8');
const socket = new WebSocket(`wss://localhost:${port}/node/ws`, { ca, family: 4 });
await once(socket, 'open');
const heard = once(socket, 'message');
const poll = asked('GET', '/node/poll?wait=20').then(text);
assert.equal((await asked('POST', '/node', 'by Node')).resume().statusCode, 201);
assert.equal(String((await heard)[0]), 'by Node');
let seen = '';
for await (const piece of events) {
  seen += piece;
  if (seen.includes('data: by Node\n')) break;
}
// It may come after what was published so far: then one that comes later is what it gets.
let polled;
poll.then((answer) => (polled = answer));
while (polled === undefined) await text(await asked('POST', '/node', 'once more'));
assert.match(polled, /by Node|once more/);
const messages = JSON.parse(await text(await asked('GET', '/node/poll'))).messages;
const [first, ...others] = messages.map((message) => message.data);
assert.equal(first, 'by Node');
assert.ok(others.length > 0 && others.every((data) => data === 'once more'), `${others}`);
const closed = once(socket, 'close');
socket.close(1000);
assert.equal((await closed)[0], 1000);
agent.destroy();
