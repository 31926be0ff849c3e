import { once } from 'node:events';
import { closeSync } from 'node:fs';
import { Socket } from 'node:net';
import { addon } from '@microsandbox/native';
import { describe, expect, it } from 'vitest';
import { ReceivingSocket } from './receiving-socket.ts';

function pair(): { readonly socket: ReceivingSocket; readonly peer: Socket } {
  const [ours, theirs] = addon().socketPair();
  return { socket: new ReceivingSocket(ours), peer: new Socket({ fd: theirs }) };
}

describe('ReceivingSocket', () => {
  it('reads to where its receiver says, also what came before there was one', async () => {
    const { socket, peer } = pair();
    const sent = Buffer.from(Array.from({ length: 100_000 }, (_, index) => index % 251));
    peer.write(sent.subarray(0, 10));
    await new Promise(setImmediate);
    const memory = Buffer.alloc(sent.length + 1);
    let end = 0;
    let read = Buffer.alloc(0);
    const all = new Promise<void>((resolve) => {
      socket.receiveWith({
        room: () => memory.subarray(end),
        receive: (bytes) => {
          // The first bytes were read before this receiver was known.
          if (bytes.buffer === memory.buffer) expect(bytes.byteOffset).toBe(memory.byteOffset + end);
          read = Buffer.concat([read, bytes]);
          end += bytes.length;
          if (read.length === sent.length) resolve();
        },
      });
    });
    peer.write(sent.subarray(10));
    await all;
    expect(read.equals(sent)).toBe(true);
    expect(end).toBe(sent.length);
    const closed = once(socket, 'close');
    peer.destroy();
    await closed;
  });

  it('writes while it reads, and stops reading when told to', async () => {
    const { socket, peer } = pair();
    const memory = Buffer.alloc(64);
    const received: string[] = [];
    socket.receiveWith({
      room: () => memory,
      receive: (bytes) => {
        received.push(bytes.toString());
        socket.pause();
      },
    });
    peer.write('one');
    const [echo] = await Promise.all([once(peer, 'data'), Promise.resolve(socket.write('answer'))]);
    expect(String(echo[0])).toBe('answer');
    while (received.length < 2 && !socket.isPaused()) await new Promise(setImmediate);
    peer.write('two');
    await new Promise((resolve) => setTimeout(resolve, 20));
    expect(received.join('')).toBe('o');
    while (received.join('') !== 'onetwo') {
      socket.resume();
      await new Promise(setImmediate);
    }
    socket.destroy();
    peer.destroy();
  });

  it('closes when its peer does', async () => {
    const [ours, theirs] = addon().socketPair();
    const socket = new ReceivingSocket(ours);
    const closed = once(socket, 'close');
    socket.receiveWith({ room: () => Buffer.alloc(8), receive: () => {} });
    closeSync(theirs);
    await closed;
  });
});
