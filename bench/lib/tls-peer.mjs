// One side of the bench of TLS interception, in a process of its own; prints its port.
// `node bench/lib/tls-peer.mjs server|plain|ours <folder with ca.pem and ca.key> [port of the server]`
import { readFileSync } from 'node:fs';
import { createServer as createHttpsServer } from 'node:https';
import { createServer as createTcpServer } from 'node:net';
import { join } from 'node:path';
import { pipeline } from 'node:stream';
import { createServer as createTlsServer, connect as tlsConnect } from 'node:tls';
import { addon } from '@microsandbox/native';
import {
  ConnectionServer,
  completeNetworkConfig,
  LiveSecrets,
  StackStream,
  TlsInterception,
} from '@microsandbox/network';

const [role, folder, serverPort] = process.argv.slice(2);
const HOST = 'api.example.com';
const GATEWAY = '172.16.0.1';
const caPath = join(folder, 'ca.pem');
const authority = {
  certificatePem: readFileSync(caPath, 'utf8'),
  keyPem: readFileSync(join(folder, 'ca.key'), 'utf8'),
};

async function certificate() {
  const { certificatePem, keyPem } = await addon().issueCertificate({
    authority,
    name: HOST,
    validityHours: 1,
  });
  return { cert: certificatePem, key: keyPem };
}

/**
 * A stream of the network stack, for which an accepted connection's descriptor stands in: either is a socket from which
 * the guest's bytes are read. The connection itself stays paused, and kept, so that nobody else looks at the descriptor.
 */
const accepted = new Set();
function streamOf(socket) {
  accepted.add(socket);
  const stack = { close: () => {}, reset: () => {}, splice: () => {} };
  return new StackStream(stack, { stream: 1, fd: socket._handle.fd });
}

const roles = {
  /** `GET /<MiB>` sends that much; `POST` reads everything. */
  async server() {
    const chunk = Buffer.alloc(64 * 1024, 0x61);
    return createHttpsServer(await certificate(), (request, response) => {
      let left = (Number(request.url.slice(1)) << 20) / chunk.length;
      const more = () => {
        while (left > 0) {
          left -= 1;
          if (!response.write(chunk)) return;
        }
        response.end();
      };
      request.resume().on('end', more);
      response.on('drain', more);
    });
  },
  /** What Node itself does: terminate, connect, pipe. */
  async plain() {
    return createTlsServer(await certificate(), (guest) => {
      const server = tlsConnect({ port: Number(serverPort), servername: HOST, ca: authority.certificatePem });
      pipeline(guest, server, guest, () => {});
    });
  },
  async ours() {
    const tls = await TlsInterception.load({
      config: {
        ...completeNetworkConfig({}).tls,
        upstream_ca_cert: [caPath],
        intercept_ca: { cert_path: caPath, key_path: join(folder, 'ca.key') },
      },
      tlsDir: folder,
      onWarning: console.error,
    });
    const secret = {
      env_var: 'K',
      value: 'a real value',
      placeholder: '$MSB_K',
      allowed_hosts: [{ exact: HOST }],
      injection: { headers: true, basic_auth: true, query_params: false, body: false },
      require_tls_identity: true,
    };
    const server = new ConnectionServer({
      stack: { evaluate: () => ({ action: 'allow' }), hostnamesOf: () => [HOST], insertHostnames: () => {} },
      tls,
      dns: { resolve: async () => null },
      gateways: new Set([GATEWAY]),
      secrets: new LiveSecrets({ secrets: [secret], on_violation: 'block' }),
      onEvent: (event) => console.error(event),
      onTerminate: () => {},
    });
    const destination = { address: GATEWAY, port: Number(serverPort) };
    return createTcpServer({ pauseOnConnect: true, noDelay: true }, (socket) => {
      const opened = {
        type: 'stream',
        stream: 1,
        kind: 'tls',
        source: destination,
        destination,
        serverName: HOST,
      };
      server.serve(opened, streamOf(socket));
    });
  },
};

const server = await roles[role]();
server.listen(0, '127.0.0.1', () => console.log(server.address().port));
process.on('message', () => {
  const { user, system } = process.cpuUsage();
  process.send((user + system) / 1000);
});
process.on('disconnect', () => process.exit());
