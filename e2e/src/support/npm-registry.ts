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
  readonly needs?: Pick<Manifest, 'dependencies' | 'optionalDependencies'>;
  /** The index tells the digest of other bytes than those that are served. */
  readonly isForged?: boolean;
}

interface Manifest {
  readonly name: string;
  readonly version: string;
  readonly main: string;
  readonly dependencies?: Readonly<Record<string, string>>;
  readonly optionalDependencies?: Readonly<Record<string, string>>;
}

const PACKAGES: readonly TestPackage[] = [
  {
    name: 'greeting',
    main: 'console.log(require("@plain/words").hello)',
    needs: { dependencies: { '@plain/words': '^1.0.0' }, optionalDependencies: { forged: '^1.0.0' } },
  },
  { name: '@plain/words', main: 'exports.hello = "hello from a dependency"' },
  { name: 'forged', main: '', isForged: true },
];

/** Where the registry is below a host. */
export const NPM_PATH = 'npm/';

/**
 * Puts an npm registry below a folder that a host serves: a document for each package, and archives with digests. The
 * package `greeting` needs `@plain/words`, whose archive comes without TLS, and would like to have `forged`, whose
 * digest is wrong.
 */
export async function writeNpmRegistry(site: string, host: string): Promise<void> {
  const folder = join(site, NPM_PATH);
  for (const name of ['archives', '@plain']) await mkdir(join(folder, name), { recursive: true });
  await Promise.all(PACKAGES.map((one) => writePackage(folder, host, one)));
}

async function writePackage(folder: string, host: string, one: TestPackage): Promise<void> {
  const { name, needs, isForged = false } = one;
  const version = '1.0.0';
  const manifest: Manifest = { name, version, main: 'main.js', ...needs };
  const archive = gzipSync(await archiveOf(manifest, one.main));
  const file = `archives/${name.replace('/', '-')}-${version}.tgz`;
  await writeFile(join(folder, file), archive);
  const told = isForged ? Buffer.concat([archive, archive]) : archive;
  const scheme = name.startsWith('@plain/') ? 'http' : 'https';
  const dist = {
    tarball: `${scheme}://${host}/${NPM_PATH}${file}`,
    integrity: `sha512-${createHash('sha512').update(told).digest('base64')}`,
  };
  const versions = { [version]: { ...manifest, dist } };
  await writeFile(join(folder, name), JSON.stringify({ name, 'dist-tags': { latest: version }, versions }));
}

async function archiveOf(manifest: Manifest, main: string): Promise<Buffer> {
  const folder = await mkdtemp(join(tmpdir(), 'msb-npm-'));
  try {
    await writeFile(join(folder, 'package.json'), JSON.stringify(manifest));
    await writeFile(join(folder, manifest.main), `${main}\n`);
    return await tarFolder(folder);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}
