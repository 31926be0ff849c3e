import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { createServer, type Socket } from 'node:net';

/** What a server does with a connection, by the port that it listens on. */
export const ODD_PORTS = {
  /** Says a word, closes its half, and answers nothing to what still comes; then it knows how much that was. */
  halfClose: 1001,
  /** Reads a little and resets. */
  reset: 1002,
  /** Reads nothing for two seconds; then everything, and answers with its SHA-256. */
  stall: 1003,
  /** Sends three bytes, one a second. */
  slow: 1004,
  /** Tells how many bytes `halfClose` was sent after it had closed. */
  told: 1005,
  /** Accepts and closes at once. */
  short: 1006,
} as const;

let told = 0;

const BEHAVIOURS: Readonly<Record<keyof typeof ODD_PORTS, (socket: Socket) => unknown>> = {
  halfClose(socket) {
    told = 0;
    socket.end('closed\n');
    socket.on('data', (bytes: Buffer) => {
      told += bytes.length;
    });
  },
  reset(socket) {
    socket.once('data', () => socket.resetAndDestroy());
  },
  stall(socket) {
    const hash = createHash('sha256');
    setTimeout(() => socket.on('data', (bytes: Buffer) => hash.update(bytes)), 2000);
    socket.on('end', () => socket.end(hash.digest('hex')));
  },
  slow(socket) {
    const bytes = [...'hi\n'];
    const timer = setInterval(() => {
      const next = bytes.shift();
      if (next === undefined) socket.end();
      else socket.write(next);
    }, 1000);
    socket.on('close', () => clearInterval(timer));
    socket.resume();
  },
  told(socket) {
    socket.end(String(told));
    socket.resume();
  },
  short(socket) {
    socket.end();
    socket.resume();
  },
};

/** Listens on all of {@link ODD_PORTS}. */
export async function startOddServers(address: string): Promise<void> {
  const names = Object.keys(ODD_PORTS) as (keyof typeof ODD_PORTS)[];
  await Promise.all(
    names.map((name) => {
      const server = createServer({ allowHalfOpen: true }, (socket) => {
        socket.on('error', () => {});
        BEHAVIOURS[name](socket);
      });
      return once(server.listen(ODD_PORTS[name], address, 512), 'listening');
    }),
  );
}
