import { type ChildProcess, spawn } from 'node:child_process';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { findProgram } from './find-program.ts';
import { freePort } from './free-port.ts';
import { mustRun } from './run-command.ts';

export interface LocalRegistryOptions {
  /** Serve HTTPS with a certificate of its own for 127.0.0.1 and localhost. */
  readonly tls?: boolean;
  /** With `tls`: require a certificate of clients; see {@link LocalRegistry.clientCert}. */
  readonly clientCertificates?: boolean;
  /** Require HTTP Basic credentials. */
  readonly auth?: { readonly username: string; readonly password: string };
}

/** A running registry: Debian's `docker-registry` on 127.0.0.1. */
export interface LocalRegistry extends AsyncDisposable {
  /** `127.0.0.1:<port>`, the registry part of references. */
  readonly host: string;
  readonly scheme: 'http' | 'https';
  /** PEM of the certificate that signed the server's, with `tls`. */
  readonly caPem: string | null;
  /** PEM of a certificate that clients may show and its key, with `clientCertificates`. */
  readonly clientCert: { readonly cert: Buffer; readonly key: Buffer } | null;
  /** Folder with the blobs, for tests that damage them. */
  readonly storage: string;
  /** Ends the process; the storage stays until the registry is disposed. */
  stop(): Promise<void>;
}

async function makeCertificate(folder: string, name = ''): Promise<void> {
  await mustRun('openssl', [
    ...['req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes', '-days', '2'],
    ...[
      '-keyout',
      join(folder, `${name}key.pem`),
      '-out',
      join(folder, `${name}cert.pem`),
      '-subj',
      '/CN=127.0.0.1',
    ],
    ...['-addext', 'subjectAltName=IP:127.0.0.1,DNS:localhost'],
  ]);
}

async function writePasswords(file: string, auth: NonNullable<LocalRegistryOptions['auth']>): Promise<void> {
  const { stdout } = await mustRun('htpasswd', ['-nbB', auth.username, auth.password]);
  await writeFile(file, stdout, { mode: 0o600 });
}

/** Whether somebody listens; a registry that wants client certificates would not answer more. */
function answers(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect({ host: '127.0.0.1', port, timeout: 1000 });
    const settle = (isOpen: boolean): void => {
      socket.destroy();
      resolve(isOpen);
    };
    socket.once('connect', () => settle(true));
    socket.once('error', () => settle(false));
    socket.once('timeout', () => settle(false));
  });
}

async function stopProcess(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const gone = new Promise<void>((resolve) => child.once('exit', () => resolve()));
  child.kill('SIGTERM');
  const killer = setTimeout(() => child.kill('SIGKILL'), 3000);
  await gone;
  clearTimeout(killer);
}

/**
 * Starts an empty registry on a free port of 127.0.0.1.
 *
 * @throws Error when docker-registry is not installed or does not answer within 15 s
 */
export async function startLocalRegistry(options: LocalRegistryOptions = {}): Promise<LocalRegistry> {
  const program = await findProgram('docker-registry');
  if (!program) throw new Error('docker-registry not found; install the package docker-registry');
  const folder = await mkdtemp(join(tmpdir(), 'msb-registry-'));
  const storage = join(folder, 'storage');
  const port = await freePort();
  const scheme = options.tls ? 'https' : 'http';
  if (options.tls) await makeCertificate(folder);
  if (options.clientCertificates) await makeCertificate(folder, 'client-');
  if (options.auth) await writePasswords(join(folder, 'htpasswd'), options.auth);
  const config = {
    version: 0.1,
    log: { level: 'error' },
    storage: { filesystem: { rootdirectory: storage }, delete: { enabled: true } },
    http: {
      addr: `127.0.0.1:${port}`,
      ...(options.tls
        ? {
            tls: {
              certificate: join(folder, 'cert.pem'),
              key: join(folder, 'key.pem'),
              ...(options.clientCertificates ? { clientcas: [join(folder, 'client-cert.pem')] } : {}),
            },
          }
        : {}),
    },
    ...(options.auth ? { auth: { htpasswd: { realm: 'test', path: join(folder, 'htpasswd') } } } : {}),
  };
  // JSON is YAML, so no YAML writer is needed
  await writeFile(join(folder, 'config.yml'), JSON.stringify(config));
  const child = spawn(program, ['serve', join(folder, 'config.yml')], { stdio: 'ignore' });
  const cleanUp = async () => {
    await stopProcess(child);
    await rm(folder, { recursive: true, force: true });
  };
  for (let tries = 0; !(await answers(port)); tries++) {
    if (tries > 150 || child.exitCode !== null) {
      await cleanUp();
      throw new Error(`docker-registry did not answer on 127.0.0.1:${port}`);
    }
    await delay(100);
  }
  return {
    host: `127.0.0.1:${port}`,
    scheme,
    caPem: options.tls ? await readFile(join(folder, 'cert.pem'), 'utf8') : null,
    clientCert: options.clientCertificates
      ? {
          cert: await readFile(join(folder, 'client-cert.pem')),
          key: await readFile(join(folder, 'client-key.pem')),
        }
      : null,
    storage,
    stop: () => stopProcess(child),
    [Symbol.asyncDispose]: cleanUp,
  };
}
