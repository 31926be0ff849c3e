import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline/promises';

const HOLDER = `import fcntl, os, signal, sys
signal.signal(signal.SIGIO, signal.SIG_IGN)
file = os.open(sys.argv[1], os.O_RDWR)
fcntl.fcntl(file, fcntl.F_SETLEASE, fcntl.F_WRLCK)
print('held', flush=True)
sys.stdin.read()`;

/**
 * Takes a lease on a file (`F_SETLEASE` in fcntl(2)): who opens it waits until it is given back, 45 s at most, as on a
 * network mount whose server is gone.
 *
 * @returns what gives it back, or why there can be none here
 */
export async function holdLease(path: string): Promise<{ release(): Promise<void> } | string> {
  const holder = spawn('python3', ['-c', HOLDER, path], { stdio: ['pipe', 'pipe', 'ignore'] });
  const ended = new Promise<void>((resolve) => {
    holder.on('error', () => resolve());
    holder.on('close', () => resolve());
  });
  const lines = createInterface({ input: holder.stdout });
  const first = await Promise.race([once(lines, 'line').then(([line]) => line), ended]);
  if (first !== 'held') return 'no python3, or no leases on this file system';
  return {
    release: async () => {
      holder.stdin.end();
      await ended;
    },
  };
}
