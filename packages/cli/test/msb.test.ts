import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdir, readdir, symlink, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { runCommand } from '@microsandbox/test-utils';
import { LocalBackend } from 'microsandbox';
import { beforeEach, describe, expect, it } from 'vitest';
import { type CatalogRow, fillCatalog } from './fill-catalog.ts';
import { useCommand } from './use-command.ts';

const msb = useCommand();
const run = (line: string, env?: NodeJS.ProcessEnv, input?: string) => msb.run(line, env, input);

/** A home with these sandboxes, the last one newest. */
const homeWith = (...rows: readonly CatalogRow[]): Promise<void> => fillCatalog(msb.home, rows);

describe('information', () => {
  it('prints help, version and tree on standard output', async () => {
    for (const line of ['', '--help', '-h --debug']) {
      const help = await run(line);
      expect(help).toMatchObject({ code: 0, stderr: '' });
      expect(help.stdout).toContain('Sandboxes:\n  run');
    }
    for (const line of ['--version', '-V', 'version']) {
      expect(await run(line)).toMatchObject({
        code: 0,
        stdout: expect.stringMatching(/^msb \d+\.\d+\.\d+\n$/),
      });
    }
    for (const line of ['help stop', 'stop --help', 'stop x -h']) {
      expect((await run(line)).stdout).toContain('Usage: msb stop [OPTIONS] [NAMES]...\n');
    }
    expect((await run('run --tree')).stdout).toMatch(/^msb run\n├── \[IMAGE\]/);
  });

  it('leaves the help flags behind -- to the command', async () => {
    expect(await run('exec web -- --help')).toMatchObject({ code: 1, stderr: /sandbox not found: web/ });
  });

  it('has no colours without a terminal, unless they are forced', async () => {
    expect((await run('--help', { TERM: 'xterm' })).stdout).not.toContain('\x1b');
    expect((await run('--help', { CLICOLOR_FORCE: '1' })).stdout).toContain('\x1b[33m\x1b[1mUsage:\x1b[0m');
  });

  it('ends quietly when nobody reads', async () => {
    const child = spawn(process.execPath, [msb.command.path, '--tree'], { env: { MSB_HOME: msb.home } });
    child.stdout.destroy();
    let stderr = '';
    child.stderr.on('data', (chunk: Buffer) => {
      stderr += chunk;
    });
    const code = await new Promise((resolve) => child.on('close', resolve));
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
  });

  it('works through a link, as npm makes one', async () => {
    const link = join(msb.folder, 'msb');
    await symlink(msb.command.path, link);
    const child = spawn(process.execPath, [link, 'ls', '-q'], {
      env: { MSB_HOME: msb.home },
      stdio: 'ignore',
    });
    expect(await new Promise((resolve) => child.on('close', resolve))).toBe(0);
  });
});

describe('mistakes in the command line', () => {
  it.each([
    ['frobnicate', "unrecognized subcommand 'frobnicate'"],
    ['ls --frobnicate', "unexpected argument '--frobnicate' found"],
    ['ls a', "unexpected argument 'a' found"],
    ['inspect', 'the following required arguments were not provided:\n  <NAME>'],
    ['rm', 'the following required arguments were not provided:\n  <NAMES>...'],
    ['stop -t soon web', "invalid value 'soon' for '--timeout <SECS>': invalid digit found in string"],
    ['ls --format yaml', "invalid value 'yaml' for '--format <FORMAT>'\n  [possible values: json]"],
    ['exec web --tty --no-tty', "the argument '--tty' cannot be used with '--no-tty'"],
    ['image frobnicate', "unrecognized subcommand 'frobnicate'"],
  ])('%s: exit code 2, usage on standard error', async (line, message) => {
    const { code, stdout, stderr } = await run(line);
    expect({ code, stdout }).toEqual({ code: 2, stdout: '' });
    expect(stderr.startsWith(`error: ${message}\n\n`), stderr).toBe(true);
    expect(stderr).toMatch(/\n\nUsage: msb .*\n\nFor more information, try '--help'\.\n$/);
    expect(existsSync(msb.home)).toBe(false);
  });

  it('suggests what may have been meant', async () => {
    expect((await run('strat web')).stderr).toContain("\n\n  tip: a similar subcommand exists: 'start'\n\n");
  });

  it('prints the help of a command that needs another one', async () => {
    const { code, stdout, stderr } = await run('image');
    expect({ code, stdout }).toEqual({ code: 2, stdout: '' });
    expect(stderr).toContain('Usage: msb image [OPTIONS] <COMMAND>');
  });
});

