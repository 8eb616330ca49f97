// The hop test: 1,000 messages flow while a proxy takes one technique after another away, and gives
// them back. Shared by Node and Chromium.

/** What a proxy lets through, so that this technique is the best that works. */
const RULES = {
  websocket: { refusesUpgrades: false, holdsStreams: false, requestMsMax: Infinity },
  sse: { refusesUpgrades: true },
  'long-poll': { holdsStreams: true },
  poll: { requestMsMax: 200 },
};
const MESSAGES = 1_000;
/** Between two messages while the client looks for a way, so that some come at every moment. */
const PACE_MS = 15;

/** Goes this way from technique to technique; `client.reads(technique)` waits until that one reads. */
export async function hop(proxy, client, publish, way) {
  let next = 0;
  const some = async (until, pace) => {
    for (; next < until; next += 1) {
      await publish(String(next));
      if (pace) await new Promise((over) => setTimeout(over, pace));
    }
  };
  for (const [n, technique] of way.entries()) {
    const rules = Object.values(RULES).slice(0, Object.keys(RULES).indexOf(technique) + 1);
    const end = Math.floor((MESSAGES * (n + 1)) / way.length);
    if (n > 0) proxy.set(Object.assign({}, ...rules));
    // Half of them while it finds its way, and the others when it has.
    await Promise.all([some(Math.floor((next + end) / 2), PACE_MS), client.reads(technique)]);
    await some(end, 0);
  }
}
