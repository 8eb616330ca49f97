// Rights, by Node's own crypto, `fetch`, and `ws`: tokens that others sign, and tickets.
//
// The server has the secret and the public key of `rights.rs`; this is the other half of each.

import assert from 'node:assert/strict';
import { createHmac, createPublicKey, sign } from 'node:crypto';
import { once } from 'node:events';

import { foreign, http, tell, ws } from '../support/stage.mjs';

const WebSocket = foreign('ws');

const SECRET = 'a-secret-that-both-sides-know:-32';
const PRIVATE = `-----BEGIN PRIVATE KEY-----
MC4CAQAwBQYDK2VwBCIEIBxCIX8TzHAXVeRJKk5cWU3FikpwR6QUDwPjKE4R8f0j
-----END PRIVATE KEY-----`;

const now = () => Math.floor(Date.now() / 1000);
const encoded = (value) => Buffer.from(JSON.stringify(value)).toString('base64url');

function jwt(alg, claims, secret = SECRET) {
  const signed = `${encoded({ alg, typ: 'JWT' })}.${encoded(claims)}`;
  const signature =
    alg === 'EdDSA' ? sign(null, signed, PRIVATE) : createHmac('sha256', secret).update(signed).digest();
  return `${signed}.${signature.toString('base64url')}`;
}

const all = (more) => ({ exp: now() + 60, tollway: { publish: ['*'], subscribe: ['*'] }, ...more });
const bearer = (token) => ({ headers: { Authorization: `Bearer ${token}` } });

async function jwts_of_both_algorithms_open_every_technique() {
  for (const alg of ['HS256', 'EdDSA']) {
    const token = jwt(alg, all());
    const posted = await fetch(`${http}/news`, { method: 'POST', body: alg, ...bearer(token) });
    assert.equal(posted.status, 201);
    for (const path of ['/news', '/news?wait=1', '/news/sse?since=earliest']) {
      const answer = await fetch(http + path, bearer(token));
      assert.ok(answer.ok, path);
      await answer.body?.cancel();
    }
    const socket = new WebSocket(`${ws}/news/ws`, bearer(token));
    await once(socket, 'open');
    socket.send(`by ${alg}`);
    assert.equal(String((await once(socket, 'message'))[0]), `by ${alg}`);
    socket.close();
  }
}

async function jwts_that_are_not_good_are_named() {
  const pem = createPublicKey(PRIVATE).export({ type: 'spki', format: 'pem' });
  for (const [token, code] of [
    [jwt('HS256', all({ exp: now() - 1 })), 'jwt_expired'],
    [jwt('EdDSA', all({ nbf: now() + 60 })), 'jwt_not_yet_valid'],
    [jwt('HS256', all(), 'x'.repeat(32)), 'jwt_signature'],
    [jwt('HS256', all(), pem), 'jwt_signature'],
    [jwt('none', all()), 'jwt_algorithm'],
    [jwt('HS256', all({ aud: 'else' })), 'jwt_audience'],
  ]) {
    const answer = await fetch(`${http}/news`, bearer(token));
    assert.equal(answer.status, 401);
    assert.match(answer.headers.get('WWW-Authenticate'), /^Bearer .*error="invalid_token"$/);
    assert.equal((await answer.json()).code, code);
  }
}

async function a_ticket_opens_one_websocket() {
  const token = jwt('HS256', all());
  const asked = await fetch(`${http}/-/ticket`, { method: 'POST', ...bearer(token) });
  const { ticket, expires_in } = await asked.json();
  assert.equal(expires_in, 30);
  const socket = new WebSocket(`${ws}/news?ticket=${ticket}`);
  await once(socket, 'open');
  socket.send('hello');
  assert.equal(String((await once(socket, 'message'))[0]), 'hello');
  const again = new WebSocket(`${ws}/news?ticket=${ticket}`);
  const [error] = await once(again, 'error');
  assert.match(error.message, /401/);
  socket.close();
}

async function a_socket_is_closed_when_its_token_ends() {
  // In the second that `exp` names: late enough for a handshake on a busy machine.
  const socket = new WebSocket(`${ws}/news`, bearer(jwt('HS256', all({ exp: now() + 6 }))));
  await once(socket, 'open');
  const [code, reason] = await once(socket, 'close');
  assert.equal(code, 1008);
  assert.match(String(reason), /token/);
}

await tell({
  jwts_of_both_algorithms_open_every_technique,
  jwts_that_are_not_good_are_named,
  a_ticket_opens_one_websocket,
  a_socket_is_closed_when_its_token_ends,
});
