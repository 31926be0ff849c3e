import { timeScale } from '../vmm/time-scale.ts';
import type { BootEvidence } from './boot-failure.ts';
import type { LaunchedMachine } from './launch-machine.ts';

/** Time a guest gets on hardware to have its agent ready; emulation multiplies it. */
const READY_TIMEOUT_MS = 30_000;
/** The same for one that woke from a template and has hardly anything to do. */
const WAKE_TIMEOUT_MS = 5000;

/** Thrown when the guest ends, or stays silent, before its agent is ready. */
export class NotReady extends Error {
  readonly evidence: Omit<BootEvidence, 'console'>;

  constructor(evidence: Omit<BootEvidence, 'console'>) {
    super('the guest did not become ready');
    this.evidence = evidence;
  }
}

/**
 * What the agent says first, unless the machine ends or the time is over before. `MSB_BOOT_TIMEOUT_MS` overrides
 * the time.
 *
 * @throws NotReady
 */
export async function awaitAgent(
  ready: Promise<Buffer>,
  { machine, choice, boot }: Pick<LaunchedMachine, 'machine' | 'choice' | 'boot'>,
  env: NodeJS.ProcessEnv,
): Promise<Buffer> {
  const override = Number(env['MSB_BOOT_TIMEOUT_MS']);
  const onHardware = boot.kind === 'warm' ? WAKE_TIMEOUT_MS : READY_TIMEOUT_MS;
  const waitedMs = override > 0 ? override : onHardware * timeScale(choice.accelerator);
  let timer: NodeJS.Timeout | undefined;
  const silence = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new NotReady({ waitedMs })), waitedMs);
  });
  const ended = machine.exited.then((exit) => {
    throw new NotReady({ exit });
  });
  try {
    return await Promise.race([ready, ended, silence]);
  } finally {
    clearTimeout(timer);
    ended.catch(() => {});
  }
}
