import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, writeFile } from 'node:fs/promises';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { mustRun } from '@microsandbox/test-utils';

export interface SshServerOptions {
  /** Network namespace to listen in. */
  readonly namespace: string;
  readonly address: string;
  /** Home of who logs in; it is made. */
  readonly home: string;
  /** Public key of who may log in. */
  readonly publicKey: string;
}

/** Dropbear on port 22. */
export interface SshServer extends AsyncDisposable {
  /** Its public key, as it stands in `known_hosts` behind the name. */
  readonly hostKey: string;
}

/**
 * Starts a server that lets root in, by key only. It looks for keys in root's home, so it sees another one there: `ip
 * netns exec` gives it mounts of its own.
 */
export async function startSshServer(options: SshServerOptions): Promise<SshServer> {
  const { namespace, address, home, publicKey } = options;
  const key = join(home, 'host_key');
  await mkdir(join(home, '.ssh'), { recursive: true, mode: 0o700 });
  await writeFile(join(home, '.ssh/authorized_keys'), publicKey, { mode: 0o600 });
  const made = await mustRun('dropbearkey', ['-t', 'ed25519', '-f', key]);
  const [hostKey] = /^ssh-ed25519 \S+/m.exec(made.stdout.toString()) ?? [];
  if (hostKey === undefined) throw new Error('dropbearkey printed no key');

  const script = `mount --bind "$0" "$1" && exec dropbear -F -E -s -r "$2" -p "$3:22" -P ''`;
  const args = ['netns', 'exec', namespace, 'sh', '-c', script, home, homedir(), key, address];
  const server = spawn('ip', args, { stdio: ['ignore', 'ignore', 'pipe'] });
  const exited = once(server, 'exit');
  const lines: string[] = [];
  await new Promise<void>((listens, fail) => {
    server.once('error', fail);
    createInterface({ input: server.stderr }).on('line', (line) => {
      lines.push(line);
      if (line.includes('Not backgrounding')) listens();
    });
    exited.then(() => fail(new Error(`the ssh server ended: ${lines.join('\n')}`)));
  });
  return {
    hostKey,
    async [Symbol.asyncDispose]() {
      server.kill();
      await exited;
    },
  };
}
