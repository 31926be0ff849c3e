// Our network against QEMU's own (`-netdev user`), in one guest with an interface of each, taking turns.
// `node bench/network.mjs [rounds] [MiB in bulk] [connections]`
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { buildTestImage, busyboxLayer, initIsolatedHome, writeOciLayout } from '@microsandbox/test-utils';
import { Image, NetworkPolicy, Sandbox } from 'microsandbox';
import { machine } from './lib/machine.mjs';
import { networkServers } from './lib/network-servers.mjs';
import { median } from './lib/statistics.mjs';
import { table } from './lib/table.mjs';

const rounds = Number(process.argv[2] ?? 5);
const mebibytes = Number(process.argv[3] ?? 64);
const connections = Number(process.argv[4] ?? 100);
const reference = 'localhost/bench';

/**
 * A QEMU with one interface more, on which the host is called 10.0.2.2. Its description is JSON like those of ours: QEMU
 * makes devices of the other form first, and this one has to be the guest's second.
 */
async function qemuWithUserNetwork(path) {
  const program =
    process.env.MSB_QEMU_PATH ?? `qemu-system-${process.arch === 'arm64' ? 'aarch64' : 'x86_64'}`;
  const device = { driver: 'virtio-net-device', netdev: 'user', mac: '02:00:00:00:00:02' };
  const more = `-netdev user,id=user -device '${JSON.stringify(device)}'`;
  // The version is asked for without a machine.
  const script = `#!/bin/sh\ncase "$*" in *-machine*) exec ${program} "$@" ${more};; *) exec ${program} "$@";; esac\n`;
  await writeFile(path, script, { mode: 0o755 });
}

/** Shell commands of the guest; each is told how the host is called there. */
const repeat = (command) => `i=0; while [ $i -lt ${connections} ]; do ${command}; i=$((i + 1)); done`;
const worksOn = (ports) => ({
  // Programs that move large pieces; busybox's nc takes a kibibyte at a time.
  'guest to host': (host) => `wget -q -O /dev/null --post-file /dev/shm/bulk http://${host}:${ports.http}/`,
  'host to guest': (host) => `wget -q -O /dev/null http://${host}:${ports.http}/large`,
  connections: (host) => repeat(`nc ${host} ${ports.greet} < /dev/null`),
  'HTTP requests': (host) => repeat(`wget -q -O /dev/null http://${host}:${ports.http}/`),
});

const folder = await mkdtemp(join(tmpdir(), 'msb-bench-'));
await using _home = await initIsolatedHome();
using servers = await networkServers(mebibytes << 20);
try {
  await qemuWithUserNetwork(join(folder, 'qemu'));
  Object.assign(process.env, { MSB_QEMU_PATH: join(folder, 'qemu'), MSB_VMM: 'qemu', MSB_WARM: 'off' });
  const image = buildTestImage({ layers: [await busyboxLayer()] });
  await writeOciLayout(folder, image, reference);
  await Image.importLayout(folder, { reference });
  const sandbox = await Sandbox.builder('bench')
    .image(reference)
    .pullPolicy('never')
    .memory(512)
    .network((network) =>
      network
        .policy(NetworkPolicy.allowAll())
        .dns((dns) => dns.nameservers([`127.0.0.1:${servers.ports.dns}`]).rebindProtection(false)),
    )
    .create();
  const sh = async (command) => {
    const output = await sandbox.exec('sh', ['-c', command]);
    if (output.code !== 0) throw new Error(`${command}: ${output.stderr()}`);
    return output.stdout();
  };
  const timed = async (command) => {
    const begin = performance.now();
    await sh(command);
    return performance.now() - begin;
  };
  await sh('ip link set eth1 up && ip address add 10.0.2.15/24 dev eth1');
  // Text: wget takes a zero for the end of what it posts.
  await sh(`yes | head -c ${mebibytes << 20} > /dev/shm/bulk`);
  const gateway = (await sh("ip route | sed -n 's/^default via \\([^ ]*\\).*/\\1/p'")).trim();
  const works = Object.entries(worksOn(servers.ports)).map(([name, command]) => ({
    name,
    ours: [],
    theirs: [],
    command,
  }));
  const lookups = [];
  for (let round = 0; round < rounds; round++) {
    for (const { ours, theirs, command } of works) {
      ours.push(await timed(command(gateway)));
      theirs.push(await timed(command('10.0.2.2')));
    }
    lookups.push(await timed(repeat(`nslookup host${round}-$i.example.com > /dev/null`)));
  }
  const speed = (ms) => `${((mebibytes * 1000) / ms).toFixed(1)} MiB/s`;
  const rate = (ms) => `${((connections * 1000) / ms).toFixed(0)}/s`;
  const rows = works.map(({ name, ours, theirs }) => {
    const [a, b] = [median(ours), median(theirs)];
    const isBulk = name.includes(' to ');
    const figure = isBulk ? speed : rate;
    const added = `${((a - b) / connections).toFixed(2)} ms each`;
    const goal = isBulk ? '>= 1.5' : name.startsWith('HTTP') ? '<= 3 ms more' : '';
    return [name, figure(a), figure(b), (b / a).toFixed(2), isBulk ? '' : added, goal];
  });
  rows.push(['DNS look-ups (A and AAAA)', rate(median(lookups)), '', '', '', '']);
  console.log(machine());
  console.log(`${rounds} rounds, medians; a program of its own for each connection, request and look-up`);
  console.log(table(['', 'ours', '-netdev user', 'ratio', 'added', 'goal'], rows));
  await sandbox.stop();
} finally {
  await rm(folder, { recursive: true, force: true });
}
