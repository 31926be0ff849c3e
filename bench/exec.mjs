// Commands in a sandbox: round trip of `true` against the agent's bare echo on the same port, 64 MiB through `cat`
// against `dd` and a port of its own, latency beside a busy program, a hundred commands at once.
// `node bench/exec.mjs [rounds] [bulk rounds]`
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { AgentClient } from '@microsandbox/protocol';
import { buildTestImage, busyboxLayer, initIsolatedHome, writeOciLayout } from '@microsandbox/test-utils';
import { Image, Sandbox, AgentClient as SandboxAgent } from 'microsandbox';
import { machine } from './lib/machine.mjs';
import { qemuWith } from './lib/qemu-with.mjs';
import { openRawPort, RAW_PORT_DEVICE } from './lib/raw-port.mjs';
import { alternate, median } from './lib/statistics.mjs';
import { table } from './lib/table.mjs';

const rounds = Number(process.argv[2] ?? 50);
const bulkRounds = Number(process.argv[3] ?? 5);
const reference = 'localhost/bench';
const folder = await mkdtemp(join(tmpdir(), 'msb-bench-'));
await using _home = await initIsolatedHome();
await using port = await openRawPort(folder);
await qemuWith(join(folder, 'qemu'), port.arguments);
process.env.MSB_QEMU_PATH = join(folder, 'qemu');
process.env.MSB_VMM = 'qemu';
process.env.MSB_WARM = 'off';

const MIB = 64;
const AT_ONCE = 100;
const block = Buffer.alloc(1 << 20, 'b');

/** One command on a connection that is open, to its exit. */
async function execOn(client, request) {
  for await (const message of await client.stream('core.exec.request', request)) {
    if (message.type === 'core.exec.exited' && message.payload.code === 0) return;
  }
  throw new Error('the command failed');
}

/** Output of a command, read to its end. */
async function readAll(sandbox, script) {
  const handle = await sandbox.shellStream(script);
  let size = 0;
  for await (const event of handle) if (event.kind === 'stdout') size += event.data.length;
  if (size !== MIB << 20) throw new Error(`${size} bytes came`);
}

/** Input of a command, written to its end. */
async function writeAll(sandbox, script) {
  await using handle = await sandbox.execStreamWith('sh', (exec) => exec.args(['-c', script]).stdinPipe());
  const sink = await handle.takeStdin();
  for (let index = 0; index < MIB; index++) await sink.write(block);
  await sink.close();
  if (!(await handle.wait()).success) throw new Error('the command failed');
}

async function timed(work) {
  const start = performance.now();
  await work();
  return performance.now() - start;
}

