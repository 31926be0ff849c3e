/**
 * Program of a libkrun machine's process: reads its description from a descriptor and becomes the machine.
 *
 * It holds Node, the addon and nothing else, because libkrun ends its process with the guest: nobody's state
 * may live here. Whoever started it reads why it failed from its standard error.
 */
import { closeSync, readFileSync } from 'node:fs';
import { addon, type KrunMachine } from '@microsandbox/native';

/** Carries the description as JSON. */
export const DESCRIPTION_FD = 3;

try {
  const machine = JSON.parse(readFileSync(DESCRIPTION_FD, 'utf8')) as KrunMachine;
  closeSync(DESCRIPTION_FD);
  addon().krunEnter(machine);
} catch (error) {
  process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n`);
  process.exitCode = 1;
}
