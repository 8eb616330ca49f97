// The program as a script runs it: what it says, line by line, and how it ends.

import { spawn } from 'node:child_process';

import { more } from './stage.mjs';

const [binary] = more;
process.setMaxListeners(0); // one for each command

/** A command with what it says, line by line. */
export function run(args, { input, env } = {}) {
  const child = spawn(binary, args, {
    stdio: ['pipe', 'pipe', 'pipe'],
    env: { ...process.env, TOLLWAY_URL: '', TOLLWAY_TOKEN: '', ...env },
  });
  const said = { out: [], err: [], child };
  process.on('exit', (code) => {
    child.kill('SIGKILL'); // when a fact fails as well
    if (code) console.error(args.join(' '), said.out.length, 'lines;', said.err);
  });
  let look = () => {};
  const lines = (stream, list) => {
    let rest = '';
    stream.setEncoding('utf8').on('data', (text) => {
      const parts = (rest + text).split('\n');
      rest = parts.pop();
      list.push(...parts);
      look();
    });
  };
  lines(child.stdout, said.out);
  lines(child.stderr, said.err);
  child.stdin.on('error', () => {});
  if (input !== undefined) child.stdin.end(input);
  /** Waits until `holds` does; `tell` bounds it. */
  said.until = (holds) =>
    new Promise((resolve) => {
      look = () => holds(said) && resolve();
      look();
    });
  said.code = new Promise((resolve) => child.on('close', (code, signal) => resolve(code ?? signal)));
  return said;
}
