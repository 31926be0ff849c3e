/** Program for tests: pulls one image and prints what happened as JSON lines. */
import { pullImage } from '../src/index.ts';

const [reference = '', cacheDir = '', host = ''] = process.argv.slice(2);
const kinds: string[] = [];
try {
  const pulled = await pullImage({
    reference,
    cacheDir,
    registry: { insecureHosts: [host] },
    onProgress: ({ kind }) => {
      if (kinds.at(-1) !== kind) process.stdout.write(`${kind}\n`);
      kinds.push(kind);
    },
  });
  process.stdout.write(`pulled ${pulled.cached}\n`);
} catch (error) {
  const { code, message, hint } = error as {
    readonly code?: string;
    readonly message: string;
    readonly hint?: string;
  };
  process.stdout.write(`failed ${JSON.stringify({ code, message, hint })}\n`);
}