describe('mistakes in values', () => {
  it.each([
    ['run', 'missing required sandbox field `image`; provide an image argument'],
    ['run x -m lots', 'invalid size (expected e.g. 512M, 1G): invalid digit found in string'],
    ['run x -e NOT_SET_ANYWHERE', "environment variable 'NOT_SET_ANYWHERE' not set"],
    ['run x --timeout soon', 'invalid digit found in string'],
    ['run x --rlimit nofile', 'rlimit must be in format RESOURCE=LIMIT'],
    ['run x --pull sometimes', 'invalid pull policy: sometimes (expected: always, if-missing, never)'],
    ['run x --tmpfs :64', 'tmpfs path must not be empty'],
    [
      'run x --root-disk flat:clone=x',
      "--root-disk unsupported flat clone strategy 'x' (expected auto, copy, or reflink)",
    ],
    ['run x --replace-with-timeout soon', '--replace-with-timeout: invalid digit found in string'],
    ['create x -n -bad', 'invalid config: sandbox name must start with an alphanumeric'],
    ['exec web --rlimit nofile=2:1', 'soft limit cannot exceed hard limit'],
    ['logs web --since soon', 'could not parse time "soon" (expected RFC 3339 or `5m` etc.)'],
    ['logs web --grep (', 'invalid --grep regex'],
  ])('%s: exit code 1, one line and nothing made', async (line, message) => {
    const { code, stdout, stderr } = await run(line);
    expect({ code, stdout }).toEqual({ code: 1, stdout: '' });
    expect(stderr.startsWith(`error: ${message}`), stderr).toBe(true);
    expect(stderr).not.toMatch(/\n\s+at /);
    expect(existsSync(join(msb.home, 'sandboxes'))).toBe(false);
  });

  it('names a config.json that is none, and the way out', async () => {
    const path = join(msb.folder, 'config.json');
    await writeFile(path, '{');
    const { code, stderr } = await run('ls', { MSB_CONFIG_PATH: path });
    expect(code).toBe(1);
    expect(stderr).toMatch(new RegExp(`^error: invalid config: [^\\n]*${path}[^\\n]*\\n  → [^\\n]*\\n$`));
  });

  it('shows where an error came from only to those who ask', async () => {
    expect((await run('inspect web')).stderr).not.toContain('    at ');
    expect((await run('--debug inspect web')).stderr).toContain('    at ');
  });
});

describe('on a home that is not there', () => {
  it.each([
    ['ls', 'No sandboxes found.\n'],
    ['ps', 'No running sandboxes.\n'],
    ['ps -a', 'No sandboxes found.\n'],
    ['images', 'No images found.\n'],
    ['image ls', 'No images found.\n'],
  ])('%s says that there is nothing and makes nothing', async (line, text) => {
    expect(await run(line)).toMatchObject({ code: 0, stdout: '', stderr: text });
    expect(await run(`${line} --format json`)).toMatchObject({ code: 0, stdout: '[]\n', stderr: '' });
    expect(await run(`${line} -q`)).toMatchObject({ code: 0, stdout: '', stderr: '' });
    expect(await readdir(msb.folder)).toEqual([]);
  });

  it.each([
    'start',
    'stop',
    'kill',
    'wait',
    'modify',
    'metrics',
    'restart',
    'ping',
    'touch',
    'rm',
    'rm -f',
    'inspect',
    'exec',
    'logs',
    'ps',
  ])('%s knows no such sandbox', async (command) => {
    const { code, stdout, stderr } = await run(`${command} web`);
    expect({ code, stdout }).toEqual({ code: 1, stdout: '' });
    expect(stderr).toMatch(/^error: sandbox not found: web\n/);
    expect(existsSync(join(msb.home, 'sandboxes'))).toBe(false);
  });

  it('reports every sandbox it does not know, or none with -q', async () => {
    const { stderr } = await run('stop a b a');
    expect(stderr.match(/^error: /gm)).toHaveLength(2);
    expect(await run('start -q a')).toMatchObject({ code: 1, stderr: '' });
    expect(await run('stop -q a')).toMatchObject({ code: 1, stderr: /^error: sandbox not found: a/ });
  });

  it('is content when no label matches', async () => {
    expect(await run('stop --label a=b')).toMatchObject({
      code: 0,
      stderr: 'warn: no sandboxes matched the given labels\n',
    });
    expect(await run('stop -q --label a=b')).toMatchObject({ code: 0, stderr: '' });
  });

  it.each(['image inspect', 'rmi'])('%s knows no such image', async (command) => {
    const { code, stderr } = await run(`${command} alpine`);
    expect(code).toBe(1);
    expect(stderr).toMatch(/^error: image not found: alpine\n/);
  });
});

