import { duplexPair } from 'node:stream';
import { describe, expect, it } from 'vitest';
import { QmpClient, type QmpEvent } from './qmp-client.ts';

const GREETING =
  '{"QMP": {"version": {"qemu": {"micro": 22, "minor": 2, "major": 7}}, "capabilities": []}}\r\n';

function setUp() {
  const [ours, theirs] = duplexPair();
  const commands: string[] = [];
  theirs.setEncoding('utf8');
  theirs.on('data', (text: string) => {
    for (const line of text.trimEnd().split('\n')) commands.push(JSON.parse(line).execute);
  });
  return { qmp: new QmpClient(ours), theirs, commands };
}

describe('QmpClient', () => {
  it('takes the greeting in pieces, negotiates and says the version', async () => {
    const { qmp, theirs, commands } = setUp();
    theirs.write(GREETING.slice(0, 30));
    theirs.write(GREETING.slice(30));
    await expect.poll(() => commands).toEqual(['qmp_capabilities']);
    theirs.write('{"return": {}}\r\n');
    expect(await qmp.ready).toEqual({ major: 7, minor: 2, micro: 22 });
  });

  it('gives answers to commands in their order, and errors their text', async () => {
    const { qmp, theirs } = setUp();
    const results = Promise.allSettled([
      qmp.execute('stop'),
      qmp.execute('migrate', { uri: 'fd:x' }),
      qmp.execute('cont'),
    ]);
    // The first answer is to the negotiation, which was asked for before anything else.
    theirs.write('{"return": {}}\n{"return": {"a": 1}}\n{"timestamp": {}, "event": "STOP"}\n');
    theirs.write('{"error": {"class": "GenericError", "desc": "no such fd"}}\nnot json\n{"return": {}}\n');
    expect(await results).toMatchObject([
      { value: { a: 1 } },
      { reason: { code: 'runtime', message: 'QEMU migrate: no such fd' } },
      { value: {} },
    ]);
  });

  it('tells events', async () => {
    const { qmp, theirs } = setUp();
    const events: QmpEvent[] = [];
    const stop = qmp.onEvent((event) => events.push(event));
    theirs.write('{"event": "VSERPORT_CHANGE", "data": {"open": true}}\n');
    await expect.poll(() => events).toEqual([{ event: 'VSERPORT_CHANGE', data: { open: true } }]);
    stop();
  });

  it('fails what is pending when the monitor goes away or sends an endless line', async () => {
    for (const end of [
      (theirs: NodeJS.WritableStream) => theirs.end(),
      (theirs: NodeJS.WritableStream) => {
        theirs.write('x'.repeat((1 << 20) + 1));
      },
    ]) {
      const { qmp, theirs } = setUp();
      const pending = qmp.execute('query-status');
      end(theirs);
      await expect(pending).rejects.toMatchObject({ code: 'runtime' });
      await expect(qmp.execute('cont')).rejects.toMatchObject({ code: 'runtime' });
      await expect(qmp.ready).rejects.toMatchObject({ code: 'runtime' });
    }
  });
});
