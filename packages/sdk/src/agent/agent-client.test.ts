import { decodeAnyEnvelope, encodeMessage } from '@microsandbox/protocol';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type TestHome, testHome } from '../../test/test-home.ts';
import { withBackend } from '../backend/current-backend.ts';
import { Sandbox } from '../sandbox.ts';
import { AgentClient, FLAG_SESSION_START, FLAG_TERMINAL } from './agent-client.ts';

let home: TestHome;
let previousHome: string | undefined;
beforeEach(async () => {
  home = await testHome();
  previousHome = process.env['MSB_HOME'];
  process.env['MSB_HOME'] = home.path;
});
afterEach(async () => {
  if (previousHome === undefined) delete process.env['MSB_HOME'];
  else process.env['MSB_HOME'] = previousHome;
  await home[Symbol.asyncDispose]();
});

const connect = (name: string) => withBackend(home.backend, () => AgentClient.connectSandbox(name));

describe('AgentClient', () => {
  it('passes frames as they are', async () => {
    await using _sandbox = await withBackend(home.backend, () =>
      Sandbox.builder('raw').image(home.disk).create(),
    );
    await using client = await connect('raw');
    expect(decodeAnyEnvelope(client.readyBytes()).type).toBe('core.ready');
    const pong = await client.request(0, encodeMessage('core.ping', {}));
    expect(decodeAnyEnvelope(pong.body).type).toBe('core.pong');

    const request = encodeMessage('core.exec.request', { cmd: 'echo', args: ['hi'] });
    const stream = await client.stream(FLAG_SESSION_START, request);
    const types: string[] = [];
    let last = 0;
    for await (const { body, flags } of stream) {
      types.push(decodeAnyEnvelope(body).type);
      last = flags;
    }
    expect(types).toEqual(['core.exec.started', 'core.exec.stdout', 'core.exec.exited']);
    expect(last & FLAG_TERMINAL).toBe(FLAG_TERMINAL);

    const second = await AgentClient.connect(AgentClient.socketPath('raw'));
    await second.close();
    await second.close();
    await expect(second.request(0, encodeMessage('core.ping', {}))).rejects.toMatchObject({
      code: 'agentClient',
      message: expect.stringContaining('client closed'),
    });
  });

  it('says that nobody listens', async () => {
    await expect(connect('nobody')).rejects.toMatchObject({ code: 'agentClient' });
    await expect(connect('no/name')).rejects.toMatchObject({ code: 'invalidConfig' });
    await expect(AgentClient.connect(`${home.path}/none.sock`)).rejects.toThrow(
      `connect ${home.path}/none.sock: `,
    );
  });

  it('knows where a sandbox would listen', () => {
    expect(AgentClient.socketPath('worker')).toBe(
      `${home.path}/run/sandboxes/87eba76e7f3164534045ba92/agent.sock`,
    );
    process.env['MSB_HOME'] = `/${'d'.repeat(100)}`;
    expect(() => AgentClient.socketPath('worker')).toThrow('set MSB_HOME to a shorter directory');
  });
});
