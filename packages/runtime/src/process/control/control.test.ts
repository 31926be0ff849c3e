import { once } from 'node:events';
import { connect } from 'node:net';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import { tempDir } from '../../../test-support/temp-dir.ts';
import type { SecretChange } from './control-request.ts';
import { ControlServer, type ControlServerOptions } from './control-server.ts';

async function serve(options: ControlServerOptions): Promise<string> {
  const path = join(tempDir(), 'control.sock');
  const server = new ControlServer(options);
  await server.listen(path);
  onTestFinished(() => server.close());
  return path;
}

/** Sends bytes and reads to the end; null when the connection was cut without an answer. */
async function ask(path: string, bytes: string): Promise<unknown> {
  const socket = connect(path);
  socket.on('error', () => {});
  socket.write(bytes);
  let answer = '';
  socket.setEncoding('utf8').on('data', (text: string) => {
    answer += text;
  });
  await once(socket, 'close');
  if (answer === '') return null;
  expect(answer.endsWith('\n')).toBe(true);
  return JSON.parse(answer);
}

const line = (request: unknown) => `${JSON.stringify(request)}\n`;

describe('control.sock', () => {
  it('refuses what no driver can do, in the words of the reference', async () => {
    const path = await serve({ secrets: null });
    expect(await ask(path, line({ op: 'capabilities' }))).toEqual({
      ok: true,
      capabilities: { cpu_resize: false, memory_resize: false, secrets_update: false },
    });
    for (const [request, error] of [
      [{ op: 'memory_target', total_mib: 512 }, 'this VM booted without memory hotplug capacity'],
      [{ op: 'memory_state' }, 'this VM booted without memory hotplug capacity'],
      [{ op: 'cpu_target', online: 2 }, 'this VM booted without CPU capacity'],
      [{ op: 'cpu_state' }, 'this VM booted without CPU capacity'],
      [
        { op: 'secrets_update', changes: [{ change: 'remove', name: 'K' }] },
        'live secret reconfiguration is not available for this sandbox',
      ],
    ] as const) {
      expect(await ask(path, line(request))).toEqual({ ok: false, error });
    }
  });

  it('hands changes of secrets on, up to the first that fails', async () => {
    const applied: SecretChange[] = [];
    const path = await serve({
      secrets: {
        async apply(change) {
          if (change.name === 'BAD') throw new Error("secret 'BAD' is not configured");
          applied.push(change);
        },
      },
    });
    expect(await ask(path, line({ op: 'capabilities' }))).toMatchObject({
      capabilities: { secrets_update: true },
    });
    const changes = [
      { change: 'rotate', name: 'A', value: 'v' },
      { change: 'remove', name: 'BAD' },
      { change: 'set_allowed_hosts', name: 'C', hosts: ['h'] },
    ];
    expect(await ask(path, line({ op: 'secrets_update', changes }))).toEqual({
      ok: false,
      error: "secret 'BAD' is not configured",
    });
    expect(applied).toEqual([changes[0]]);
    expect(await ask(path, line({ op: 'secrets_update', changes: [changes[2]] }))).toEqual({ ok: true });
  });

  it('says what is wrong with a request, and never a value of it', async () => {
    const path = await serve({ secrets: null });
    for (const request of [
      'no json\n',
      line({ op: 'format' }),
      line([]),
      line({ op: 'secrets_update', changes: [{ change: 'rotate', name: 'K', value: { very: 'hidden' } }] }),
      line({ op: 'memory_target', total_mib: -1 }),
    ]) {
      const reply = (await ask(path, request)) as { ok: boolean; error: string };
      expect(reply.ok).toBe(false);
      expect(reply.error).toMatch(/^invalid control request: ./);
      expect(reply.error).not.toContain('hidden');
    }
  });

  it('bounds lines, time and connections', async () => {
    const path = await serve({ secrets: null, timeoutMs: 300 });
    expect(await ask(path, 'x'.repeat(3 << 20))).toEqual({
      ok: false,
      error: 'invalid control request: too long',
    });
    expect(await ask(path, 'unfinished')).toBeNull();
    const many = await Promise.all(Array.from({ length: 40 }, () => ask(path, '')));
    expect(many.every((answer) => answer === null)).toBe(true);
    expect(await ask(path, line({ op: 'cpu_state' }))).toMatchObject({ ok: false });
  });
});
