import { once } from 'node:events';
import { writeFileSync } from 'node:fs';
import { type AddressInfo, createServer as createTcpServer, type Server, type Socket } from 'node:net';
import { join } from 'node:path';
import { addon, type CertificatePair, type NetworkStack, type StreamOpened } from '@microsandbox/native';
import { onTestFinished } from 'vitest';
import type { TlsConfig } from '../src/config/network-config.ts';
import { completeNetworkConfig } from '../src/config/network-settings.ts';
import type { SecretEntry, SecretsConfig } from '../src/config/secret-config.ts';
import type { ConnectionEvent } from '../src/connections/connection-event.ts';
import { ConnectionServer, type ConnectionServerOptions } from '../src/connections/connection-server.ts';
import { LiveSecrets } from '../src/secrets/live-secrets.ts';
import { TlsInterception } from '../src/tls/tls-interception.ts';
import { listenAsGuest } from './guest-listener.ts';
import { tempDir } from './temp-dir.ts';

export const HOST = 'api.example.com';
export const VALUE = 's3cr3t-value-0123456789';
/** The gateway's address, behind which is the loopback interface with the tests' servers. */
export const GATEWAY = '172.16.0.1';

export function secretFor(values: Partial<SecretEntry> = {}): SecretEntry {
  return {
    env_var: 'K',
    value: VALUE,
    placeholder: '$MSB_K',
    allowed_hosts: [{ exact: HOST }],
    injection: { headers: true, basic_auth: true, query_params: true, body: true },
    require_tls_identity: true,
    ...values,
  };
}

export interface ServingOptions {
  readonly secrets?: readonly SecretEntry[];
  readonly onViolation?: SecretsConfig['on_violation'];
  readonly tls?: Partial<TlsConfig> | null;
  /** Names that led to the address; the server's by default. */
  readonly names?: readonly string[];
  readonly evaluate?: NetworkStack['evaluate'];
  readonly dns?: ConnectionServerOptions['dns'];
}

/** A server of connections, and what it told. */
export interface Serving {
  readonly server: ConnectionServer;
  readonly live: LiveSecrets;
  readonly events: ConnectionEvent[];
  readonly inserted: unknown[];
  /** How often the sandbox was to stop. */
  readonly terminations: { count: number };
  /** What guests trust. */
  readonly guestCa: string;
  /** Who signs the servers of the test. */
  readonly upstreamCa: CertificatePair;
  /** Port whose clients are a guest that wants to this port of the host. */
  guestOf(kind: StreamOpened['kind'], port: number): Promise<number>;
  /** Certificate of a server of the test. */
  certificateOf(name: string): Promise<{ readonly cert: string; readonly key: string }>;
}

const ALLOW: NetworkStack['evaluate'] = () => ({
  action: 'allow',
  reason: { decidedBy: 'default', rule: null },
  allowRule: null,
});

export async function startServing(options: ServingOptions = {}): Promise<Serving> {
  const dir = tempDir();
  const upstreamCa = await addon().generateCertificateAuthority();
  writeFileSync(join(dir, 'upstream.pem'), upstreamCa.certificatePem);
  const tls =
    options.tls === null
      ? null
      : await TlsInterception.load({
          config: {
            ...completeNetworkConfig({}).tls,
            enabled: true,
            upstream_ca_cert: [join(dir, 'upstream.pem')],
            ...options.tls,
          },
          tlsDir: join(dir, 'tls'),
          onWarning: (message) => {
            throw new Error(message);
          },
        });
  const events: ConnectionEvent[] = [];
  const inserted: unknown[] = [];
  const terminations = { count: 0 };
  const live = new LiveSecrets({
    secrets: options.secrets ?? [secretFor()],
    on_violation: options.onViolation ?? 'block-and-log',
  });
  const server = new ConnectionServer({
    stack: {
      evaluate: options.evaluate ?? ALLOW,
      hostnamesOf: () => [...(options.names ?? [HOST])],
      insertHostnames: (inserts) => inserted.push(...inserts),
    },
    tls,
    dns: options.dns ?? { resolve: async () => null },
    gateways: new Set([GATEWAY]),
    secrets: live,
    onEvent: (event) => events.push(event),
    onTerminate: () => {
      terminations.count += 1;
    },
  });
  onTestFinished(async () => {
    await server[Symbol.asyncDispose]();
    // Whatever a test was about: nothing that was told holds a value.
    if (JSON.stringify(events).includes(VALUE)) throw new Error('an event holds the value of a secret');
  });
  return {
    server,
    live,
    events,
    inserted,
    terminations,
    upstreamCa,
    guestCa: tls?.authorityPem ?? '',
    guestOf: (kind, port) =>
      listenAsGuest({
        kind,
        destination: { address: GATEWAY, port },
        serve: (opened, stream) => server.serve(opened, stream),
      }),
    async certificateOf(name) {
      const pair = await addon().issueCertificate({ authority: upstreamCa, name, validityHours: 1 });
      return { cert: pair.certificatePem, key: pair.keyPem };
    },
  };
}

/** Listens on loopback until the test ends. @returns the port */
export async function listen(server: Server): Promise<number> {
  const sockets = new Set<Socket>();
  server.on('connection', (socket: Socket) => {
    sockets.add(socket);
    socket.on('error', () => {});
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  onTestFinished(() => {
    for (const socket of sockets) socket.destroy();
    server.close();
  });
  return (server.address() as AddressInfo).port;
}

/** A TCP server. @returns its port */
export function listenTcp(onConnection: (socket: Socket) => void): Promise<number> {
  return listen(createTcpServer({ allowHalfOpen: true }, onConnection));
}
