import { closeSync, openSync } from 'node:fs';
import { devNull } from 'node:os';
import { NixError } from '@microsandbox/types';
import { expect, it } from 'vitest';
import { addon } from './load-addon.ts';

// What it does to a terminal is in e2e/src/terminal.test.ts: a worker of the tests has none.
it('says that a file is no terminal', () => {
  const fd = openSync(devNull, 'r');
  try {
    expect(() => addon().disableOutputProcessing(fd)).toThrow(NixError);
    expect(() => addon().disableOutputProcessing(fd)).toThrow(/^tcsetattr: Inappropriate ioctl for device/);
  } finally {
    closeSync(fd);
  }
});