describe('lists', () => {
  it('show what the catalog has, newest first', async () => {
    await homeWith(
      { name: 'old', status: 'Stopped' },
      { name: 'new', status: 'Crashed', labels: { team: 'x' } },
    );
    expect((await run('ls', { TZ: 'UTC' })).stdout).toBe(
      [
        'NAME    IMAGE                    STATUS     CREATED',
        'new     docker.io/library/new    crashed    2024-01-02 03:04:05',
        'old     docker.io/library/old    stopped    2024-01-02 03:04:05',
        '',
      ].join('\n'),
    );
    expect(JSON.parse((await run('ls --stopped --format json')).stdout)).toEqual([
      {
        created_at: '2024-01-02T03:04:05.678+00:00',
        image: 'docker.io/library/old',
        name: 'old',
        status: 'Stopped',
      },
    ]);
    expect((await run('ls -q')).stdout).toBe('new\nold\n');
    expect((await run('ls -q --label team=x')).stdout).toBe('new\n');
    expect((await run('ls --running')).stderr).toBe('No sandboxes found.\n');
  });

  it('show resources and commands', async () => {
    await homeWith({ name: 'web', status: 'Stopped' });
    expect((await run('ps')).stderr).toBe('No running sandboxes.\n');
    expect((await run('ps -a')).stdout).toBe(
      [
        'NAME    IMAGE                    COMMAND     CPUS     MEM              STATUS     PORTS',
        'web     docker.io/library/web    "run it"    2 / 2    2 GiB / 2 GiB    stopped    -',
        '',
      ].join('\n'),
    );
    expect(JSON.parse((await run('ps web --format json')).stdout)).toEqual({
      command: '"run it"',
      cpus: 2,
      image: 'docker.io/library/web',
      max_cpus: 2,
      max_memory_mib: 2048,
      memory_mib: 2048,
      name: 'web',
      ports: [],
      status: 'Stopped',
      thp: 'madvise',
    });
    const inspected = JSON.parse((await run('inspect web --format json')).stdout) as Record<string, unknown>;
    expect(Object.keys(inspected)).toEqual([
      'active_config',
      'config',
      'created_at',
      'name',
      'pending_changes',
      'status',
      'updated_at',
    ]);
    expect((await run('inspect web')).stdout).toContain('\nResources\n  CPUs:         2\n');
  });

  it('go through all pages', async () => {
    const names = Array.from({ length: 205 }, (_, index) => `s${index}`);
    await homeWith(...names.map((name) => ({ name, status: 'Stopped' })));
    expect((await run('ls -q')).stdout).toBe(
      names
        .reverse()
        .map((name) => `${name}\n`)
        .join(''),
    );
  });

  it('refuse a catalog of a later release', async () => {
    await homeWith({ name: 'web', status: 'Stopped' });
    await using backend = new LocalBackend({ env: { MSB_HOME: msb.home } });
    await (await backend.catalog()).write((db) =>
      db
        .prepare("INSERT INTO seaql_migrations (version, applied_at) VALUES ('m99999999_000001_later', 1)")
        .run(),
    );
    const { code, stderr } = await run('ls');
    expect(code).toBe(1);
    expect(stderr).toMatch(/^error: [^\n]+\n {2}→ /);
  });
});

