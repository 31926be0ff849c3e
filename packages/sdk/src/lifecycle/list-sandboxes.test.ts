import { existsSync } from 'node:fs';
import { insertSandbox, setSandboxStatus } from '@microsandbox/db';
import { sandboxConfigSchema } from '@microsandbox/types';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type TestHome, testHome } from '../../test/test-home.ts';
import { withBackend } from '../backend/current-backend.ts';
import { Sandbox } from '../sandbox.ts';
import { encodeCursor } from './list-sandboxes.ts';

let home: TestHome;
beforeEach(async () => {
  home = await testHome();
});
afterEach(async () => {
  await home[Symbol.asyncDispose]();
});

async function given(count: number): Promise<void> {
  const catalog = await home.backend.catalog();
  await catalog.write((db) => {
    for (let index = 1; index <= count; index += 1) {
      const { id } = insertSandbox(
        db,
        sandboxConfigSchema.parse({
          name: `s${index}`,
          image: { Oci: { reference: 'busybox' } },
          labels: { parity: index % 2 === 0 ? 'even' : 'odd', all: 'yes' },
        }),
      );
      setSandboxStatus(db, id, 'Stopped');
    }
  });
}

type Configure = Parameters<typeof Sandbox.listWith>[0];
const page = (configure: Configure) => withBackend(home.backend, () => Sandbox.listWith(configure));
const names = async (configure: Configure) => (await page(configure)).sandboxes.map(({ name }) => name);

describe('a list of sandboxes', () => {
  it('of a missing home is empty and makes nothing', async () => {
    expect((await withBackend(home.backend, () => Sandbox.list())).sandboxes).toEqual([]);
    expect(existsSync(home.layout.dbDir)).toBe(false);
  });

  it('is paged, newest first, 20 at a time', async () => {
    await given(45);
    const seen: string[] = [];
    let cursor: string | undefined;
    const sizes: number[] = [];
    do {
      const next = await page((list) => (cursor === undefined ? list : list.cursor(cursor)));
      seen.push(...next.sandboxes.map(({ name }) => name));
      sizes.push(next.sandboxes.length);
      cursor = next.nextCursor;
    } while (cursor !== undefined);
    expect(sizes).toEqual([20, 20, 5]);
    expect(seen).toEqual(Array.from({ length: 45 }, (_, index) => `s${45 - index}`));
  });

  it('filters by labels before it pages', async () => {
    await given(6);
    expect(await names((list) => list.label('parity', 'even').limit(2))).toEqual(['s6', 's4']);
    expect(await names((list) => list.labels({ parity: 'odd', all: 'yes' }))).toEqual(['s5', 's3', 's1']);
    expect(await names((list) => list.label('parity', 'even').label('all', 'no'))).toEqual([]);
  });

  it('gives no cursor on a last page that is full', async () => {
    await given(2);
    expect(await page((list) => list.limit(2))).not.toHaveProperty('nextCursor');
  });

  it.each([0, 101, 1.5, -1])('refuses a limit of %d', async (limit) => {
    await expect(page((list) => list.limit(limit))).rejects.toMatchObject({
      code: 'invalidConfig',
      message: 'invalid config: sandbox list limit must be between 1 and 100',
    });
  });

  it.each([
    ['', 'encoding'],
    ['MTc=', 'encoding'],
    ['!!', 'encoding'],
    [Buffer.from('x1').toString('base64url'), 'payload'],
    [Buffer.from('-3').toString('base64url'), 'payload'],
  ])('refuses the cursor %j', async (cursor, part) => {
    await expect(page((list) => list.cursor(cursor))).rejects.toMatchObject({
      code: 'invalidCursor',
      message: `invalid cursor: invalid sandbox list cursor ${part}`,
    });
  });

  it('writes cursors as the reference does', () => {
    expect(encodeCursor(17)).toBe('MTc');
  });

  it('options are what was set', async () => {
    let options: unknown;
    await given(1);
    await page((list) => {
      options = list.limit(50).label('team', 'sdk').labels({ tier: 'worker' }).toNapi();
      return list;
    });
    expect(options).toEqual({ limit: 50, labels: { team: 'sdk', tier: 'worker' } });
  });
});
