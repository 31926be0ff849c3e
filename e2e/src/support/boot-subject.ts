import { existsSync } from 'node:fs';
import { readdir, readFile, writeFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import {
  type CommandResult,
  type IsolatedHome,
  initIsolatedHome,
  type LocalRegistry,
  startLocalRegistry,
} from '@microsandbox/test-utils';
import { expect } from 'vitest';
import { pushBusybox } from './busybox.ts';
import { consumer, importSdk, msb } from './consumer.ts';
import { pathsNaming, processesNaming } from './leftovers.ts';

const { Sandbox, BootStartError } = await importSdk();

/** A start that fails, and all that is to be seen of it. */
export interface ExpectedFailure {
  readonly kind: string;
  readonly stage: string;
  readonly message: RegExp;
  readonly hint: RegExp;
  /** Something the guest's console or the process's log must have said. */
  readonly console?: RegExp;
  readonly env?: Readonly<Record<string, string>>;
  /** What is done to the start once it is under way. */
  readonly meanwhile?: () => Promise<void>;
}

/** Path of the packed guest kernel's library. */
export async function packedLibkrunfw(): Promise<string> {
  const require = createRequire(join(consumer, 'package.json'));
  const manifest = require.resolve('@superradcompany/microsandbox-linux-x64-gnu/package.json');
  const kernels = join(dirname(manifest), 'lib');
  return join(kernels, (await readdir(kernels))[0] as string);
}

/** What `msb` prints of a start that failed. */
export function expectBootErrorBlock(
  { code, stderr }: CommandResult,
  { stage, message, hint }: Pick<ExpectedFailure, 'stage' | 'message' | 'hint'>,
  of: string,
): void {
  expect(code, stderr).toBe(1);
  const [title, reason, ...rest] = stderr.split('\n').filter((line) => !/^ {3}[✗✓]/.test(line));
  expect(title).toBe(`error: failed to start "${of}"`);
  expect(reason?.startsWith(`  → ${stage}: `), stderr).toBe(true);
  expect(reason).toMatch(message);
  expect(rest[0]).toMatch(hint);
  expect(rest[1]).toBe(`  → run \`msb logs --source system ${of}\` for full diagnostics`);
  expect(stderr.match(/^error:/gm)).toHaveLength(1);
  expect(stderr).not.toMatch(/\n\s+at .*\.[cm]?[jt]s:\d+/);
}

/** A sandbox that boots, and then does not for the reason of each test. */
export class BootSubject implements AsyncDisposable {
  readonly name = 'subject';
  readonly home: IsolatedHome;
  readonly registry: LocalRegistry;
  readonly reference: string;

  private constructor(home: IsolatedHome, registry: LocalRegistry, reference: string) {
    this.home = home;
    this.registry = registry;
    this.reference = reference;
  }

  static async make(): Promise<BootSubject> {
    const home = await initIsolatedHome();
    const registry = await startLocalRegistry();
    const subject = new BootSubject(home, registry, await pushBusybox(registry));
    await subject.writeConfig(home.path);
    const made = await msb(['create', '-q', '-n', subject.name, subject.reference], { env: home.env });
    expect(made.code, made.stderr).toBe(0);
    expect((await msb(['stop', '-q', subject.name], { env: home.env })).code).toBe(0);
    return subject;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.registry[Symbol.asyncDispose]();
    await this.home[Symbol.asyncDispose]();
  }

  /** Every start boots, so that it meets what is damaged. */
  async writeConfig(folder: string, paths: object = {}): Promise<void> {
    const hosts = { [this.registry.host]: { insecure: true } };
    await writeFile(
      join(folder, 'config.json'),
      JSON.stringify({ registries: { hosts }, warm: 'off', paths }),
    );
  }

  /** A file of the sandbox's log folder. */
  log(file: string): string {
    return join(this.home.path, 'sandboxes', this.name, 'logs', file);
  }

  /** The same failed start twice: as the user of `msb` sees it, and as the SDK reports it. */
  async expectFailedStart(expected: ExpectedFailure): Promise<void> {
    const { home, name } = this;
    const env = { ...home.env, ...expected.env };
    const [result] = await Promise.all([msb(['start', name], { env }), expected.meanwhile?.()]);
    expectBootErrorBlock(result, expected, name);
    await this.expectNothingLeft();
    const record = JSON.parse(await readFile(this.log('boot-error.json'), 'utf8'));
    expect(Object.keys(record)).toEqual(['t', 'stage', 'errno', 'message']);
    expect(record).toMatchObject({ stage: expected.stage, message: expect.stringMatching(expected.message) });

    const logged = await msb(['logs', '--source', 'system', name], { env: home.env });
    expect(logged.stderr).toContain(`failed to start "${name}"`);
    expect(logged.stderr).toContain(record.message);
    if (expected.console) expect(logged.stdout.toString()).toMatch(expected.console);

    const [error] = await Promise.all([this.sdkError(expected.env), expected.meanwhile?.()]);
    expect(error).toBeInstanceOf(BootStartError);
    const failure = error as InstanceType<typeof BootStartError>;
    expect(failure.kind, failure.message).toBe(expected.kind);
    expect(failure.record).toMatchObject({
      stage: expected.stage,
      message: expect.stringMatching(expected.message),
    });
    expect(failure.hint).toMatch(expected.hint);
    expect(failure.consoleTail.length).toBeLessThanOrEqual(20);
    if (expected.console) expect(failure.consoleTail.join('\n')).toMatch(expected.console);
    await this.expectNothingLeft();
  }

  /** What a start through the SDK throws; null when it works. */
  async sdkError(env: Readonly<Record<string, string>> = {}): Promise<unknown> {
    const before = { ...process.env };
    Object.assign(process.env, env);
    try {
      await Sandbox.start(this.name);
      return null;
    } catch (error) {
      return error;
    } finally {
      for (const key of Object.keys(env)) {
        if (before[key] === undefined) delete process.env[key];
        else process.env[key] = before[key];
      }
    }
  }

  /** No process, no socket, no open run, and a row that says what is. */
  async expectNothingLeft(): Promise<void> {
    await expect.poll(() => processesNaming(this.#disks()), { timeout: 20_000 }).toEqual([]);
    expect(await pathsNaming(this.home.path, '.sock')).toEqual([]);
    expect((await Sandbox.get(this.name)).status).toBe('stopped');
    const { default: Database } = await import(
      createRequire(join(consumer, 'package.json')).resolve('better-sqlite3')
    );
    const db = new Database(join(this.home.path, 'db/msb.db'), { readonly: true });
    expect(db.prepare("SELECT id FROM run WHERE status = 'Running'").all()).toEqual([]);
    db.close();
  }

  /** Once the cause is gone, so is the failure, and every trace of it. */
  async expectSoundStart(): Promise<void> {
    const sandbox = await Sandbox.start(this.name);
    try {
      expect((await sandbox.shell('echo sound')).stdout()).toBe('sound\n');
      expect(existsSync(this.log('boot-error.json'))).toBe(false);
    } finally {
      await sandbox.stop();
    }
  }

  /** Pid of the machine monitor, as soon as there is one. */
  async monitorPid(): Promise<number> {
    for (let tries = 0; tries < 1000; tries++) {
      const [pid] = await processesNaming(this.#disks());
      if (pid !== undefined) return pid;
      await new Promise((resolve) => setTimeout(resolve, 10));
    }
    throw new Error('no machine monitor came');
  }

  /** What only the monitor names on its command line. */
  #disks(): string {
    return `${this.home.path}/sandboxes/${this.name}/`;
  }
}
