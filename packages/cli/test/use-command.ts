import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach } from 'vitest';
import { BuiltCommand, type CommandResult } from './built-command.ts';

/** The command of a test file, and what the running test has to itself. */
export interface CommandInUse {
  readonly command: BuiltCommand;
  /** An empty folder. */
  readonly folder: string;
  /** A home inside of it that is not there yet. */
  readonly home: string;
  /** Runs `msb` on that home; words are separated by spaces. */
  run(line: string, env?: NodeJS.ProcessEnv, input?: string): Promise<CommandResult>;
}

/** Builds the command for the tests of a file and gives each a folder that goes away with it. */
export function useCommand(): CommandInUse {
  let command: BuiltCommand;
  let folder: string;
  beforeAll(() => {
    command = BuiltCommand.build();
  }, 120_000);
  afterAll(() => command[Symbol.dispose]());
  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'msb-'));
  });
  afterEach(() => rm(folder, { recursive: true }));
  return {
    get command() {
      return command;
    },
    get folder() {
      return folder;
    },
    get home() {
      return join(folder, 'home');
    },
    run(line, env = {}, input = '') {
      const args = line === '' ? [] : line.split(' ');
      return command.run(args, { env: { MSB_HOME: this.home, ...env }, input });
    },
  };
}
