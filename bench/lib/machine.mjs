import { readFileSync } from 'node:fs';
import { availableParallelism, totalmem } from 'node:os';

/** Describes this machine in one line, for the results file. */
export function machine() {
  const model = /model name\s*: (.*)/.exec(readFileSync('/proc/cpuinfo', 'utf8'))?.[1] ?? 'unknown processor';
  const memory = Math.round(totalmem() / 2 ** 30);
  return `${model}, ${availableParallelism()} cores, ${memory} GiB, Node ${process.versions.node}`;
}
