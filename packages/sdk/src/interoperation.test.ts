import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import {
  buildTestImage,
  mustRun,
  referenceMsb,
  runReference,
  tarFolder,
  writeOciLayout,
} from '@microsandbox/test-utils';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type TestHome, testHome } from '../test/test-home.ts';
import { withBackend } from './backend/current-backend.ts';
import { Image } from './images/image.ts';
import { readSandboxLogs } from './logs/sandbox-logs.ts';
import { Sandbox } from './sandbox.ts';

const reference = 'localhost/small:latest';
const msb = referenceMsb();

let home: TestHome;
beforeEach(async () => {
  home = await testHome();
});
afterEach(async () => {
  await home[Symbol.asyncDispose]();
});

const here = <T>(body: () => Promise<T>): Promise<T> => withBackend(home.backend, body);
const theirs = (...args: string[]) => runReference(msb ?? '', home.path, args);

/** An image as OCI layout, in a folder. */
async function imageLayout(): Promise<string> {
  const tree = join(home.path, 'tree');
  await mkdir(join(tree, 'etc'), { recursive: true });
  const layout = join(home.path, 'layout');
  const image = buildTestImage({ layers: [await tarFolder(tree)], config: { Cmd: ['sh'] } });
  await writeOciLayout(layout, image, reference);
  return layout;
}

describe.skipIf(msb === null)(
  `with the reference implementation${msb === null ? ' (skipped: its package is not installed)' : ''}`,
  () => {
    it('it lists, inspects and reads what we made', async () => {
      await here(async () => Image.importLayout(await imageLayout(), { reference }));
      const sandbox = await here(() =>
        Sandbox.builder('ours')
          .image(reference)
          .pullPolicy('never')
          .label('team', 'sdk')
          .env('K', 'v')
          .create(),
      );
      await sandbox.shell('echo from the sandbox');

      const listed = JSON.parse((await theirs('ls', '--format', 'json')).stdout);
      expect(listed).toMatchObject([{ name: 'ours', image: reference, status: 'Running' }]);
      expect(JSON.parse((await theirs('ls', '--label', 'team=sdk', '--format', 'json')).stdout)).toHaveLength(
        1,
      );

      const inspected = JSON.parse((await theirs('inspect', 'ours', '--format', 'json')).stdout);
      const handle = await here(() => Sandbox.get('ours'));
      expect(inspected.config).toMatchObject({ name: 'ours', env: [{ key: 'K', value: 'v' }] });
      expect(inspected.active_config.manifest_digest).toBe(JSON.parse(handle.configJson).manifest_digest);
      expect(inspected.pending_changes).toEqual([]);

      expect((await theirs('logs', 'ours')).stdout).toBe('from the sandbox\n');
      expect((await theirs('images', '-q')).stdout).toBe(`${reference}\n`);
      await sandbox.stop();
      expect((await theirs('ps', 'ours', '--format', 'json')).stdout).toContain('"Stopped"');
      expect((await theirs('rm', 'ours')).code).toBe(0);
      expect((await here(() => Sandbox.list())).sandboxes).toEqual([]);
    }, 60_000);

    it('it finds our dead sandboxes as we do', async () => {
      const sandbox = await here(() => Sandbox.builder('dead').image(home.disk).detached(true).create());
      const catalog = await home.backend.catalog();
      const pid = await catalog.read((db) => db.prepare('SELECT pid FROM run').pluck().get());
      process.kill(Number(pid), 'SIGKILL');
      await expect
        .poll(async () => JSON.parse((await theirs('ls', '--format', 'json')).stdout), { timeout: 10_000 })
        .toMatchObject([{ name: 'dead', status: 'Crashed' }]);
      expect((await here(() => Sandbox.get('dead'))).status).toBe('crashed');
      await sandbox.detach();
    }, 30_000);

    it('we list, read, start and remove what it made', async () => {
      const archive = join(home.path, 'image.tar');
      await mustRun('tar', ['-C', await imageLayout(), '-cf', archive, '.']);
      expect((await theirs('load', '-i', archive)).stderr).toContain('Loaded');
      // Without virtualisation its boot fails, and leaves the sandbox stopped.
      await theirs('create', '-n', 'theirs', '--label', 'a=b', reference);
      await theirs('stop', 'theirs');

      const { sandboxes } = await here(() => Sandbox.listWith((list) => list.label('a', 'b')));
      expect(sandboxes.map(({ name, status }) => [name, status])).toEqual([['theirs', 'stopped']]);
      expect(sandboxes[0]?.config()).toMatchObject({
        image: { Oci: { reference } },
        resources: { cpus: 1, memoryMib: 512 },
        labels: { a: 'b' },
      });
      expect(await here(() => readSandboxLogs('theirs', { sources: ['all'] }))).toMatchObject({
        entries: expect.any(Array),
      });
      expect(await here(() => Image.get(reference))).toMatchObject({ layerCount: 1, os: 'linux' });

      const sandbox = await here(() => Sandbox.start('theirs'));
      expect((await sandbox.exec('echo', ['ours now'])).stdout()).toBe('ours now\n');
      await sandbox.stop();
      await here(() => Sandbox.remove('theirs'));
      expect((await theirs('ls', '-q')).stdout).toBe('');
      await here(() => Image.remove(reference));
      expect((await theirs('images', '-q')).stdout).toBe('');
    }, 90_000);
  },
);
