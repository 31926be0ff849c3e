import { readFile } from 'node:fs/promises';
import { InvalidConfigError } from '@microsandbox/types';
import { splitAtFirst } from './key-value.ts';

/** A file that will stand on the guest's `PATH`. */
export interface ScriptEntry {
  readonly name: string;
  readonly body: string;
}

const ESCAPES: Readonly<Record<string, string>> = {
  n: '\n',
  t: '\t',
  r: '\r',
  '\\': '\\',
  '"': '"',
  "'": "'",
};

/** `--script NAME=BODY`: escapes decoded, a shebang in front, a line end behind (spec: cli 3.17). */
export function parseScript(text: string, shell = '/bin/sh'): ScriptEntry {
  const { name, body } = named(text, 'script');
  const decoded = body.replace(/\\([\s\S])/g, (whole, letter: string) => ESCAPES[letter] ?? whole);
  return { name, body: withShebang(decoded, shell) };
}

/** The text of a script for an interpreter, which is a path or a name. */
export function withShebang(body: string, shell = '/bin/sh'): string {
  const shebang = shell.includes('/') ? `#!${shell}` : `#!/usr/bin/env ${shell}`;
  return `${shebang}\n${body}${body.endsWith('\n') ? '' : '\n'}`;
}

/** `--script-raw NAME=BODY`: as it stands. */
export function parseRawScript(text: string): ScriptEntry {
  return named(text, 'script-raw');
}

/** `--script-path NAME:PATH`: the file's text. */
export async function readScript(text: string): Promise<ScriptEntry> {
  const entry = splitAtFirst(text, ':');
  if (entry === null) throw new InvalidConfigError('script-path must be in format NAME:PATH');
  const [name, path] = entry;
  if (name === '') throw new InvalidConfigError('script name must not be empty (NAME:PATH)');
  try {
    return { name, body: await readFile(path, 'utf8') };
  } catch (error) {
    throw new InvalidConfigError(`failed to read script file '${path}': ${(error as Error).message}`, {
      cause: error,
    });
  }
}

/** @throws InvalidConfigError when `--shell` cannot be an interpreter */
export function checkShell(shell: string): void {
  if (shell === '') throw new InvalidConfigError('--shell must not be empty');
  if (/[\s\0]/.test(shell)) {
    throw new InvalidConfigError(
      `--shell must not contain whitespace or NUL (got "${shell}"); ` +
        'use --script-raw or --script-path if you need a custom shebang',
    );
  }
  if (shell === '/') throw new InvalidConfigError('--shell "/" is not a valid interpreter');
}

function named(text: string, option: string): ScriptEntry {
  const entry = splitAtFirst(text, '=');
  if (entry === null) throw new InvalidConfigError(`${option} must be in format NAME=BODY`);
  if (entry[0] === '') throw new InvalidConfigError('script name must not be empty (NAME=BODY)');
  return { name: entry[0], body: entry[1] };
}
