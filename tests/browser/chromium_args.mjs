// How Chromium is started: without a display, and alone.

// A closed network refuses what Chromium asks of its makers, many times a minute: do not ask.
export const args = [
  '--no-sandbox',
  '--disable-gpu',
  '--disable-quic',
  '--no-first-run',
  '--no-proxy-server',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
];
