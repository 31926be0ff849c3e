import { readdir, readFile, writeFile } from 'node:fs/promises';
import { describe, expect, it } from 'vitest';
import { PROTOCOL_VERSION } from './constants.ts';
import { type SchemaSnapshot, schemaSnapshot } from './schema-snapshot.ts';

const folder = new URL('../schema/', import.meta.url);
const current = new URL(`gen-${PROTOCOL_VERSION}.json`, folder);

describe('schema snapshot', () => {
  it('is what the current file says; UPDATE_PROTOCOL_SCHEMA=1 blesses a change', async () => {
    const text = `${JSON.stringify(schemaSnapshot(), null, 2)}\n`;
    if (process.env['UPDATE_PROTOCOL_SCHEMA'] === '1') await writeFile(current, text);
    expect(text).toBe(await readFile(current, 'utf8'));
  });

  it('contains every earlier generation unchanged', async () => {
    const now = new Map(schemaSnapshot().message_types.map((type) => [type.wire, type.introduced_in]));
    const files = (await readdir(folder)).filter((file) => /^gen-\d+\.json$/.test(file));
    expect(files).toContain(`gen-${PROTOCOL_VERSION}.json`);
    for (const file of files) {
      const earlier = JSON.parse(await readFile(new URL(file, folder), 'utf8')) as SchemaSnapshot;
      for (const { wire, introduced_in: since } of earlier.message_types)
        expect(now.get(wire), wire).toBe(since);
      expect(earlier.frame).toEqual(schemaSnapshot().frame);
    }
  });

  it('orders the types as frozen', () => {
    expect(
      schemaSnapshot()
        .message_types.map((type) => type.wire.replace('core.', ''))
        .join(' '),
    ).toBe(
      'ready init.resolved init.ack shutdown relay.client.disconnected clock.sync ping pong touch touched error ' +
        'exec.request exec.started exec.stdin exec.stdin.error exec.stdout exec.stderr exec.exited exec.failed ' +
        'exec.resize exec.signal fs.request fs.response fs.data tcp.connect tcp.connected tcp.data tcp.eof ' +
        'tcp.close tcp.closed tcp.failed bootstrap',
    );
  });
});
