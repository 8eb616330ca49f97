// Node before 22 has no WebSocket of its own. Preloaded, this lends it the one of the package `ws`,
// so that the examples of the docs run there too.
const path = require('node:path');

try {
  globalThis.WebSocket ??= require(path.join(process.env.TEST_TOOLS, 'node_modules/ws'));
} catch {
  // Not there: whoever needs it will say so.
}
