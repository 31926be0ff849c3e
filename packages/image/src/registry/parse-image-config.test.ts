import { describe, expect, it } from 'vitest';
import { parseImageConfig } from './parse-image-config.ts';

const DIFF_ID = `sha256:${'a'.repeat(64)}`;

function parse(config: unknown, diffIds: readonly unknown[] = []): ReturnType<typeof parseImageConfig> {
  return parseImageConfig(JSON.stringify({ config, rootfs: { diff_ids: diffIds } }));
}

describe('parseImageConfig', () => {
  it('takes absent, null and empty values for nothing', () => {
    const nothing = parse(null, [DIFF_ID]);
    expect(parse({}, [DIFF_ID])).toEqual(nothing);
    expect(parse({ Env: null, Cmd: null, WorkingDir: '', User: '', StopSignal: '' }, [DIFF_ID])).toEqual(
      nothing,
    );
    expect(nothing).toMatchObject({ diffIds: [DIFF_ID], config: { env: [], cmd: null, working_dir: null } });
  });

  it('sorts sets by their bytes', () => {
    const ports = { '90/tcp': {}, '8080/tcp': {}, '\u{1f600}': {}, '\uff5e': {} };
    expect(parse({ ExposedPorts: ports }).config.exposed_ports).toEqual([
      '8080/tcp',
      '90/tcp',
      '\uff5e',
      '\u{1f600}',
    ]);
  });

  it.each<[string, unknown]>([
    ['Env', Array.from({ length: 20_000 }, () => 0)],
    ['Cmd', Array.from({ length: 20_000 }, () => 'x')],
    ['ExposedPorts', Object.fromEntries(Array.from({ length: 20_000 }, (_, port) => [port, {}]))],
    ['Labels', Object.fromEntries(Array.from({ length: 20_000 }, (_, label) => [label, '']))],
  ])('looks at no %s without end', (name, value) => {
    expect(() => parse({ [name]: value })).toThrow(
      `config parse error: ${name} has 20000 entries, more than 10000`,
    );
  });

  it.each<[unknown, string]>([
    [['x'], 'invalid diff_id at layer 0: x'],
    [[DIFF_ID, `sha512:${'a'.repeat(128)}`], 'invalid diff_id at layer 1'],
    [[1], 'config parse error: rootfs.diff_ids.0'],
  ])('refuses layers %j', (diffIds, message) => {
    expect(() => parse({}, diffIds as unknown[])).toThrow(message);
  });
});
