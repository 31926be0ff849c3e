import { spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { findProgram } from '@microsandbox/test-utils';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type TestHome, testHome } from '../../test/test-home.ts';
import { withBackend } from '../backend/current-backend.ts';
import { Sandbox } from '../sandbox.ts';

const child = fileURLToPath(new URL('../../test/attach-child.ts', import.meta.url));
const script = await findProgram('script');

let home: TestHome;
beforeEach(async () => {
  home = await testHome();
});
afterEach(async () => {
  await home[Symbol.asyncDispose]();
});

/** Runs the child on a pseudo terminal, types `keys` when it shows `prompt`, and returns all it showed. */
async function onTerminal(command: readonly string[], prompt: string, keys: string): Promise<string> {
  const line = [process.execPath, '--conditions=@microsandbox/source', child, home.disk, ...command]
    .map((word) => `'${word.replaceAll("'", "'\\''")}'`)
    .join(' ');
  const terminal = spawn(script as string, ['-qefc', line, '/dev/null'], {
    env: { ...process.env, MSB_HOME: home.path },
  });
  let shown = '';
  let typed = false;
  terminal.stdout.on('data', (chunk: Buffer) => {
    shown += chunk.toString();
    if (!typed && shown.includes(prompt)) {
      typed = true;
      terminal.stdin.write(keys);
    }
  });
  await new Promise((resolve) => terminal.once('close', resolve));
  return shown;
}

describe.skipIf(!script)(`attach${script ? '' : ' (skipped: no script(1) to make a terminal)'}`, () => {
  it('passes keys and output through, and gives the terminal back as it was', async () => {
    const shown = await onTerminal(
      ['sh', '-c', 'echo ready; read x; echo got $x; exit 5'],
      'ready',
      'hello\n',
    );
    expect(shown).toContain('got hello');
    expect(shown).toContain('code 5, raw false');
  });

  it('leaves on the detach keys', async () => {
    const shown = await onTerminal(['sh', '-c', 'echo ready; sleep 60'], 'ready', '\u001d');
    expect(shown).toContain('code -1, raw false');
  });
});

it('needs a terminal', async () => {
  await using sandbox = await withBackend(home.backend, () =>
    Sandbox.builder('none').image(home.disk).create(),
  );
  await expect(sandbox.attachShell()).rejects.toMatchObject({ code: 'terminal' });
});
