import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import {
  buildTestImage,
  findProgram,
  type LocalRegistry,
  mustRun,
  pushImage,
  runCommand,
  startLocalRegistry,
  tarFolder,
  writeOciLayout,
} from '@microsandbox/test-utils';
import { Image, LocalBackend, withBackend } from 'microsandbox';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { useCommand } from './use-command.ts';

/** What commands say of an image `none` that is not there. */
const NOT_FOUND =
  'error: image not found: none\n  → images go by the name that was typed or loaded: see msb image ls\n';

const noTerminal = (await findProgram('script')) === null ? 'no program script' : null;
if (noTerminal !== null) console.warn(`skipped: ${noTerminal}`);

const noRegistry = (await findProgram('docker-registry')) === null ? 'no docker-registry' : null;
if (noRegistry !== null) console.warn(`skipped: ${noRegistry}`);

const msb = useCommand();
const run = (line: string, input?: string) => msb.run(line, { HOME: msb.folder }, input);

/** A small image in the cache of this test's home. */
async function given(reference: string, content: string, config = {}): Promise<void> {
  const tree = join(msb.folder, `tree-${content}`);
  await mkdir(tree);
  await writeFile(join(tree, content), content.repeat(20_000));
  const layout = join(msb.folder, `layout-${content}`);
  await writeOciLayout(layout, buildTestImage({ layers: [await tarFolder(tree)], config }), reference);
  await using backend = new LocalBackend({ env: { MSB_HOME: msb.home } });
  await withBackend(backend, () => Image.importLayout(layout, { reference }));
}

describe.skipIf(noRegistry !== null)('pull', () => {
  let registry: LocalRegistry;
  let reference: string;

  beforeAll(async () => {
    registry = await startLocalRegistry();
    const tree = await mkdtemp(join(tmpdir(), 'msb-tree-'));
    await writeFile(join(tree, 'file'), 'x');
    const image = buildTestImage({ layers: [await tarFolder(tree)] });
    reference = await pushImage({ registry, repository: 'team/demo', tag: '1', image });
    await rm(tree, { recursive: true });
  });
  afterAll(() => registry[Symbol.asyncDispose]());

  const made = async (place: string) =>
    (await readdir(join(msb.home, 'cache', place))).filter((name) => !name.endsWith('.lock')).length;

  it('makes what is asked for, or what the default root disk needs', async () => {
    const kinds = async () => [await made('vmdk'), await made('flat/blobs')];
    await mkdir(msb.home);
    const settings = { sandbox_defaults: { oci: { root_disk: { kind: 'flat' } } } };
    await writeFile(join(msb.home, 'config.json'), JSON.stringify(settings));
    expect(await run(`pull --insecure ${reference}`)).toMatchObject({
      code: 0,
      stdout: '',
      stderr: expect.stringContaining(`   ✓ Pulled       ${reference}`),
    });
    expect(await kinds()).toEqual([0, 1]);
    expect((await run(`pull ${reference}`)).stderr).toContain('(already cached)');
    expect((await run(`pull -q --insecure --materialize layered ${reference}`)).stderr).toBe('');
    expect(await kinds()).toEqual([1, 1]);
    expect((await run(`pull --materialize all ${reference}`)).stderr).toContain('(already cached)');
  });

  it('tells every step in JSON', async () => {
    for (const options of ['--insecure --force ', '']) {
      const pulled = await run(`pull --format json ${options}${reference}`);
      expect(pulled).toMatchObject({ code: 0, stderr: '' });
      const lines = pulled.stdout.trim().split('\n');
      const events = lines.map((line) => JSON.parse(line));
      expect(events[0]).toEqual({ kind: 'resolving', reference });
      expect(events.at(-1)).toEqual({ kind: 'complete', reference, layerCount: 1 });
    }
  });

  it('says when there is nothing for a platform', async () => {
    const foreign = await run(`pull --insecure --platform linux/s390x ${reference}`);
    expect(foreign).toMatchObject({ code: 1, stdout: '' });
    expect(foreign.stderr).toMatch(/✗ Pulling .*\nerror: .*s390x/s);
    const wrong = await run(`pull --platform s390x ${reference}`);
    expect(wrong.stderr).toContain('error: invalid platform: "s390x"');
  });
});