describe('msb logs', () => {
  beforeEach(async () => {
    const logs = join(msb.home, 'sandboxes/web/logs');
    await mkdir(logs, { recursive: true });
    const line = (t: string, s: string, d: string, id: number | null) =>
      `${JSON.stringify({ t: `2024-01-02T03:04:0${t}.000Z`, s, d, id })}\n`;
    await writeFile(
      join(logs, 'exec.log'),
      line('1', 'stdout', 'one\n', 1) +
        line('2', 'stderr', '\x1b[31mtwo\x1b[0m\n', 1) +
        line('3', 'stdout', 'three\n', 2),
    );
  });

  it('shows what commands wrote, all on standard output', async () => {
    expect(await run('logs web')).toMatchObject({ code: 0, stdout: 'one\ntwo\nthree\n', stderr: '' });
    expect((await run('logs --tail 1 web')).stdout).toBe('three\n');
    expect((await run('logs --source stderr --color always web')).stdout).toBe('\x1b[31mtwo\x1b[0m\n');
    expect((await run('logs --color always web', { NO_COLOR: '1' })).stdout).not.toContain('\x1b');
    expect((await run('logs --grep ^t web')).stdout).toBe('three\n');
    expect((await run('logs --since 2024-01-02T03:04:02Z --until 2024-01-02T03:04:03Z web')).stdout).toBe(
      'two\n',
    );
    expect((await run('logs --timestamps --show-id --tail 1 web')).stdout).toBe(
      '2024-01-02T03:04:03.000Z\t[id:  2] three\n',
    );
  });

  it('prints JSON lines', async () => {
    const lines = (await run('logs --json --tail 1 web')).stdout;
    expect(lines).toBe('{"d":"three\\n","e":null,"id":2,"s":"stdout","t":"2024-01-02T03:04:03.000Z"}\n');
  });

  it('begins with the boot that failed', async () => {
    const record = { t: '2024-01-02T03:04:05.000Z', stage: 'image', errno: 2, message: 'gone' };
    await writeFile(join(msb.home, 'sandboxes/web/logs/boot-error.json'), JSON.stringify(record));
    expect((await run('logs web')).stderr).toBe(
      [
        'error: failed to start "web"',
        '  → image: gone',
        '  → rootfs not found — try `msb pull <image>` first',
        '  → run `msb logs --source system web` for full diagnostics',
        '\n',
      ].join('\n'),
    );
    expect((await run('logs --json --tail 0 web')).stdout).toBe(
      `${JSON.stringify({ d: JSON.stringify(record), s: 'boot-error', t: record.t })}\n`,
    );
  });
});

