// TLS interception, secrets included, against a plain TLS proxy of Node on the same machine: bulk data both ways, and
// new connections. Client, server and proxies are processes of their own. Prints one table.
// `node bench/tls.mjs [rounds] [MiB]`
import { fork } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { request } from 'node:https';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { addon } from '@microsandbox/native';
import { machine } from './lib/machine.mjs';
import { alternate, median } from './lib/statistics.mjs';
import { table } from './lib/table.mjs';

const rounds = Number(process.argv[2] ?? 10);
const mib = Number(process.argv[3] ?? 256);
const CONNECTIONS = 50;
const HOST = 'api.example.com';

const folder = await mkdtemp(join(tmpdir(), 'msb-bench-tls-'));
const authority = await addon().generateCertificateAuthority();
await writeFile(join(folder, 'ca.pem'), authority.certificatePem);
await writeFile(join(folder, 'ca.key'), authority.keyPem, { mode: 0o600 });

const children = [];
async function start(role, serverPort = '') {
  const script = new URL('./lib/tls-peer.mjs', import.meta.url).pathname;
  const child = fork(script, [role, folder, serverPort], { stdio: ['ignore', 'pipe', 'inherit', 'ipc'] });
  children.push(child);
  return { child, port: String(await once(child.stdout, 'data')).trim() };
}

/** Processor time of a process so far, in milliseconds. */
async function spent({ child }) {
  child.send('cpu');
  return (await once(child, 'message'))[0];
}

const server = await start('server');
const [ours, plain] = [await start('ours', server.port), await start('plain', server.port)];

/** One request on a connection of its own; resolves when the response has ended. */
function ask(port, path, bodyMib = 0) {
  return new Promise((resolve, reject) => {
    const call = request(
      {
        host: '127.0.0.1',
        port,
        path,
        method: bodyMib > 0 ? 'POST' : 'GET',
        servername: HOST,
        ca: authority.certificatePem,
        agent: false,
        headers: { host: HOST, 'x-key': '$MSB_K', ...(bodyMib > 0 && { 'content-length': bodyMib << 20 }) },
      },
      (response) => response.resume().on('end', resolve).on('error', reject),
    );
    call.on('error', reject);
    const chunk = Buffer.alloc(64 * 1024, 0x62);
    let left = (bodyMib << 20) / chunk.length;
    const more = () => {
      while (left > 0) {
        left -= 1;
        if (!call.write(chunk)) return;
      }
      call.end();
    };
    call.on('drain', more);
    more();
  });
}

async function many(port) {
  for (let count = 0; count < CONNECTIONS; count += 1) await ask(port, '/0');
}

const works = [
  ['download', (port) => ask(port, `/${mib}`), (ms) => `${((mib / ms) * 1000).toFixed(0)} MiB/s`, '0.9'],
  ['upload', (port) => ask(port, '/0', mib), (ms) => `${((mib / ms) * 1000).toFixed(0)} MiB/s`, '0.9'],
  ['new connections, one after the other', many, (ms) => `${((CONNECTIONS / ms) * 1000).toFixed(0)}/s`, '-'],
];

try {
  const rows = [];
  for (const [name, work, figure, goal] of works) {
    await work(ours.port);
    await work(plain.port);
    const before = [await spent(ours), await spent(plain)];
    const [mine, theirs] = await alternate(
      rounds,
      () => work(ours.port),
      () => work(plain.port),
    );
    const [myTime, theirTime] = [(await spent(ours)) - before[0], (await spent(plain)) - before[1]];
    const ratio = (median(theirs) / median(mine)).toFixed(2);
    rows.push([
      name,
      figure(median(mine)),
      figure(median(theirs)),
      ratio,
      goal,
      (myTime / theirTime).toFixed(2),
    ]);
  }
  console.log(`${machine()}, ${rounds} rounds of ${mib} MiB, taking turns\n`);
  console.log(
    table(
      ['TLS interception', 'ours', 'plain Node proxy', 'ratio of speeds', 'goal', 'ratio of processor time'],
      rows,
    ),
  );
} finally {
  for (const child of children) child.kill();
  await rm(folder, { recursive: true });
}
