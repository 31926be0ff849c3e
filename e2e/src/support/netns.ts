import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { type CommandOptions, mustRun, runCommand } from '@microsandbox/test-utils';

/** Addresses of the peer, one of each kind that policies tell apart. */
export const PEER = {
  public: '93.184.216.34',
  publicV6: '2606:2800:220:1::34',
  private: '10.99.0.1',
  metadata: '169.254.169.254',
  nameserver: '93.184.216.53',
} as const;

/** How a program ended, and what it wrote. */
export interface TextResult {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** A host of its own and another one behind its default route: no packet leaves either. */
export interface Netns extends AsyncDisposable {
  /** Name of the namespace that the peer's servers are in. */
  readonly peer: string;
  /** Runs a program on the host. */
  run(program: string, args: readonly string[], options?: CommandOptions): Promise<TextResult>;
}

/** Why no network namespace can be made here, or null. */
export function netnsObstacle(): string | null {
  if (process.getuid?.() !== 0) return 'network namespaces need root';
  const probe = `msb-probe-${process.pid}`;
  const made = spawnSync('ip', ['netns', 'add', probe], { timeout: 10_000 });
  if (made.status !== 0) return 'ip netns does not work here';
  spawnSync('ip', ['netns', 'delete', probe], { timeout: 10_000 });
  return null;
}

/** Why a way of delaying, limiting or losing packets (`tc-netem(8)`, `tc-tbf(8)`) cannot be had here, or null. */
export function queueObstacle([kind, ...options]: readonly [string, ...string[]]): string | null {
  const obstacle = netnsObstacle();
  if (obstacle !== null) return obstacle;
  const name = `msb-queue-${process.pid}`;
  const ip = (...args: string[]) => spawnSync('ip', args, { timeout: 10_000 }).status === 0;
  ip('netns', 'add', name);
  const queue = ['tc', 'qdisc', 'add', 'dev', 'lo', 'root', kind, ...options];
  const isKnown = ip('netns', 'exec', name, ...queue);
  ip('netns', 'delete', name);
  return isKnown ? null : `the kernel has no sch_${kind}`;
}

/** What stands at the other end. */
export interface PeerOptions {
  /** Prints a line when its servers listen. */
  readonly script: URL;
  readonly args: readonly string[];
  /** Of the peer, beyond those of {@link PEER}. */
  readonly addresses: readonly string[];
}

/** Makes both hosts, and starts the peer's servers. */
export async function startNetns(options: Partial<PeerOptions> = {}): Promise<Netns> {
  const { script = new URL('network-peer.ts', import.meta.url), args = [], addresses = [] } = options;
  const host = `msb-host-${process.pid}`;
  const peer = `msb-peer-${process.pid}`;
  const ip = (...args: string[]) => mustRun('ip', args);
  const both = [host, peer];
  for (const name of both) await ip('netns', 'add', name);
  await ip('-n', host, 'link', 'add', 'up0', 'type', 'veth', 'peer', 'name', 'up0', 'netns', peer);
  // No link-local address that comes some time later; below they get theirs.
  for (const name of both) await ip('-n', name, 'link', 'set', 'up0', 'addrgenmode', 'none');
  for (const name of both) for (const link of ['lo', 'up0']) await ip('-n', name, 'link', 'set', link, 'up');
  await ip('-n', host, 'address', 'add', '192.168.77.1/30', 'dev', 'up0');
  await ip('-n', peer, 'address', 'add', '192.168.77.2/30', 'dev', 'up0');
  // Without a link-local address the kernel cannot ask whether a neighbour is still there, and after half a minute
  // nothing goes to it from addresses of other links.
  for (const [index, name] of both.entries()) {
    for (const network of ['fd77', 'fe80']) {
      const address = `${network}::${index + 1}/64`;
      await ip('-n', name, '-6', 'address', 'add', address, 'dev', 'up0', 'nodad');
    }
  }
  for (const address of [...Object.values(PEER), ...addresses]) {
    await ip('-n', peer, 'address', 'add', address, 'dev', 'lo', ...(address.includes(':') ? ['nodad'] : []));
  }
  // Whoever may ping: of namespaces, nobody may at first.
  await ip('netns', 'exec', host, 'sysctl', '-qw', 'net.ipv4.ping_group_range=0 2147483647');
  await ip('-n', host, 'route', 'add', 'default', 'via', '192.168.77.2');
  await ip('-n', host, '-6', 'route', 'add', 'default', 'via', 'fd77::2');
  const server = await startPeer(peer, script, args);
  return {
    peer,
    run: async (program, args, options = {}) => {
      const inside = ['netns', 'exec', host, program, ...args];
      const { code, stdout, stderr } = await runCommand('ip', inside, { timeoutMs: 120_000, ...options });
      return { code, stdout: stdout.toString(), stderr };
    },
    async [Symbol.asyncDispose]() {
      server.kill();
      await once(server, 'exit');
      for (const name of both) await ip('netns', 'delete', name);
    },
  };
}

async function startPeer(namespace: string, script: URL, args: readonly string[]): Promise<ChildProcess> {
  const program = [process.execPath, fileURLToPath(script), ...args];
  const server = spawn('ip', ['netns', 'exec', namespace, ...program], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const lines = createInterface({ input: server.stdout });
  await Promise.race([
    once(lines, 'line'),
    once(server, 'exit').then(() => {
      throw new Error('the peer did not start');
    }),
  ]);
  return server;
}