describe('msb completion', () => {
  /** What bash offers behind these words, the last of them unfinished. */
  async function offers(...words: string[]): Promise<string[]> {
    const { stdout } = await run('completion bash');
    const list = words.map((word) => `'${word}'`).join(' ');
    const script = `${stdout}\nCOMP_WORDS=(${list}); COMP_CWORD=${words.length - 1}; _msb; echo "\${COMPREPLY[@]}"`;
    const bash = spawn('bash', ['-c', script], { stdio: ['ignore', 'pipe', 'inherit'] });
    let output = '';
    bash.stdout.on('data', (chunk: Buffer) => {
      output += chunk;
    });
    await new Promise((resolve) => bash.on('close', resolve));
    return output.trim().split(' ');
  }

  it('knows commands and their options', async () => {
    expect(await offers('msb', 'st')).toEqual(['start', 'stop', 'status', 'stats']);
    expect(await offers('msb', '--debug', 'image', 'l')).toEqual(['list', 'ls', 'load']);
    expect(await offers('msb', 'rm', '--f')).toEqual(['--force']);
    expect(await offers('msb', 'exec', 'web', '--', '--f')).toEqual(['']);
  });

  it('has scripts for three shells and no other', async () => {
    expect((await run('completion zsh')).stdout).toMatch(/^#compdef msb\n/);
    expect((await run('completion fish')).stdout).toContain(
      "complete -c msb -n '__fish_seen_subcommand_from stop' -l timeout -s t -r -d 'Seconds to wait before killing",
    );
    expect(await run('completion tcsh')).toMatchObject({
      code: 2,
      stderr: /possible values: bash, fish, zsh/,
    });
  });
});

describe('a monitor or accelerator that cannot be had', () => {
  const absent = process.platform === 'darwin' ? 'kvm' : 'hvf';
  it.each([
    ['flag', 'accel', [`--accel ${absent}`, {}, {}]],
    ['environment', 'MSB_ACCEL', ['', { MSB_ACCEL: absent }, {}]],
    ['configuration', 'accel in config.json', ['', {}, { accel: absent }]],
  ] as const)('is refused before anything is fetched (%s)', async (_from, name, [flag, env, config]) => {
    await mkdir(msb.home, { mode: 0o700 });
    await writeFile(join(msb.home, 'config.json'), JSON.stringify(config));
    const { code, stderr } = await run(`create ${flag} registry.invalid/never:asked`.replace('  ', ' '), env);
    expect(code).toBe(1);
    expect(stderr).toMatch(new RegExp(`${name}: ${absent} cannot be had here: .+\n  → .+`));
    expect(stderr).not.toContain('Pulling');
  });
});

describe('msb doctor', () => {
  it('reports what a boot needs, and makes nothing', async () => {
    const { stdout, stderr, code } = await run('doctor --format json');
    const report = JSON.parse(stdout) as {
      healthy: boolean;
      home: string;
      checks: { name: string; status: string; hint?: string }[];
    };
    expect(report.home).toBe(msb.home);
    expect(report.checks.map(({ name }) => name)).toEqual(
      expect.arrayContaining([
        'config',
        'kernel',
        'agent',
        'hardware',
        'libkrun',
        'QEMU',
        'monitor',
        'disk space',
      ]),
    );
    for (const { status, hint } of report.checks) expect(status === 'ok').toBe(hint === undefined);
    expect({ stderr, code }).toEqual({ stderr: '', code: report.healthy ? 0 : 1 });
    expect(await readdir(msb.folder)).toEqual([]);
  });

  it('names what is missing and the way out', async () => {
    const { stdout, code } = await run('doctor', { MSB_LIBKRUNFW_PATH: join(msb.folder, 'none') });
    expect(code).toBe(1);
    expect(stdout).toMatch(/\n {3}✗ kernel {8}libkrunfw not found: [^\n]*none\n {5}→ [^\n]+\n/);
    expect(stdout.endsWith('error: no sandbox can boot here\n')).toBe(true);
  });

  it('calls no QEMU and no libkrun a problem', async (context) => {
    const { stdout, code } = await run('doctor --format json', { PATH: '/nonexistent' });
    const checks = (JSON.parse(stdout) as { checks: { name: string; status: string; hint?: string }[] })
      .checks;
    const check = (name: string) => checks.find((entry) => entry.name === name);
    if (check('libkrun')?.status === 'ok') context.skip('libkrun runs here');
    expect(code).toBe(1);
    expect(check('QEMU')).toMatchObject({ status: 'warning', hint: expect.stringContaining('install') });
    expect(check('monitor')).toMatchObject({ status: 'problem', hint: expect.stringContaining('install') });
  });

  it('warns of few open files, with the way to have more', async () => {
    const script = 'ulimit -n 512; exec "$0" "$@"';
    const args = ['-c', script, process.execPath, msb.command.path, 'doctor', '--format', 'json'];
    const { stdout } = await runCommand('sh', args, { env: { ...process.env, MSB_HOME: msb.home } });
    expect(JSON.parse(stdout.toString()).checks).toContainEqual({
      name: 'nofile',
      status: 'warning',
      value: '512 open files a process',
      hint: expect.stringContaining('ulimit -n'),
    });
  });
});

describe('msb pull', () => {
  it('says that nobody answers, and fails alone with -q', async () => {
    const server = createServer((socket) => socket.destroy());
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const address = server.address();
    const port = typeof address === 'object' && address !== null ? address.port : 0;
    await new Promise((resolve) => server.close(resolve));
    const reference = `127.0.0.1:${port}/image`;
    const { code, stdout, stderr } = await run(`pull --insecure ${reference}`);
    expect({ code, stdout }).toEqual({ code: 1, stdout: '' });
    expect(stderr).toMatch(new RegExp(`^   ✗ Pulling      ${reference}\nerror: [^\n]*127.0.0.1:${port}`));
    expect((await run(`pull -q --insecure ${reference}`)).stderr).toMatch(/^error: /);
  });

  it('refuses what is no reference, and certificates that cannot be read', async () => {
    expect(await run('pull UPPER//case')).toMatchObject({ code: 1, stderr: /error: .*reference/ });
    const { stderr } = await run('pull --ca-certs /nonexistent.pem alpine');
    expect(stderr).toContain('error: failed to read CA certs from `/nonexistent.pem`: ');
  });
});
