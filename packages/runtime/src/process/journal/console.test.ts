import { statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { tempDir } from '../../../test-support/temp-dir.ts';
import { consoleLines, readConsoleTail } from './console-tail.ts';
import { limitKernelLog } from './kernel-log-limit.ts';

describe('readConsoleTail', () => {
  it('gives the last lines without what could steer a terminal', () => {
    const text = 'plain\r\n\u001b[31mred\u001b[0m \u001b]0;title\u0007end\n\u0000\u009b2Jx\ttab\n\n';
    expect(consoleLines(text)).toEqual(['plain', 'red ]0;titleend', '2Jx\ttab']);
    expect(consoleLines(Array.from({ length: 100 }, (_, i) => `l${i}`).join('\n'))).toHaveLength(40);
    expect(consoleLines('x'.repeat(1000))[0]).toHaveLength(400);
  });

  it('reads only the end of a large file, and nothing of a missing one', async () => {
    const path = join(tempDir(), 'kernel.log');
    expect(await readConsoleTail(path)).toEqual([]);
    writeFileSync(path, `${'filler line\n'.repeat(10_000)}the end\n`);
    const lines = await readConsoleTail(path);
    expect(lines.at(-1)).toBe('the end');
    expect(lines).toHaveLength(40);
  });
});

describe('limitKernelLog', () => {
  it('empties a log that is too large, and only that', async () => {
    const path = join(tempDir(), 'kernel.log');
    expect(await limitKernelLog(path, 10)).toBe(false);
    writeFileSync(path, '0123456789');
    expect(await limitKernelLog(path, 10)).toBe(false);
    writeFileSync(path, '0123456789a');
    expect(await limitKernelLog(path, 10)).toBe(true);
    expect(statSync(path).size).toBe(0);
  });
});
