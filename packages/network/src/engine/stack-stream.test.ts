import { pipeline } from 'node:stream/promises';
import { STREAM_WINDOW_BYTES } from '@microsandbox/native';
import { describe, expect, it } from 'vitest';
import { StackStream, type StreamStack } from './stack-stream.ts';

/** What a stream asked of its stack, in order. */
class RecordingStack implements StreamStack {
  readonly calls: string[] = [];
  written = 0;
  returned = 0;

  write(_stream: number, data: Uint8Array): void {
    this.written += data.length;
  }

  consumed(_stream: number, bytes: number): void {
    this.returned += bytes;
  }

  splice(_stream: number, replay: Uint8Array): void {
    this.calls.push(`splice ${Buffer.from(replay)}`);
  }

  end(): void {
    this.calls.push('end');
  }

  close(): void {
    this.calls.push('close');
  }

  reset(): void {
    this.calls.push('reset');
  }
}

function stream(): { stack: RecordingStack; duplex: StackStream } {
  const stack = new RecordingStack();
  return { stack, duplex: new StackStream(stack, 1) };
}

const tick = () => new Promise((resolve) => setImmediate(resolve));

describe('receiving', () => {
  it('gives credit back for what is wanted only', async () => {
    const { stack, duplex } = stream();
    const chunk = Buffer.alloc(16 * 1024, 1);
    for (let count = 0; count < 32; count += 1) duplex.receive(chunk);
    await tick();
    // A reader that does not read takes no more than the stream keeps for it.
    expect(stack.returned).toBeLessThan(128 * 1024);
    duplex.receiveEnd();
    let size = 0;
    for await (const piece of duplex) size += (piece as Buffer).length;
    expect(size).toBe(32 * chunk.length);
    expect(stack.returned).toBe(size);
  });

  it('takes what comes after it was destroyed, so that the stack is not held up', () => {
    const { stack, duplex } = stream();
    duplex.stackClosed('finished');
    duplex.destroy();
    duplex.receive(Buffer.alloc(10));
    expect(stack.returned).toBe(0);
    const other = stream();
    other.duplex.destroy();
    other.duplex.receive(Buffer.alloc(10));
    expect(other.stack.returned).toBe(0);
  });
});

describe('sending', () => {
  it('waits for credit', async () => {
    const { stack, duplex } = stream();
    let done = false;
    duplex.write(Buffer.alloc(STREAM_WINDOW_BYTES + 1000), () => {
      done = true;
    });
    await tick();
    expect(stack.written).toBe(STREAM_WINDOW_BYTES);
    expect(done).toBe(false);
    duplex.grant(600);
    duplex.grant(600);
    await tick();
    expect(stack.written).toBe(STREAM_WINDOW_BYTES + 1000);
    expect(done).toBe(true);
  });

  it('fails when the connection goes away meanwhile', async () => {
    const { duplex } = stream();
    const outcome = new Promise((resolve) => {
      duplex.write(Buffer.alloc(STREAM_WINDOW_BYTES + 1), resolve);
      duplex.on('error', () => {});
    });
    duplex.stackClosed('finished');
    expect(await outcome).toMatchObject({ code: 'EPIPE' });
  });
});

describe('giving back', () => {
  it('hands over all that came, read or not', async () => {
    const { stack, duplex } = stream();
    duplex.receive(Buffer.from('one '));
    await tick();
    const read = await new Promise<Buffer>((resolve) =>
      duplex.once('readable', () => resolve(duplex.read() as Buffer)),
    );
    duplex.receive(Buffer.from('two '));
    await tick();
    duplex.receive(Buffer.from('three'));
    expect(duplex.giveBack(read)).toBe(true);
    await tick();
    expect(stack.calls).toEqual(['splice one two three']);
  });

  it('keeps a connection with too much to send again', () => {
    const { stack, duplex } = stream();
    for (let count = 0; count < 5; count += 1) duplex.receive(Buffer.alloc(16 * 1024));
    expect(duplex.giveBack(Buffer.alloc(0))).toBe(false);
    expect(stack.calls).toEqual([]);
    expect(duplex.destroyed).toBe(false);
  });
});

describe('ending', () => {
  it('half-closes, and goes on receiving', async () => {
    const { stack, duplex } = stream();
    duplex.end('bye');
    await tick();
    expect(stack.calls).toEqual(['end']);
    duplex.receive(Buffer.from('late'));
    duplex.receiveEnd();
    const pieces: Buffer[] = [];
    await pipeline(duplex, async (source) => {
      for await (const piece of source) pieces.push(piece as Buffer);
    });
    expect(Buffer.concat(pieces).toString()).toBe('late');
  });

  it('closes without an error, resets with one, and says nothing twice', async () => {
    const plain = stream();
    plain.duplex.destroy();
    plain.duplex.destroy();
    expect(plain.stack.calls).toEqual(['close']);
    const failed = stream();
    failed.duplex.on('error', () => {});
    failed.duplex.destroy(new Error('no'));
    expect(failed.stack.calls).toEqual(['reset']);
    const gone = stream();
    const error = new Promise((resolve) => gone.duplex.on('error', resolve));
    gone.duplex.stackClosed('reset');
    expect(await error).toMatchObject({ code: 'ECONNRESET' });
    expect(gone.stack.calls).toEqual([]);
  });
});
