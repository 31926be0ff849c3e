import { setPriority } from 'node:os';
import { parseMakerArguments } from './maker-arguments.ts';
import { prewarm } from './prewarm.ts';

/** Lowest priority: the sandboxes that run come first. Machines started from here inherit it. */
const IDLE_PRIORITY = 19;

/** Makes one template in the background; see `startTemplateMaker`. */
async function main(): Promise<number> {
  process.umask(0o077);
  setPriority(IDLE_PRIORITY);
  await prewarm({ ...parseMakerArguments(process.argv.slice(2)), env: process.env });
  return 0;
}

main().then(
  (code) => process.exit(code),
  (error: Error) => {
    // The sandbox that wanted the template logs this; it may be gone.
    process.stderr.on('error', () => {});
    process.stderr.write(`${error.message}\n`);
    process.exit(1);
  },
);
