import { spawnSync } from 'node:child_process';
import {
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';

const bin = fileURLToPath(new URL('../bin', import.meta.url));
const OLD_NODES = ['/usr/bin/node', '/usr/local/bin/node'];

/** An installed Node that is too old for us; development machines often have one. */
const oldNode = OLD_NODES.find((path) => {
  if (!existsSync(path)) return false;
  const [major = 0, minor = 0] = spawnSync(path, ['-p', 'process.versions.node'], { encoding: 'utf8' })
    .stdout.split('.')
    .map(Number);
  return major >= 14 && (major < 22 || (major === 22 && minor < 18));
});

describe('bin/msb', () => {
  let folder = '';

  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'launcher-'));
    cpSync(bin, join(folder, 'bin'), { recursive: true });
  });
  afterEach(() => rmSync(folder, { recursive: true }));

  const build = (source: string) => {
    mkdirSync(join(folder, 'dist'));
    writeFileSync(join(folder, 'dist/msb.cjs'), source);
  };
  const run = (node: string, args: readonly string[] = [], env: NodeJS.ProcessEnv = {}) =>
    spawnSync(node, [join(folder, 'bin/msb'), ...args], {
      encoding: 'utf8',
      env: { PATH: process.env['PATH'], ...env },
    });

  it('is executable and in git, so that npm links it before a build', () => {
    expect(statSync(join(bin, 'msb')).mode & 0o111).toBe(0o111);
    const listed = spawnSync('git', ['ls-files', '--error-unmatch', 'msb'], { cwd: bin });
    expect(listed.status).toBe(0);
  });

  it('says in one line that it is not built', () => {
    expect(run(process.execPath)).toMatchObject({
      status: 1,
      stdout: '',
      stderr: 'msb is not built: run npm run build first\n',
    });
  });

  it('hands the arguments over', () => {
    build('exports.main = (args) => { console.log(args); process.exitCode = 5; };');
    expect(run(process.execPath, ['a', '--', 'b c'])).toMatchObject({
      status: 5,
      stdout: "[ 'a', '--', 'b c' ]\n",
      stderr: '',
    });
  });

  it('keeps compiled code in the cache of a home, and makes neither', () => {
    build('exports.main = () => {};');
    const home = join(folder, 'home');
    for (const missing of [home, join(home, 'cache')]) {
      run(process.execPath, [], { MSB_HOME: home });
      expect(existsSync(missing)).toBe(false);
      mkdirSync(missing);
    }
    run(process.execPath, [], { MSB_HOME: home });
    expect(readdirSync(join(home, 'cache/compile'))).not.toEqual([]);
  });

  it.skipIf(oldNode === undefined)(
    `asks for a newer Node when there is none (skipped without an old Node in ${OLD_NODES.join(', ')})`,
    () => {
      build('exports.main = () => {};');
      const { status, stdout, stderr } = run(oldNode ?? '');
      expect({ status, stdout }).toEqual({ status: 1, stdout: '' });
      expect(stderr).toMatch(/^msb needs Node\.js 22\.18 or newer \(this is \d+\.\d+\.\d+\): [^\n]+\n$/);
    },
  );

  it.skipIf(oldNode === undefined)(
    `switches to the Node of npm's \`node\` package (skipped without an old Node in ${OLD_NODES.join(', ')})`,
    () => {
      build('exports.main = () => { console.log(process.version); process.exitCode = 7; };');
      const pinned = join(folder, 'node_modules/node');
      mkdirSync(join(pinned, 'bin'), { recursive: true });
      writeFileSync(join(pinned, 'package.json'), JSON.stringify({ version: process.versions.node }));
      writeFileSync(join(pinned, 'bin/node'), `#!/bin/sh\nexec ${process.execPath} "$@"\n`, { mode: 0o755 });
      expect(run(oldNode ?? '')).toMatchObject({ status: 7, stdout: `${process.version}\n`, stderr: '' });
    },
  );
});
