// The client behind a proxy: publishes, and tells by which technique it reads what it published.
// Called as `client.mjs PORT FACT`, with the proxy's port.

import assert from 'node:assert/strict';

import { Inbox, http, tell } from '../support/stage.mjs';

async function the_client_reads_what_it_publishes() {
  const { connect } = await import('../../src/page/client.js');
  const messages = new Inbox();
  const states = new Inbox();
  const connection = connect(http, {
    topics: 'client',
    onmessage: ({ data }) => messages.push(data),
    onstate: (status) => states.push(status),
  });
  let status = await states.next();
  while (status.state !== 'open') status = await states.next();
  const sent = ['one', 'two', 'three'];
  for (const data of sent) await connection.publish(data);
  assert.deepEqual(await messages.take(sent.length), sent);
  console.log(connection.status.technique);
  connection.close();
}

await tell({ the_client_reads_what_it_publishes });
