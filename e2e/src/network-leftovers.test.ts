import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type BusyboxHome, startBusyboxHome } from './support/busybox-home.ts';
import { consumer, msb } from './support/consumer.ts';
import { processesNaming } from './support/leftovers.ts';
import { type Netns, netnsObstacle, PEER, startNetns, type TextResult } from './support/netns.ts';

const obstacle = netnsObstacle();
if (obstacle !== null) console.log(`skipped: ${obstacle}`);

const NAME = `leaving-${process.pid}`;

let made: BusyboxHome;
let net: Netns;

const here = (...args: string[]): Promise<TextResult> =>
  net.run(join(consumer, 'node_modules/.bin/msb'), args);

const processes = () => processesNaming(`microsandbox ${NAME}`);
const monitor = () => processesNaming(`${made.home.path}/sandboxes/${NAME}/upper.ext4`);

/** Sockets of the host that belong to a process, one a line. */
async function sockets(...flags: string[]): Promise<string[]> {
  const { stdout } = await net.run('ss', ['-Htunp', ...flags]);
  return stdout.split('\n').filter((line) => line.includes('users:'));
}

/** Interfaces and routes, of both families. */
async function routes(): Promise<string> {
  const asked = [
    ['-o', 'link'],
    ['route', 'show', 'table', 'all'],
    ['-6', 'route', 'show', 'table', 'all'],
  ];
  const answers = await Promise.all(asked.map((args) => net.run('ip', args)));
  return answers.map(({ stdout }) => stdout).join('\n');
}

async function killAll(pids: Promise<number[]>): Promise<void> {
  for (const pid of await pids) {
    try {
      process.kill(pid, 'SIGKILL');
    } catch {
      // Its parent took it along.
    }
  }
}

/** How sandboxes end. */
const ENDS: Readonly<Record<string, () => Promise<unknown>>> = {
  'is stopped': () => here('stop', NAME),
  'is killed': () => here('kill', NAME),
  'is removed': () => here('rm', '--force', NAME),
  'has a guest that panics': () =>
    here('exec', NAME, '--', 'sh', '-c', 'echo 2 > /proc/sys/vm/panic_on_oom && tail /dev/zero'),
  'loses its monitor': () => killAll(monitor()),
  'loses all its processes': () => killAll(processes()),
  'loses the process that keeps it': async () => {
    const [guest] = await monitor();
    await killAll(processes().then((pids) => pids.filter((pid) => pid !== guest)));
  },
};

describe.skipIf(obstacle)('a sandbox with a network', () => {
  beforeAll(async () => {
    made = await startBusyboxHome();
    net = await startNetns();
    // The registry is on the other network.
    expect(await msb(['pull', made.reference])).toMatchObject({ code: 0 });
  });

  afterAll(async () => {
    await here('rm', '--force', NAME);
    await net?.[Symbol.asyncDispose]();
    await made?.[Symbol.asyncDispose]();
  });

  it.each(Object.entries(ENDS))(
    'leaves no listener, connection, route or process when it %s',
    async (_how, end) => {
      await here('rm', '--force', NAME);
      const before = await routes();
      expect(before).toContain('default via');
      const ports = ['-p', '0:8080', '-p', '0:9090/udp'];
      expect(await here('create', '--name', NAME, ...ports, made.reference)).toMatchObject({ code: 0 });
      // Neither side says anything, or ends.
      const talk = `sleep 600 | nc ${PEER.public} 81`;
      expect(await here('exec', '-d', NAME, '--', 'sh', '-c', talk)).toMatchObject({ code: 0 });
      await expect.poll(() => sockets('state', 'established'), { timeout: 30_000 }).toHaveLength(1);
      expect(await sockets('-l')).toHaveLength(2);
      expect(await processes()).toHaveLength(2);

      await end();
      await expect.poll(processes, { timeout: 30_000 }).toEqual([]);
      expect(await sockets('-a')).toEqual([]);
      expect(await routes()).toBe(before);
    },
  );
});
