// The network stack alone, with frames that the host generates instead of a guest: throughput against a plain socket
// pair that moves the same frames, and the cost of 1 000 policy rules for a new connection.
// `node bench/netstack.mjs [rounds]`
import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { machine } from './lib/machine.mjs';
import { table } from './lib/table.mjs';

const rounds = process.argv[2] ?? '5';
const cargo = ['run', '--release', '--locked', '--quiet', '-p', 'msb-netstack', '--example', 'bench', rounds];
const { stdout } = await promisify(execFile)('cargo', cargo, {
  cwd: new URL('..', import.meta.url).pathname,
});
const figures = JSON.parse(stdout);

const speed = (megabytes) => `${megabytes} MB/s`;
const time = (microseconds) => `${microseconds.toFixed(0)} µs`;
const frames = (what, rate, ratio) => [
  what,
  speed(rate),
  `frames through a socket pair: ${speed(figures.plainFramesMbPerS)}`,
  ratio.toFixed(2),
  '>= 0.4',
];
const rules = (what, ratio) => [
  `connection, 1 000 rules for other ${what}`,
  time(ratio * figures.connectionUs),
  `no rules: ${time(figures.connectionUs)}`,
  ratio.toFixed(2),
  '<= 1.1',
];
const rows = [
  frames('out of the guest', figures.outOfGuestMbPerS, figures.outOfGuestToPlainFrames),
  frames('into the guest', figures.intoGuestMbPerS, figures.intoGuestToPlainFrames),
  rules('places', figures.cost1000Rules),
  rules('ports', figures.cost1000RulesForOtherPorts),
];
const head = ['what', 'ours', 'against', 'ratio', 'goal'];
console.log(`${machine()}, ${rounds} rounds\n\n${table(head, rows)}`);
