import { appendFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { tempDir } from '../../../test-support/temp-dir.ts';
import { HaltWatch } from './halt-watch.ts';

/** A console's log, and how often a halt was noticed. */
async function watched(before = '') {
  const path = join(tempDir(), 'kernel.log');
  await writeFile(path, before);
  const seen = { halts: 0 };
  const watch = new HaltWatch(path, () => {
    seen.halts += 1;
  });
  return { path, seen, watch };
}

it.each([
  'reboot: Power off not available: System halted instead\n',
  '[   12.345678] reboot: System halted\r\n',
])('notices %j, once', async (words) => {
  const { path, seen } = await watched('Linux version 6.12\n');
  await appendFile(path, 'init: good bye\n');
  await appendFile(path, words);
  await expect.poll(() => seen.halts, { timeout: 10_000 }).toBe(1);
  await appendFile(path, words);
  await new Promise((resolve) => setTimeout(resolve, 500));
  expect(seen.halts).toBe(1);
});

it('notices what was there before it', async () => {
  const { seen } = await watched('reboot: System halted\n');
  await expect.poll(() => seen.halts, { timeout: 10_000 }).toBe(1);
});

it('takes words with something behind them for somebody else’s', async () => {
  const { path, seen, watch } = await watched('reboot: System halted\nhello\n');
  await appendFile(path, 'a reboot: System halted? No.\n');
  await new Promise((resolve) => setTimeout(resolve, 600));
  expect(seen.halts).toBe(0);
  watch[Symbol.dispose]();
  await appendFile(path, 'reboot: System halted\n');
  await new Promise((resolve) => setTimeout(resolve, 600));
  expect(seen.halts).toBe(0);
});
