import { constants } from 'node:os';
import { Ending } from '../errors/ending.ts';

const INTERRUPTS = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;

/** How long abandoned work may take to put its things away. */
const PATIENCE_MS = 2000;

/**
 * Waits for `work`. An interrupt calls `abandon`, which makes the work fail soon, and waits until it has cleaned up;
 * a second interrupt does not wait.
 *
 * @throws Ending after an interrupt
 */
export async function untilInterrupted(work: Promise<void>, abandon: () => Promise<void>): Promise<void> {
  let ending: Ending | undefined;
  let timer: NodeJS.Timeout | undefined;
  let giveUp: (() => void) | undefined;
  const patience = new Promise<void>((resolve) => {
    giveUp = resolve;
  });
  const onSignal = (name: NodeJS.Signals): void => {
    if (ending !== undefined) {
      giveUp?.();
      return;
    }
    ending = new Ending('interrupted', 128 + constants.signals[name]);
    timer = setTimeout(() => giveUp?.(), PATIENCE_MS);
    abandon().catch(() => {});
  };
  for (const name of INTERRUPTS) process.on(name, onSignal);
  try {
    await Promise.race([work, patience]);
  } catch (error) {
    if (ending === undefined) throw error;
  } finally {
    clearTimeout(timer);
    for (const name of INTERRUPTS) process.off(name, onSignal);
  }
  work.catch(() => {});
  if (ending !== undefined) throw ending;
}
