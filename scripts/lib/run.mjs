import { spawn } from 'node:child_process';

/** Folder of the repository. */
export const root = new URL('../..', import.meta.url).pathname.replace(/\/$/, '');

/** Environment in which `node`, `nx` and the other tools are the repository's own. */
export const toolEnv = {
  ...process.env,
  PATH: `${root}/node_modules/.bin:${process.env.PATH}`,
  NX_DAEMON: 'false',
};

/**
 * Runs a program in the repository and shows its output.
 *
 * @param {{ capture?: boolean, quiet?: boolean, cwd?: string, env?: NodeJS.ProcessEnv }} [options] `capture` also
 *   returns the output, `quiet` shows it only when the program fails
 * @returns {Promise<{ code: number, output: string }>}
 */
export function run(program, args, options = {}) {
  return new Promise((resolve, reject) => {
    const piped = options.capture || options.quiet;
    const child = spawn(program, args, {
      cwd: options.cwd ?? root,
      env: options.env ?? toolEnv,
      stdio: ['ignore', piped ? 'pipe' : 'inherit', piped ? 'pipe' : 'inherit'],
    });
    const chunks = [];
    const collect = (target) => (chunk) => {
      chunks.push(chunk);
      if (!options.quiet) target.write(chunk);
    };
    child.stdout?.on('data', collect(process.stdout));
    child.stderr?.on('data', collect(process.stderr));
    child.once('error', reject);
    child.once('close', (status) => {
      const output = Buffer.concat(chunks).toString();
      if (status !== 0 && options.quiet) process.stderr.write(output);
      resolve({ code: status ?? 1, output });
    });
  });
}

/** As {@link run}, and ends this process with one line when the program fails. */
export async function must(program, args, options) {
  const result = await run(program, args, options);
  if (result.code !== 0) fail(`${[program, ...args].join(' ')} failed with exit code ${result.code}`);
  return result;
}

/** Ends this process with one line on standard error. */
export function fail(message) {
  console.error(`error: ${message}`);
  process.exit(1);
}
