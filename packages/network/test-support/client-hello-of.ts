import { Duplex } from 'node:stream';
import { connect, TLSSocket } from 'node:tls';
import { expect } from 'vitest';

/** The bytes with which Node begins a TLS connection; an empty name is not sent. */
export async function clientHelloOf(servername: string): Promise<Buffer> {
  return await new Promise((resolve) => {
    const pipe = new Duplex({
      read() {},
      write(chunk: Buffer) {
        resolve(chunk);
      },
    });
    const socket = connect({ socket: pipe, ...(servername !== '' && { servername }) });
    expect(socket).toBeInstanceOf(TLSSocket);
    socket.on('error', () => {});
  });
}
