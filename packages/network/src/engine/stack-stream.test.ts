import { once } from 'node:events';
import { Socket } from 'node:net';
import { addon, STREAM_LOOKAHEAD_BYTES } from '@microsandbox/native';
import { describe, expect, it, onTestFinished } from 'vitest';
import { StackStream, type StreamStack } from './stack-stream.ts';

/** What a stream asked of its stack, in order. */
class RecordingStack implements StreamStack {
  readonly calls: string[] = [];

  splice(): void {
    this.calls.push('splice');
  }

  close(): void {
    this.calls.push('close');
  }

  reset(): void {
    this.calls.push('reset');
  }
}

/** A stream, its stack, and the stack's end of it. */
function open(): { stack: RecordingStack; stream: StackStream; far: Socket } {
  const [fd, farFd] = addon().socketPair();
  const stack = new RecordingStack();
  const far = new Socket({ fd: farFd, allowHalfOpen: true });
  // A stream that is destroyed leaves bytes unread.
  far.on('error', () => {});
  const stream = new StackStream(stack, { stream: 1, fd });
  onTestFinished(() => {
    far.destroy();
    stream.destroy();
  });
  return { stack, stream, far };
}

/** All that is left to read. A loop would destroy the socket at its end on Node 22, also what can still be written. */
async function textOf(source: Socket): Promise<string> {
  let text = '';
  source.on('data', (piece) => {
    text += piece;
  });
  await once(source, 'end');
  return text;
}

describe('a stream of the stack', () => {
  it('carries both directions, which end by themselves', async () => {
    const { stack, stream, far } = open();
    far.write('question');
    expect(String((await once(stream, 'data'))[0])).toBe('question');
    stream.end('answer');
    expect(await textOf(far)).toBe('answer');
    far.end('late');
    expect(await textOf(stream)).toBe('late');
    stream.destroy();
    // That the guest's side is over is the stack's to say.
    expect(stack.calls.length).toBeLessThanOrEqual(1);
    expect(stack.calls).not.toContain('reset');
  });

  it('takes no more than its buffers hold when nobody reads', async () => {
    const { stream, far } = open();
    let sent = 0;
    const chunk = Buffer.alloc(64 * 1024);
    while (far.write(chunk, () => (sent += chunk.length)) || far.writableLength < 4_000_000);
    await once(stream, 'readable');
    expect(sent).toBeLessThan(2_000_000);
    expect(stream.readableLength).toBeLessThan(512 * 1024);
  });

  it('closes without an error, resets with one, and says nothing twice', async () => {
    const plain = open();
    plain.stream.destroy();
    plain.stream.destroy();
    expect(plain.stack.calls).toEqual(['close']);
    const failed = open();
    failed.stream.on('error', () => {});
    failed.stream.destroy(new Error('no'));
    expect(failed.stack.calls).toEqual(['reset']);
    const gone = open();
    const error = new Promise((resolve) => gone.stream.on('error', resolve));
    gone.stream.stackClosed('reset');
    expect(await error).toMatchObject({ code: 'ECONNRESET' });
    expect(gone.stack.calls).toEqual([]);
  });

  it('can still be read when the guest has closed its side', async () => {
    const { stack, stream, far } = open();
    far.end('the last word');
    stream.stackClosed('finished');
    expect(await textOf(stream)).toBe('the last word');
    stream.destroy();
    expect(stack.calls).toEqual([]);
  });
});

describe('giving back', () => {
  it('is told before the descriptor closes', async () => {
    const { stack, stream, far } = open();
    far.write('a look');
    await once(stream, 'readable');
    stream.read();
    far.on('close', () => stack.calls.push('far end'));
    far.resume().on('end', () => far.destroy());
    expect(stream.giveBack()).toBe(true);
    await once(far, 'close');
    expect(stack.calls).toEqual(['splice', 'far end']);
  });

  it('is refused when something was said or too much was read', async () => {
    const spoken = open();
    spoken.stream.write('hello');
    expect(spoken.stream.giveBack()).toBe(false);
    const { stack, stream, far } = open();
    far.write(Buffer.alloc(2 * STREAM_LOOKAHEAD_BYTES));
    let read = 0;
    for await (const piece of stream) {
      read += (piece as Buffer).length;
      if (read > STREAM_LOOKAHEAD_BYTES) break;
    }
    expect(stream.giveBack()).toBe(false);
    expect(stack.calls).not.toContain('splice');
  });
});
