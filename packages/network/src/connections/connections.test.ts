import { once } from 'node:events';
import { type AddressInfo, createServer } from 'node:net';
import { PassThrough } from 'node:stream';
import { createSecureContext } from 'node:tls';
import { describe, expect, it, onTestFinished } from 'vitest';
import { GATEWAY, listenTcp } from '../../test-support/serving.ts';
import { acceptTls, GuestHandshakeError } from './accept-tls.ts';
import { dial } from './dial.ts';
import { peek } from './peek.ts';
import { pump } from './pump.ts';

const never = new AbortController().signal;
const gateways = new Set([GATEWAY, 'fd42:6d73:62::1']);

describe('dialling', () => {
  it('finds the host behind its gateway, in either family', async () => {
    const port = await listenTcp((socket) => void socket.end());
    for (const address of gateways) {
      const socket = await dial({ address, port }, { gateways, signal: never });
      expect(socket.remoteAddress).toBe('127.0.0.1');
      socket.destroy();
    }
    const direct = await dial({ address: '127.0.0.1', port }, { gateways, signal: never });
    direct.destroy();
  });

  it('says that nobody is there', async () => {
    const server = createServer().listen(0, '127.0.0.1');
    await once(server, 'listening');
    const { port } = server.address() as AddressInfo;
    await new Promise((resolve) => server.close(resolve));
    const failing = dial({ address: GATEWAY, port }, { gateways, signal: never });
    await expect(failing).rejects.toMatchObject({ code: expect.stringMatching(/^E/) });
  });

  it('is given up with the guest', async () => {
    const gone = new AbortController();
    gone.abort(new Error('gone'));
    await expect(dial({ address: '127.0.0.1', port: 1 }, { gateways, signal: gone.signal })).rejects.toThrow(
      'gone',
    );
  });
});

describe('looking at first bytes', () => {
  const options = { limitBytes: 8, timeoutMs: 5000, isEnough: (bytes: Buffer) => bytes.includes('\n') };

  it('ends when they are enough, too many, too late, or the last', async () => {
    const enough = new PassThrough();
    enough.write('ab');
    setImmediate(() => enough.write('c\n'));
    expect((await peek(enough, options)).toString()).toBe('abc\n');
    enough.end('rest');
    const rest: unknown[] = [];
    for await (const chunk of enough) rest.push(chunk);
    expect(String(rest)).toBe('rest');
    const long = new PassThrough();
    long.write('0123456789');
    expect((await peek(long, options)).toString()).toBe('0123456789');
    const slow = new PassThrough();
    slow.write('x');
    expect((await peek(slow, { ...options, timeoutMs: 30 })).toString()).toBe('x');
    const over = new PassThrough();
    over.end('x');
    expect((await peek(over, options)).toString()).toBe('x');
    expect((await peek(over, options)).toString()).toBe('');
  });

  it('fails with the stream', async () => {
    const stream = new PassThrough();
    const looking = peek(stream, options);
    stream.destroy();
    await expect(looking).rejects.toThrow('closed');
    await expect(peek(stream, options)).rejects.toThrow('closed');
  });
});

describe('moving bytes', () => {
  it('ends the other side with what was held back', async () => {
    const [from, to] = [new PassThrough(), new PassThrough()];
    const moving = pump(
      from,
      to,
      (chunk) => Buffer.from(chunk.toString().toUpperCase()),
      () => Buffer.from('!'),
    );
    from.end('abc');
    await moving;
    expect(String(to.read())).toBe('ABC!');
  });

  it.each(['transform', 'flush'] as const)('stops with what %s throws', async (where) => {
    const [from, to] = [new PassThrough(), new PassThrough()];
    const fail = (): Buffer => {
      throw new Error('no');
    };
    const moving = where === 'transform' ? pump(from, to, fail) : pump(from, to, undefined, fail);
    from.end('x');
    await expect(moving).rejects.toThrow('no');
    expect(to.writableEnded).toBe(false);
  });

  it('fails when either side breaks', async () => {
    for (const side of [0, 1]) {
      const pair = [new PassThrough(), new PassThrough()] as const;
      const moving = pump(...pair);
      pair[side]?.destroy();
      await expect(moving).rejects.toThrow();
    }
  });
});

it('a guest that says nothing gets no TLS', async () => {
  const guest = new PassThrough();
  onTestFinished(() => void guest.destroy());
  const accepting = acceptTls(guest, { secureContext: createSecureContext(), timeoutMs: 30 });
  await expect(accepting).rejects.toBeInstanceOf(GuestHandshakeError);
  await expect(accepting).rejects.toThrow('no TLS handshake within 30 ms');
  expect(guest.destroyed).toBe(true);
});
