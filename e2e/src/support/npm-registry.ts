import { createHash } from 'node:crypto';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { tarFolder } from '@microsandbox/test-utils';

/** A package of one file. */
interface TestPackage {
  readonly name: string;
  readonly main: string;
  readonly dependencies?: Readonly<Record<string, string>>;
  /** The index tells the digest of other bytes than those that are served. */
  readonly isForged?: boolean;
}

const PACKAGES: readonly TestPackage[] = [
  {
    name: 'greeting',
    main: 'console.log(require("words").hello)',
    dependencies: { words: '^1.0.0' },
  },
  { name: 'words', main: 'exports.hello = "hello from a dependency"' },
  { name: 'forged', main: '', isForged: true },
];

/** Where the registry is below a host. */
export const NPM_PATH = 'npm/';

/**
 * Puts an npm registry below a folder that is served: a document for each package, and archives with digests. Clients
 * have to take archives from where they take documents (`replace-registry-host`), over TLS or not.
 */
export async function writeNpmRegistry(site: string): Promise<void> {
  const folder = join(site, NPM_PATH);
  await mkdir(join(folder, 'archives'), { recursive: true });
  await Promise.all(PACKAGES.map((one) => writePackage(folder, one)));
}

async function writePackage(folder: string, one: TestPackage): Promise<void> {
  const { name, dependencies = {}, isForged = false } = one;
  const version = '1.0.0';
  const archive = gzipSync(await archiveOf(one, { name, version, main: 'main.js', dependencies }));
  const file = `archives/${name}-${version}.tgz`;
  await writeFile(join(folder, file), archive);
  const told = isForged ? Buffer.concat([archive, archive]) : archive;
  const dist = {
    tarball: `http://registry.invalid/${NPM_PATH}${file}`,
    integrity: `sha512-${createHash('sha512').update(told).digest('base64')}`,
  };
  const manifest = { name, version, dependencies, dist };
  const packument = { name, 'dist-tags': { latest: version }, versions: { [version]: manifest } };
  await writeFile(join(folder, name), JSON.stringify(packument));
}

async function archiveOf({ main }: TestPackage, manifest: object): Promise<Buffer> {
  const folder = await mkdtemp(join(tmpdir(), 'msb-npm-'));
  try {
    await writeFile(join(folder, 'package.json'), JSON.stringify(manifest));
    await writeFile(join(folder, 'main.js'), `${main}\n`);
    return await tarFolder(folder);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}
