import { mkdir, readdir, readFile, rename, rm, stat, utimes } from 'node:fs/promises';
import { join } from 'node:path';
import { errnoOf, syncDirectory, writeFileAtomic } from '@microsandbox/utils';

/** A saved machine that others wake from. */
export interface Template {
  readonly key: string;
  /** The guest's memory, sparse. */
  readonly memoryPath: string;
  /** The devices' state, as QEMU saved it. */
  readonly statePath: string;
}

/** A template that machines can wake from. */
export interface FoundTemplate extends Template {
  /** Version of the QEMU that saved it; no other one loads it. */
  readonly qemuVersion: string;
}

/** What the store remembers of a template's files. */
export interface TemplateMeta {
  readonly version: 1;
  readonly key: string;
  /** Time of making, RFC 3339. */
  readonly createdAt: string;
  readonly qemuVersion: string;
  readonly memory: { readonly sha256: string; readonly bytes: number };
  readonly state: { readonly sha256: string; readonly bytes: number };
  /** Identity of both files when their digests were last known to be right. */
  readonly identity: string;
}

/** A template as it is listed. */
export interface TemplateInfo {
  readonly key: string;
  readonly createdAt: string;
  readonly lastUsedAt: Date;
  /** Bytes on disk. */
  readonly bytes: number;
}

const META = 'meta.json';
const TEMPORARY = /^\..*\.tmp$/;

/** Templates below `cache/warm`, one folder each. */
export class TemplateStore {
  readonly #folder: string;

  constructor(cacheDir: string) {
    this.#folder = join(cacheDir, 'warm');
  }

  /** Held by the one process that makes a template. */
  get lockPath(): string {
    return join(this.#folder, '.lock');
  }

  /**
   * The template of that name, if there is one that can be trusted: its files are those that were saved. Files
   * that were touched since are read and compared; what does not match is removed.
   */
  async find(key: string): Promise<FoundTemplate | null> {
    const template = this.#templateOf(join(this.#folder, key), key);
    const meta = await this.#readMeta(key);
    if (meta === null) return null;
    const identity = await identityOf(template).catch(() => null);
    if (identity === null || meta.key !== key) {
      await this.remove(key);
      return null;
    }
    if (identity !== meta.identity && !(await this.#stillRight(template, meta, identity))) return null;
    // Marks it as used; who comes too late to mark has still used it.
    const now = new Date();
    utimes(join(this.#folder, key, META), now, now).catch(() => {});
    return { ...template, qemuVersion: meta.qemuVersion };
  }

  /** An empty folder to make a template in; {@link publish} or {@link discard} it. */
  async begin(key: string): Promise<Template> {
    // Not recursive: a home that was removed meanwhile must not come back.
    await mkdir(this.#folder, { mode: 0o700 }).catch((error: unknown) => {
      if (errnoOf(error) !== 'EEXIST') throw error;
    });
    for (const name of await readdir(this.#folder)) {
      if (TEMPORARY.test(name)) await rm(join(this.#folder, name), { recursive: true, force: true });
    }
    const folder = join(this.#folder, `.${key}.tmp`);
    await mkdir(folder, { mode: 0o700 });
    return this.#templateOf(folder, key);
  }

  /** Makes a finished template known under its name, whole or not at all. */
  async publish(template: Template, meta: Omit<TemplateMeta, 'identity' | 'version' | 'key'>): Promise<void> {
    const folder = join(this.#folder, `.${template.key}.tmp`);
    const full: TemplateMeta = {
      version: 1,
      key: template.key,
      ...meta,
      identity: await identityOf(template),
    };
    await writeFileAtomic(join(folder, META), JSON.stringify(full, null, 2));
    await this.remove(template.key);
    await rename(folder, join(this.#folder, template.key));
    await syncDirectory(this.#folder);
  }

  async discard(template: Template): Promise<void> {
    await rm(join(this.#folder, `.${template.key}.tmp`), { recursive: true, force: true });
  }

  async remove(key: string): Promise<void> {
    await rm(join(this.#folder, key), { recursive: true, force: true });
  }

  /** Newest use first. */
  async list(): Promise<TemplateInfo[]> {
    const names = await readdir(this.#folder).catch(() => []);
    const infos = await Promise.all(
      names.filter((name) => !name.startsWith('.')).map((key) => this.#info(key)),
    );
    return infos
      .filter((info) => info !== null)
      .toSorted((a, b) => b.lastUsedAt.getTime() - a.lastUsedAt.getTime());
  }

  /** Removes those that were not used for longest, until `keep` are left. */
  async prune(keep: number): Promise<void> {
    for (const { key } of (await this.list()).slice(keep)) await this.remove(key);
  }

  #templateOf(folder: string, key: string): Template {
    return { key, memoryPath: join(folder, 'memory'), statePath: join(folder, 'state') };
  }

  async #stillRight(template: Template, meta: TemplateMeta, identity: string): Promise<boolean> {
    const { readMemoryContent } = await import('./nonzero-blocks.ts');
    const [memory, state] = await Promise.all([
      readMemoryContent(template.memoryPath),
      readMemoryContent(template.statePath),
    ]);
    if (memory.sha256 !== meta.memory.sha256 || state.sha256 !== meta.state.sha256) {
      await this.remove(template.key);
      return false;
    }
    await writeFileAtomic(
      join(this.#folder, template.key, META),
      JSON.stringify({ ...meta, identity }, null, 2),
    );
    return true;
  }

  async #readMeta(key: string): Promise<TemplateMeta | null> {
    const path = join(this.#folder, key, META);
    const meta = await readFile(path, 'utf8').then(parseMeta, (error: unknown) => {
      // Never finished: nobody uses it, and the maker of the next one takes it away.
      if (errnoOf(error) !== 'ENOENT') throw error;
      return undefined;
    });
    if (meta === null) await this.remove(key);
    return meta ?? null;
  }

  async #info(key: string): Promise<TemplateInfo | null> {
    const meta = await this.#readMeta(key);
    if (meta === null) return null;
    const template = this.#templateOf(join(this.#folder, key), key);
    const [memory, state, used] = await Promise.all(
      [template.memoryPath, template.statePath, join(this.#folder, key, META)].map((path) => stat(path)),
    ).catch(() => []);
    if (memory === undefined || state === undefined || used === undefined) return null;
    const bytes = (memory.blocks + state.blocks) * 512;
    return { key, createdAt: meta.createdAt, lastUsedAt: used.mtime, bytes };
  }
}

/** Null for what this version did not write, or what somebody damaged. */
function parseMeta(text: string): TemplateMeta | null {
  try {
    const meta = JSON.parse(text) as TemplateMeta;
    const texts: unknown[] = [
      ...[meta.key, meta.createdAt, meta.qemuVersion, meta.identity],
      ...[meta.memory.sha256, meta.state.sha256],
    ];
    return meta.version === 1 && texts.every((value) => typeof value === 'string') ? meta : null;
  } catch {
    return null;
  }
}

/** Changes when either file is replaced or written. */
async function identityOf({ memoryPath, statePath }: Template): Promise<string> {
  const infos = await Promise.all([memoryPath, statePath].map((path) => stat(path, { bigint: true })));
  return infos.map(({ ino, size, mtimeNs }) => [ino, size, mtimeNs].join('.')).join('-');
}
