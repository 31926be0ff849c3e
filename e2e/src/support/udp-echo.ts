import { createSocket } from 'node:dgram';
import { once } from 'node:events';

/** Ports of the peer's UDP echo, in both families. */
export const ECHO_PORTS = { quic: 443, other: 1007 } as const;

/** File in the peer's folder with the first bytes of every datagram that it was sent. */
export const ECHO_FILE = 'udp.received';

/** Sends everything back in capital letters. */
export async function startUdpEcho(
  addresses: readonly string[],
  record: (bytes: Buffer) => void,
): Promise<void> {
  const ends = addresses.flatMap((address) => Object.values(ECHO_PORTS).map((port) => ({ address, port })));
  await Promise.all(
    ends.map(({ address, port }) => {
      const socket = createSocket(address.includes(':') ? 'udp6' : 'udp4', (datagram, from) => {
        record(datagram.subarray(0, 100));
        socket.send(datagram.toString('latin1').toUpperCase(), from.port, from.address);
      });
      socket.bind(port, address);
      return once(socket, 'listening');
    }),
  );
}