describe('archives', () => {
  it.each([[''], [' --format oci']])('go out to a file and come in again%s', async (format) => {
    await given('a.test/one', 'x');
    const path = join(msb.folder, 'out.tar');
    expect(await run(`save a.test/one -o ${path}${format}`)).toEqual({
      code: 0,
      signal: null,
      stdout: '',
      stderr: `   ✓ Saved        ${path}\n`,
    });
    expect((await run('rmi -q a.test/one')).code).toBe(0);
    expect(await run(`load -i ${path} -t a.test/two`)).toMatchObject({
      code: 0,
      stdout: '',
      stderr: '   ✓ Loaded       a.test/one\n   ✓ Loaded       a.test/two\n',
    });
    expect((await run('images -q')).stdout.trim().split('\n').sort()).toEqual(['a.test/one', 'a.test/two']);
    expect((await run(`image load -q -i ${path}`)).stderr).toBe('');
  });

  it('go through pipes, byte for byte', async () => {
    await given('a.test/one', 'x');
    const path = join(msb.folder, 'out.tar');
    await run(`save -q a.test/one -o ${path}`);
    const env = { PATH: process.env['PATH'], MSB_HOME: msb.home };
    const piped = await runCommand(process.execPath, [msb.command.path, 'save', 'a.test/one'], { env });
    expect(piped).toMatchObject({ code: 0, stderr: '' });
    expect(piped.stdout.equals(await readFile(path))).toBe(true);
    const script = `"$0" "$1" save a.test/one | "$0" "$1" load -t a.test/three`;
    const { stderr } = await mustRun('sh', ['-c', script, process.execPath, msb.command.path], { env });
    expect(stderr).toContain('✓ Loaded       a.test/three');
    // A reader that goes away is no failure.
    await mustRun(
      'sh',
      ['-c', `"$0" "$1" save a.test/one | head -c 10 >/dev/null`, process.execPath, msb.command.path],
      {
        env,
      },
    );
  });

  it('that are none say so', async () => {
    await given('a.test/one', 'x');
    expect(await run('save none -o x.tar')).toMatchObject({
      code: 1,
      stdout: '',
      stderr: 'error: image not found: none\n  → pull it first: msb pull none\n',
    });
    const noise = await run('load', 'no archive');
    expect([noise.code, noise.stdout]).toEqual([1, '']);
    expect(noise.stderr).toMatch(/^error: /);
    expect((await run('save')).code).toBe(2);
    expect((await run('save --format tar a')).code).toBe(2);
  });
});

describe('prune', () => {
  it('asks, and cannot ask without a terminal', async () => {
    expect(await run('image prune')).toMatchObject({
      code: 1,
      stderr: 'error: non-interactive terminal; use --yes to prune cached images\n',
    });
  });

  it('tells what went', async () => {
    expect(await run('image prune -y')).toMatchObject({ code: 0, stdout: '', stderr: 'Nothing to prune.\n' });
    await given('a.test/one', 'x');
    const pruned = await run('image prune -y');
    expect(pruned).toMatchObject({ code: 0, stderr: '   ✓ Pruned       image cache\n' });
    expect(pruned.stdout.replace(/\S+ KiB/, 'N KiB')).toBe(
      [
        'Image refs:     1',
        'Manifests:      1',
        'Layers:         1',
        'Fsmeta:         1',
        'VMDK:           1',
      ]
        .concat('Reclaimed:      N KiB', '')
        .join('\n'),
    );
    await given('a.test/two', 'y');
    const json = await run('image prune --yes --format json');
    expect(json.stderr).toBe('');
    expect(Object.keys(JSON.parse(json.stdout))).toEqual([
      'bytes_reclaimed',
      'fsmeta_removed',
      'image_refs_removed',
      'layers_removed',
      'manifests_removed',
      'vmdk_removed',
    ]);
    expect(JSON.parse((await run('image prune -y --format json')).stdout)).toEqual({
      bytes_reclaimed: null,
      fsmeta_removed: 0,
      image_refs_removed: 0,
      layers_removed: 0,
      manifests_removed: 0,
      vmdk_removed: 0,
    });
  });
});

describe('tag, history and df', () => {
  it('count shared bytes once', async () => {
    await given('a.test/one', 'x');
    await given('a.test/other', 'y');
    expect(await run('image tag a.test/one two:1')).toMatchObject({
      code: 0,
      stderr: '   ✓ Tagged       two:1\n',
    });
    expect((await run('image tag none x')).stderr).toBe(NOT_FOUND);
    const usage = JSON.parse((await run('image df --format json')).stdout);
    const [tagged, other, one] = usage.images;
    expect([tagged.reference, other.reference, one.reference]).toEqual([
      'two:1',
      'a.test/other',
      'a.test/one',
    ]);
    expect([tagged.own_bytes, one.own_bytes, other.shared_bytes]).toEqual([0, 0, 0]);
    expect(tagged.shared_bytes).toBe(one.shared_bytes);
    expect(usage.total_bytes).toBe(one.total_bytes + other.total_bytes);
    expect(usage.reclaimable_bytes).toBe(usage.total_bytes);
    expect(usage).toMatchObject({ leftover_bytes: 0, templates: { count: 0, total_bytes: 0 } });
    const text = (await run('image df')).stdout;
    expect(text).toMatch(
      /^REFERENCE +SIZE +SHARED +OWN +SANDBOXES +LAST USED\ntwo:1 +\S+ KiB +\S+ KiB +0 B +0 /,
    );
    expect(text).toMatch(/\nTemplates: +0 B \(0\)\n$/);
    // The tag stands on its own.
    await run('rmi -q a.test/one');
    expect((await run('image inspect two:1')).code).toBe(0);
  });

  it('history names the layers, and what it shows cannot steer a terminal', async () => {
    await given('a.test/one', 'x');
    expect(JSON.parse((await run('image history a.test/one --format json')).stdout)).toEqual([
      {
        comment: null,
        created_at: null,
        created_by: null,
        diff_id: expect.stringMatching(/^sha256:/),
        size_bytes: expect.any(Number),
      },
    ]);
    expect((await run('image history a.test/one')).stdout).toMatch(
      /^CREATED +SIZE +CREATED BY\n- +\S+ B +-\n$/,
    );
    expect((await run('image history none')).stderr).toBe(NOT_FOUND);
  });
});

