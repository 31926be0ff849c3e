import { mkdir, mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import {
  buildTestImage,
  findProgram,
  type LocalRegistry,
  mustRun,
  pushImage,
  SeededRandom,
  startLocalRegistry,
} from '@microsandbox/test-utils';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { pullImage } from '../src/index.ts';
import { tarEntry } from './tar-builder.ts';
import { upstreamMsb } from './upstream-msb.ts';

const missing =
  upstreamMsb === null || (await findProgram('docker-registry')) === null
    ? "upstream's command or docker-registry is not installed"
    : false;
if (missing) console.warn(`skipped: ${missing}`);

describe.skipIf(missing)('after pulling the same image, our cache and that of upstream', () => {
  let folder: string;
  let registry: LocalRegistry;

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'upstream-'));
    registry = await startLocalRegistry();
  });
  afterAll(async () => {
    await registry[Symbol.asyncDispose]();
    await rm(folder, { recursive: true, force: true });
  });

  it('are equal, and each is accepted by the other', async () => {
    const random = new SeededRandom(2026);
    const layers = Array.from({ length: 4 }, () => randomLayer(random));
    const config = {
      Env: ['A=b'],
      Cmd: ['x'],
      Entrypoint: ['y'],
      WorkingDir: '/w',
      User: 'u',
      StopSignal: 'SIGINT',
    };
    const image = buildTestImage({ layers, config });
    const reference = await pushImage({ registry, repository: 'demo', tag: '1', image });
    const [ours, theirs] = [join(folder, 'ours'), join(folder, 'theirs')];
    const options = { reference, registry: { insecureHosts: [registry.host] } };
    await pullImage({ ...options, cacheDir: join(ours, 'cache') });
    await pullByUpstream(theirs, reference);
    expect(await contents(join(ours, 'cache'), ours)).toEqual(await contents(join(theirs, 'cache'), theirs));

    expect((await pullImage({ ...options, cacheDir: join(theirs, 'cache') })).cached).toBe(true);
    expect(await pullByUpstream(ours, reference)).toContain('already cached');
  }, 60_000);

  async function pullByUpstream(home: string, reference: string): Promise<string> {
    await mkdir(home, { recursive: true });
    const { stderr } = await mustRun(upstreamMsb as string, ['pull', '--insecure', reference], {
      env: { ...process.env, MSB_HOME: home },
    });
    return stderr;
  }
});

/** All files of a cache but locks, with the home's own path taken out of descriptors. */
async function contents(cacheDir: string, home: string): Promise<Record<string, string>> {
  const files: Record<string, string> = {};
  for (const kind of ['layers', 'fsmeta', 'vmdk', 'manifests']) {
    for (const name of await readdir(join(cacheDir, kind))) {
      if (name.endsWith('.lock')) continue;
      const bytes = await readFile(join(cacheDir, kind, name));
      files[`${kind}/${name}`] =
        kind === 'layers' || kind === 'fsmeta'
          ? bytes.toString('base64')
          : bytes.toString().replaceAll(home, 'HOME');
    }
  }
  return files;
}

function randomLayer(random: SeededRandom): Buffer {
  const entries: Buffer[] = [];
  const names = ['a', 'b', 'etc', 'lib', '-dash', '!', 'été', 'x'.repeat(90)];
  for (let i = 0; i < 40; i++) {
    const directory = random.pick(names);
    const name = `${directory}/${random.pick(names)}`;
    const owner = {
      mode: random.pick([0o644, 0o4755, 0o600]),
      uid: random.below(70_000),
      mtime: random.below(2 ** 31),
    };
    if (i < names.length) entries.push(tarEntry({ ...owner, name: `${names[i]}/`, type: '5', mode: 0o755 }));
    else if (random.chance(0.15))
      entries.push(tarEntry({ ...owner, name: `${directory}/.wh.${random.pick(names)}` }));
    else if (random.chance(0.1)) entries.push(tarEntry({ ...owner, name: `${directory}/.wh..wh..opq` }));
    else if (random.chance(0.2))
      entries.push(tarEntry({ ...owner, name, type: '2', linkName: 't'.repeat(random.below(90) + 1) }));
    else
      entries.push(
        tarEntry({ ...owner, name, body: random.bytes(random.below(random.chance(0.1) ? 90_000 : 9000)) }),
      );
  }
  return Buffer.concat([...entries, Buffer.alloc(1024)]);
}
