import { mkdir, mkdtemp, readdir, readFile, rm, stat, truncate, utimes, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { copyNonZero, readMemoryContent } from './nonzero-blocks.ts';
import { type Template, TemplateStore } from './template-store.ts';

const MEMORY_BYTES = 256 * 1024;

let cacheDir: string;
let store: TemplateStore;

beforeEach(async () => {
  cacheDir = await mkdtemp(join(tmpdir(), 'msb-'));
  store = new TemplateStore(cacheDir);
});
afterEach(() => rm(cacheDir, { recursive: true, force: true }));

const folder = (key: string) => join(cacheDir, 'warm', key);
const names = () => readdir(join(cacheDir, 'warm'));

/** A template whose memory has a page of `fill` among zeros. */
async function begin(key: string, fill = 7): Promise<Template> {
  const template = await store.begin(key);
  const source = join(cacheDir, 'memory');
  const memory = Buffer.alloc(MEMORY_BYTES);
  memory.fill(fill, 64 * 1024, 68 * 1024);
  await writeFile(source, memory);
  await copyNonZero(source, template.memoryPath);
  await writeFile(template.statePath, `state of ${key}`);
  return template;
}

async function publish(key: string): Promise<void> {
  const template = await begin(key);
  await store.publish(template, {
    createdAt: '2026-01-01T00:00:00.000Z',
    qemuVersion: '7.2.0',
    memory: await readMemoryContent(template.memoryPath),
    state: await readMemoryContent(template.statePath),
  });
}

describe('a template', () => {
  it('is found by its key, with the memory that was saved', async () => {
    await publish('a');
    const found = await store.find('a');
    expect(found).toMatchObject({ key: 'a', qemuVersion: '7.2.0' });
    const memory = await readFile((await store.find('a'))?.memoryPath as string);
    expect(memory.length).toBe(MEMORY_BYTES);
    expect(memory.indexOf(7)).toBe(64 * 1024);
    expect(await store.find('b')).toBeNull();
    expect(((await stat(join(folder('a'), 'memory'))).mode & 0o777).toString(8)).toBe('600');
  });

  it('is nobody’s before it is published, and its remains are taken away by the next one', async () => {
    await begin('a');
    expect(await store.find('a')).toBeNull();
    expect(await store.list()).toEqual([]);
    expect(await names()).toEqual(['.a.tmp']);
    await publish('b');
    expect(await names()).toEqual(['b']);
  });

  it('replaces the one of its name, and leaves nothing when it is given up', async () => {
    await publish('a');
    await publish('a');
    await store.discard(await begin('a'));
    expect(await names()).toEqual(['a']);
    expect(await store.find('a')).not.toBeNull();
  });

  it('is trusted again when it was only copied', async () => {
    await publish('a');
    const memory = join(folder('a'), 'memory');
    const content = await readFile(memory);
    await rm(memory);
    await writeFile(memory, content);
    expect(await store.find('a')).not.toBeNull();
  });
});

describe('a template is noticed and removed', () => {
  const memory = () => join(folder('a'), 'memory');
  const meta = () => join(folder('a'), 'meta.json');
  const changed = async (change: object) =>
    writeFile(meta(), JSON.stringify({ ...JSON.parse(await readFile(meta(), 'utf8')), ...change }));

  it.each<[string, () => Promise<unknown>]>([
    ['cut in half', () => truncate(memory(), MEMORY_BYTES / 2)],
    ['of zeros', () => writeFile(memory(), Buffer.alloc(MEMORY_BYTES))],
    ['empty', () => truncate(memory(), 0)],
    ['without its memory', () => rm(memory())],
    ['with another state', () => writeFile(join(folder('a'), 'state'), 'state of b')],
    ['without its state', () => rm(join(folder('a'), 'state'))],
    ['whose description is cut in half', async () => truncate(meta(), 100)],
    ['whose description is no object', () => writeFile(meta(), 'null')],
    ['whose description has no digests', () => changed({ memory: null, identity: '' })],
    ['of another format', () => changed({ version: 2 })],
    ['of another key', () => changed({ key: 'b' })],
  ])('%s', async (_, damage) => {
    await publish('a');
    await damage();
    expect(await store.find('a')).toBeNull();
    expect(await names()).toEqual([]);
    await publish('a');
    expect(await store.find('a')).not.toBeNull();
  });
});

describe('templates', () => {
  it('are listed by their last use, and the others go first', async () => {
    for (const [index, key] of ['old', 'middle', 'new'].entries()) {
      await publish(key);
      await utimes(join(folder(key), 'meta.json'), index, index);
    }
    expect((await store.list()).map(({ key }) => key)).toEqual(['new', 'middle', 'old']);
    await store.find('old');
    await expect.poll(async () => (await store.list())[0]?.key).toBe('old');
    await store.prune(2);
    expect((await names()).toSorted()).toEqual(['new', 'old']);
  });

  it('are listed without what is none', async () => {
    await publish('a');
    await mkdir(folder('stray'));
    expect((await store.list()).map(({ key }) => key)).toEqual(['a']);
  });
});