try {
  await writeOciLayout(folder, buildTestImage({ layers: [await busyboxLayer()] }), reference);
  await Image.importLayout(folder, { reference });
  const sandbox = await Sandbox.builder('bench').image(reference).cpus(1).pullPolicy('never').create();
  // Text, as programs print it: of each zero byte the log makes six.
  await sandbox.shell(
    `yes 'a line of output, as long as programs print them' | head -c ${MIB << 20} > /tmp/blob`,
  );
  await using client = await AgentClient.connect(SandboxAgent.socketPath('bench'));
  const rows = [];
  const add = (title, figure, against, goal) => rows.push([title, figure, against, goal]);

  const [echo, exec] = await alternate(
    rounds,
    () => client.request('core.ping', {}),
    () => execOn(client, { cmd: '/bin/true' }),
  );
  const ratio = median(exec) / median(echo);
  add(
    'exec of `true`, connection open / bare echo',
    `${median(exec).toFixed(1)} ms`,
    `${median(echo).toFixed(1)} ms, ratio ${ratio.toFixed(2)}`,
    '<= 3',
  );
  // What the guest itself takes for the start and the end of a program, by its own shell.
  const STARTS = 200;
  const starts = `i=0; while [ $i -lt ${STARTS} ]; do /bin/true; i=$((i + 1)); done`;
  const [own, empty] = await alternate(
    5,
    () => sandbox.shell(starts),
    () => sandbox.shell(starts.replace('/bin/true;', ':;')),
  );
  const guest = (median(own) - median(empty)) / STARTS;
  const rest = median(exec) - median(echo) - guest;
  add(
    'of that, the guest alone: one /bin/true of its own shell',
    `${guest.toFixed(1)} ms`,
    `left for pipes, frames and waking up ${rest.toFixed(1)} ms`,
    '-',
  );
  const [whole] = await alternate(
    rounds,
    () => sandbox.exec('true'),
    () => client.request('core.ping', {}),
  );
  add('exec of `true` through the SDK, connection of its own', `${median(whole).toFixed(1)} ms`, '-', '-');

  const rate = (times) => `${(MIB / (median(times) / 1000)).toFixed(0)} MiB/s`;
  const addBulk = (title, times, rawTimes) => {
    const against = `\`dd\` and a port ${rate(rawTimes)}, ratio ${(median(times) / median(rawTimes)).toFixed(2)}`;
    add(title, rate(times), against, '<= 1.5');
  };
  const shell = async (script) => {
    const output = await sandbox.shell(script);
    if (output.code !== 0) throw new Error(`${script}: ${output.stderr()}`);
  };
  const [out, rawOut] = await alternate(
    bulkRounds,
    () => readAll(sandbox, 'cat /tmp/blob'),
    () => Promise.all([shell(`dd if=/tmp/blob of=${RAW_PORT_DEVICE} bs=64k`), port.take(MIB << 20)]),
  );
  addBulk(`${MIB} MiB out through \`cat\``, out, rawOut);
  const [into, rawInto] = await alternate(
    bulkRounds,
    () => writeAll(sandbox, 'cat > /dev/null'),
    () =>
      Promise.all([
        shell(`dd if=${RAW_PORT_DEVICE} of=/dev/null bs=64k iflag=fullblock count=${MIB * 16}`),
        port.give(block, MIB),
      ]),
  );
  addBulk(`${MIB} MiB in through \`cat\``, into, rawInto);
  // The guest's own copy through a pipe, which is part of both.
  const [pipe] = await alternate(
    bulkRounds,
    () => shell('cat /tmp/blob | cat > /dev/null'),
    () => shell('true'),
  );
  add(`${MIB} MiB through a pipe within the guest`, rate(pipe), '-', '-');

  // Beside a program that never rests, on the guest's only processor: the agent must still have its turn.
  const latency = (times) => `${median(times).toFixed(1)} ms, worst ${Math.max(...times).toFixed(1)} ms`;
  const ask = () => client.request('core.ping', {});
  const runTrue = () => execOn(client, { cmd: '/bin/true' });
  const idle = await alternate(rounds, ask, runTrue);
  const spinning = await sandbox.execStream('sh', ['-c', 'while :; do :; done']);
  const busy = await alternate(rounds, ask, runTrue);
  await spinning.kill();
  for (const [index, what] of ['echo', 'exec of `true`'].entries()) {
    const ratio = median(busy[index]) / median(idle[index]);
    add(
      `${what} beside a program that spins`,
      latency(busy[index]),
      `idle ${latency(idle[index])}, ratio ${ratio.toFixed(2)}`,
      '-',
    );
  }

  const atOnce = await timed(() => Promise.all(Array.from({ length: AT_ONCE }, () => sandbox.exec('true'))));
  const inARow = await timed(async () => {
    for (let index = 0; index < AT_ONCE; index++) await sandbox.exec('true');
  });
  add(
    `${AT_ONCE} commands at once / in a row`,
    `${atOnce.toFixed(0)} ms`,
    `${inARow.toFixed(0)} ms, ratio ${(atOnce / inARow).toFixed(2)}`,
    '-',
  );

  console.log(`${machine()}, ${sandbox.boot.boot} boot\n`);
  console.log(table(['exec, median', 'figure', 'against', 'goal'], rows));
  await sandbox.stop();
} finally {
  await rm(folder, { recursive: true, force: true });
}