describe('registry', () => {
  it('keeps credentials in a private file when told to, and never shows them', async () => {
    expect(await run('registry list')).toMatchObject({ stdout: 'No registries configured.\n', stderr: '' });
    const login = await run(
      'registry login r.test:5000 -u me --password-stdin --store file',
      'top secret\r\n',
    );
    expect(login).toMatchObject({ code: 0, stdout: '', stderr: '   ✓ Logged in    r.test:5000\n' });
    const secret = join(msb.home, 'secrets/registries/r.test_5000');
    expect([await readFile(secret, 'utf8'), (await stat(secret)).mode & 0o777]).toEqual([
      'top secret\n',
      0o600,
    ]);
    expect(JSON.parse(await readFile(join(msb.home, 'config.json'), 'utf8'))).toEqual({
      registries: { hosts: { 'r.test:5000': { auth: { username: 'me', secret_name: 'r.test_5000' } } } },
    });
    expect((await run('regs')).stdout).toBe(
      'REGISTRY       USERNAME    SOURCE\nr.test:5000    me          secret_name\n',
    );
    expect((await run('registry logout r.test:5000')).stderr).toBe('   ✓ Logged out   r.test:5000\n');
    await expect(stat(secret)).rejects.toThrow('ENOENT');
    expect(await run('registry logout r.test:5000')).toMatchObject({
      code: 0,
      stderr: 'warn: no stored registry credentials found for `r.test:5000`\n',
    });
  });

  it.skipIf(noTerminal !== null)('asks for a password without showing it', async () => {
    const command = `${process.execPath} ${msb.command.path} registry login r.test -u me --store file`;
    const child = spawn('script', ['-qec', command, '/dev/null'], {
      env: { ...process.env, MSB_HOME: msb.home },
      timeout: 30_000,
    });
    let shown = '';
    child.stdout.on('data', (chunk: Buffer) => {
      shown += chunk;
      if (shown.endsWith('Password/token: ')) child.stdin.write('wrong\x7f\x7f\x7f\x7f\x7fhidden\r');
    });
    const [code] = await once(child, 'close');
    expect([code, shown.includes('hidden'), shown.includes('wrong')]).toEqual([0, false, false]);
    expect(shown).toContain('Logged in    r.test');
    expect(await readFile(join(msb.home, 'secrets/registries/r.test'), 'utf8')).toBe('hidden\n');
  });

  it('says what is wrong', async () => {
    expect((await run('registry login r.test -u me')).stderr).toBe(
      'error: non-interactive terminal; use --password-stdin to give the password\n',
    );
    expect((await run('registry login r.test -u me --password-stdin')).stderr).toBe(
      'error: password/token cannot be empty\n',
    );
    expect((await run('registry login https://r.test -u me --password-stdin', 'x')).stderr).toContain(
      'error: invalid registry: "https://r.test"',
    );
    const missing = await run('registry login r.test');
    expect(missing).toMatchObject({ code: 2, stderr: expect.stringContaining('--username <USER>') });
  });

  it('names the store that is not there', async () => {
    const bare = { MSB_HOME: msb.home, HOME: msb.folder, DBUS_SESSION_BUS_ADDRESS: 'unix:path=/nonexistent' };
    const login = await msb.command.run(['registry', 'login', 'r.test', '-u', 'me', '--password-stdin'], {
      env: bare,
      input: 'hidden',
    });
    expect(login.code).toBe(1);
    expect(login.stderr).toMatch(/^error: secure credential storage is unavailable for `r\.test`: /);
    expect(login.stderr).not.toContain('hidden');
    expect((await run('registry list')).stdout).toBe('No registries configured.\n');
  });
});
