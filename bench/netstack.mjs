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
const rows = [
  [
    'out of the guest',
    speed(figures.outOfGuestMbPerS),
    `frames through a socket pair: ${speed(figures.plainFramesMbPerS)}`,
    figures.outOfGuestToPlainFrames.toFixed(2),
    '>= 0.4',
  ],
  [
    'into the guest',
    speed(figures.intoGuestMbPerS),
    `frames through a socket pair: ${speed(figures.plainFramesMbPerS)}`,
    figures.intoGuestToPlainFrames.toFixed(2),
    '>= 0.4',
  ],
  [
    'connection, 1 000 rules for other places',
    time(figures.connectionWith1000RulesUs),
    `no rules: ${time(figures.connectionUs)}`,
    figures.cost1000Rules.toFixed(2),
    '<= 1.1',
  ],
  [
    'connection, 1 000 rules for other ports',
    '-',
    `no rules: ${time(figures.connectionUs)}`,
    figures.cost1000RulesForOtherPorts.toFixed(2),
    '<= 1.1',
  ],
];
const head = ['what', 'ours', 'against', 'ratio', 'goal'];
console.log(`${machine()}, ${rounds} rounds\n\n${table(head, rows)}`);
