import { mkdir, readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { beforeEach, describe, expect, it } from 'vitest';
import { fillCatalog } from './fill-catalog.ts';
import { useCommand } from './use-command.ts';

const msb = useCommand();
const run = (line: string, env?: NodeJS.ProcessEnv) => msb.run(line, env);

describe('msb rm --force', () => {
  it('removes what there is of a sandbox and says what that was', async () => {
    await fillCatalog(msb.home, [{ name: 'record', status: 'Running' }]);
    await mkdir(join(msb.home, 'sandboxes/folder'), { recursive: true });
    const { code, stdout, stderr } = await run('rm --force record folder');
    expect({ code, stdout }).toEqual({ code: 0, stdout: '' });
    expect(stderr).toMatch(/✓ Removed +record \(a record without a folder\)\n/);
    expect(stderr).toMatch(/✓ Removed +folder \(a folder without a record\)\n/);
    expect((await run('ls -q')).stdout).toBe('');
    expect(await readdir(join(msb.home, 'sandboxes'))).toEqual([]);
    expect(await run('rm --force folder')).toMatchObject({ code: 1, stderr: /sandbox not found: folder/ });
  });
});

describe('msb modify', () => {
  beforeEach(() => fillCatalog(msb.home, [{ name: 'web', status: 'Stopped' }]));

  it('changes what is stored', async () => {
    expect(await run('modify web --memory 3G --env A=1 --label team=x')).toMatchObject({
      code: 0,
      stdout: '',
      stderr: '   ✓ Modified     web\n',
    });
    const { config } = JSON.parse((await run('inspect web --format json')).stdout) as {
      config: { resources: object; env: object[]; labels: object };
    };
    expect(config.resources).toMatchObject({ memory_mib: 3072, max_memory_mib: 3072 });
    expect(config.env).toEqual([{ key: 'A', value: '1' }]);
    expect((await run('ls -q --label team=x')).stdout).toBe('web\n');
  });

  it('only plans with --dry-run', async () => {
    const { stdout, stderr, code } = await run('mod web --memory 3G --max-cpus 4 --dry-run');
    expect(code).toBe(0);
    expect(stdout).toMatch(/^FIELD {4,}CHANGE {4,}BEFORE {4,}AFTER\n/);
    expect(stdout).toMatch(/^memory {4,}updated {4}2 GiB {5}3 GiB$/m);
    expect(stdout).toMatch(/^max CPUs {4,}/m);
    expect(stderr).toBe('   dry run · applies on next start · nothing applied\n');
    expect((await run('ps web --format json')).stdout).toContain('"memory_mib": 2048');
  });

  it('refuses all of it when a part cannot be', async () => {
    expect(await run('modify web --memory 0 --env A=1')).toMatchObject({
      code: 1,
      stdout: '',
      stderr: [
        'error: cannot modify "web"',
        '  → memory must be greater than 0',
        '  → no changes were applied',
        '',
      ].join('\n'),
    });
    const { code, stdout } = await run('modify web --memory 0 --format json');
    expect(code).toBe(1);
    expect(JSON.parse(stdout)).toMatchObject({ applied: false, conflicts: [{ field: 'memory' }] });
    expect((await run('inspect web')).stdout).not.toContain('A=1');
  });
});

describe('msb wait', () => {
  it('tells at once how those ended that do not run', async () => {
    await fillCatalog(msb.home, [
      { name: 'done', status: 'Stopped' },
      { name: 'broken', status: 'Crashed' },
    ]);
    expect(await run('wait done')).toMatchObject({ code: 0, stdout: 'done stopped\n', stderr: '' });
    expect(await run('wait done broken')).toMatchObject({
      code: 1,
      stdout: 'done stopped\nbroken crashed\n',
    });
    expect(await run('wait -q broken')).toMatchObject({ code: 1, stdout: '', stderr: '' });
  });

  it('gives up when the time is over', async () => {
    await fillCatalog(msb.home, [{ name: 'new', status: 'Created' }]);
    expect(await run('wait --timeout 10ms new')).toMatchObject({
      code: 1,
      stdout: '',
      stderr: /^error: sandbox 'new' still runs after 0.0s\n/,
    });
  });
});

describe('msb metrics', () => {
  it('says when there is nothing to show', async () => {
    expect(await run('metrics')).toMatchObject({ code: 0, stdout: '', stderr: 'No running sandboxes.\n' });
    expect(await run('stats --format json')).toMatchObject({ code: 0, stdout: '[]\n', stderr: '' });
    await fillCatalog(msb.home, [{ name: 'web', status: 'Stopped' }]);
    expect(await run('metrics web')).toMatchObject({
      code: 1,
      stderr: 'error: no metrics recorded for sandbox "web"\n',
    });
  });

  it.each([
    ['--watch', '--watch requires a terminal; use --follow for machine-readable streaming'],
    ['--interval never', 'invalid --interval "never" (expected e.g. 500ms, 2s)'],
  ])('%s: %s', async (options, message) => {
    expect(await run(`metrics ${options}`)).toMatchObject({ code: 1, stderr: `error: ${message}\n` });
  });
});

describe('msb context', () => {
  it('shows where commands work, and why there', async () => {
    expect((await run('context')).stdout).toBe('FIELD      VALUE\nBackend    local\nSource     default\n');
    expect((await run('ctx --format json', { MSB_BACKEND: 'local' })).stdout).toBe(
      '{\n  "kind": "local",\n  "source": "MSB_BACKEND"\n}\n',
    );
  });

  it('never shows a key', async () => {
    const env = { MSB_BACKEND: 'cloud', MSB_API_KEY: 'topsecret', MSB_API_URL: 'https://cloud.example' };
    const { stdout, stderr, code } = await run('context', env);
    expect(code).toBe(0);
    expect(stdout).toContain('https://cloud.example');
    expect(stdout + stderr).not.toContain('topsecret');
  });

  it('names a choice that cannot be made', async () => {
    expect(await run('context', { MSB_BACKEND: 'moon' })).toMatchObject({
      code: 1,
      stderr: /^error: invalid config: MSB_BACKEND must be 'local' or 'cloud', got "moon"\n/,
    });
  });
});

describe('msb volume', () => {
  it('makes, shows and removes volumes', async () => {
    expect(await run('volumes')).toMatchObject({ code: 0, stdout: '', stderr: 'No volumes found.\n' });
    expect(await run('volume create data --quota 2G --label team=x')).toMatchObject({
      code: 0,
      stdout: 'data\n',
    });
    expect(await run('vol create --name db --kind disk --size 16M -q')).toMatchObject({
      code: 0,
      stdout: '',
    });
    expect((await run('volume ls')).stdout).toMatch(
      /^NAME {4}KIND {4}SIZE {6}CREATED\ndb {6}disk {4}16 MiB {4}[\d-]{10} [\d:]{8}\ndata {4}dir {5}2 GiB /,
    );
    expect(JSON.parse((await run('volumes --format json')).stdout)[0]).toEqual({
      capacity_bytes: 16 << 20,
      created_at: expect.stringMatching(/\+00:00$/),
      disk_format: 'raw',
      disk_fstype: 'ext4',
      kind: 'disk',
      name: 'db',
      quota_mib: null,
      used_bytes: 0,
    });
    const { stdout } = await run('volume inspect data');
    expect(stdout).toContain('Quota:          2 GiB\n');
    expect(stdout).toContain(`Path:           ${join(msb.home, 'volumes/data')}\n`);
    expect(stdout).toContain('Labels:         team=x\n');
    expect((await run('volume inspect db')).stdout).toContain('Filesystem:     ext4\n');
    expect(await run('volume rm data none db')).toMatchObject({
      code: 1,
      stderr: expect.stringMatching(
        / {3}✓ Removed {6}data\nerror: volume not found: none\n.*\n.*✓ Removed {6}db\n/,
      ),
    });
    expect((await run('volumes -q')).stdout).toBe('');
  });

  it.each([
    ['create', 'volume create requires a name'],
    ['create a --name b', 'volume name specified twice with different values: a and b'],
    ['create a --size 1G', '--size is only supported with --kind disk'],
    ['create a --kind disk', '--size is required with --kind disk'],
    ['inspect none', 'volume not found: none'],
  ])('%s: %s', async (line, message) => {
    const { code, stdout, stderr } = await run(`volume ${line}`);
    expect({ code, stdout }).toEqual({ code: 1, stdout: '' });
    expect(stderr.startsWith(`error: ${message}`), stderr).toBe(true);
  });
});
