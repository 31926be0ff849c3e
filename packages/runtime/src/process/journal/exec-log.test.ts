import { execFile } from 'node:child_process';
import { readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { SeededRandom } from '@microsandbox/test-utils';
import { describe, expect, it } from 'vitest';
import { tempDir } from '../../../test-support/temp-dir.ts';
import { ExecLog } from './exec-log.ts';

const linesOf = (path: string) => readFileSync(path, 'utf8').split('\n').slice(0, -1);

describe('ExecLog', () => {
  it('writes a line of JSON a piece, its keys in their order', async () => {
    const path = join(tempDir(), 'exec.log');
    const log = new ExecLog(path);
    log.system('--- sandbox started ---');
    log.output('stdout', 7, Buffer.from('a "quoted"\tline\n'));
    log.output('stderr', 7, Buffer.from([0x66, 0xff, 0x00, 0x1b]));
    log.output('output', 8, Buffer.from('é\u2028🙂'));
    log.output('stdout', 8, Buffer.alloc(0));
    await log.close();
    const times = linesOf(path).map((line) => line.slice(0, 31));
    for (const time of times) expect(time).toMatch(/^\{"t":"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z"$/);
    expect(linesOf(path).map((line) => line.slice(31))).toEqual([
      ',"s":"system","d":"--- sandbox started ---\\n"}',
      ',"s":"stdout","d":"a \\"quoted\\"\\tline\\n","id":7}',
      ',"s":"stderr","d":"f\ufffd\\u0000\\u001b","id":7}',
      ',"s":"output","d":"é\u2028🙂","id":8}',
      ',"s":"stdout","d":"","id":8}',
    ]);
  });

  it('escapes whatever a program prints as JSON.stringify would', async () => {
    const path = join(tempDir(), 'exec.log');
    const log = new ExecLog(path, { limitBytes: 1 << 30 });
    const random = new SeededRandom(42);
    const alphabets = [
      () => random.below(256),
      () => 0x61 + random.below(26),
      () => random.below(0x30),
      () => [0x22, 0x5c, 0x61][random.below(3)] ?? 0,
    ];
    const pieces = Array.from({ length: 3000 }, (_, index) => {
      const byte = alphabets[index % alphabets.length] as () => number;
      const length = index % 500 === 0 ? 200_000 : random.below(200);
      return Buffer.from(Array.from({ length }, byte));
    });
    for (const [index, piece] of pieces.entries()) {
      log.output('stdout', 1, piece);
      if (index % 1000 === 0) await log.flush();
    }
    await log.close();
    const texts = linesOf(path).map((line) =>
      line.slice(line.indexOf(',"d":') + 5, line.lastIndexOf(',"id":')),
    );
    expect(texts).toHaveLength(pieces.length);
    const wrong = pieces.find((piece, index) => JSON.stringify(piece.toString('utf8')) !== texts[index]);
    expect(wrong?.toString('hex')).toBeUndefined();
  });

  it('does not keep the memory that it was given', async () => {
    const path = join(tempDir(), 'exec.log');
    const log = new ExecLog(path);
    const bytes = Buffer.from('first');
    log.output('stdout', 1, bytes);
    bytes.write('wrong');
    log.output('stdout', 1, bytes);
    bytes.fill(0);
    await log.close();
    expect(linesOf(path).map((line) => JSON.parse(line).d)).toEqual(['first', 'wrong']);
  });

  it('divides no line between two files, and counts what waits', async () => {
    const path = join(tempDir(), 'exec.log');
    const log = new ExecLog(path, { limitBytes: 60_000 });
    const count = 4000;
    for (let index = 0; index < count; index++) log.output('stdout', 1, Buffer.from(`line ${index}\n`));
    expect(log.backlogBytes).toBeGreaterThan(count * 6);
    await log.close();
    expect(log.backlogBytes).toBe(0);
    const read = [4, 3, 2, 1].flatMap((number) => linesOf(`${path}.${number}`)).concat(linesOf(path));
    const printed = read.map((line) => JSON.parse(line).d);
    expect(printed).toEqual(
      Array.from({ length: printed.length }, (_, index) => `line ${count - printed.length + index}\n`),
    );
    expect(readFileSync(`${path}.1`).length).toBeLessThanOrEqual(60_000);
  });

  it('takes 200 MiB in a memory that stays as it is', async () => {
    const path = join(tempDir(), 'exec.log');
    const script = fileURLToPath(new URL('../../../test-support/print-much.ts', import.meta.url));
    // As sandbox processes run: with a small heap.
    const flags = ['--max-semi-space-size=1', '--max-old-space-size=64', '--conditions=@microsandbox/source'];
    const { stdout } = await promisify(execFile)(process.execPath, [...flags, script, path], {
      timeout: 100_000,
    });
    expect(Number(stdout)).toBeGreaterThan(0);
    expect(Number(stdout)).toBeLessThan(64 << 20);
    expect(statSync(`${path}.4`).size).toBeGreaterThan(9 << 20);
  }, 120_000);
});
