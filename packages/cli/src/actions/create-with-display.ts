import { constants } from 'node:os';
import { Sandbox, type SandboxBuilder } from 'microsandbox';
import { Ending } from '../errors/ending.ts';
import { warnOfEmulation } from '../errors/warn-emulation.ts';
import { warnOfUnpublished } from '../errors/warn-unpublished.ts';
import { CreateDisplay } from '../progress/create-display.ts';

const INTERRUPTS = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;

/**
 * Creates a sandbox; pull and boot show on a terminal and leave no trace. An interrupt ends a pull at once. A boot is
 * waited for, so that nothing of it stays; a second interrupt does not wait.
 *
 * @throws Ending after an interrupt
 */
export async function createWithDisplay(
  builder: SandboxBuilder,
  image: string,
  name: string,
  options: { readonly quiet?: boolean | undefined },
): Promise<Sandbox> {
  using display = new CreateDisplay(image, name, options);
  using interrupts = new CreateInterrupts(display);
  builder.onBootPhase((event) => {
    interrupts.booting = true;
    display.onBoot(event);
  });
  const creation = await builder.createWithPullProgress();
  try {
    const [sandbox] = await Promise.all([creation.awaitSandbox(), follow(creation, display)]);
    if (interrupts.ending === null) {
      display[Symbol.dispose]();
      await warnOfEmulation(sandbox, options);
      await warnOfUnpublished(sandbox);
      return sandbox;
    }
  } catch (error) {
    if (interrupts.ending === null) throw error;
  }
  await Sandbox.forceRemove(name).catch(() => {});
  throw interrupts.ending;
}

/** What interrupts mean while a sandbox is created. */
class CreateInterrupts implements Disposable {
  readonly #display: Disposable;
  /** Set once there is something that has to be put away. */
  booting = false;
  /** Set once the user wants the creation to end. */
  ending: Ending | null = null;

  constructor(display: Disposable) {
    this.#display = display;
    for (const name of INTERRUPTS) process.on(name, this.#onSignal);
  }

  [Symbol.dispose](): void {
    for (const name of INTERRUPTS) process.off(name, this.#onSignal);
  }

  readonly #onSignal = (name: NodeJS.Signals): void => {
    const exitCode = 128 + constants.signals[name];
    if (this.booting && this.ending === null) {
      this.ending = new Ending('interrupted', exitCode);
      return;
    }
    this.#display[Symbol.dispose]();
    process.exit(exitCode);
  };
}

async function follow(
  creation: Awaited<ReturnType<SandboxBuilder['createWithPullProgress']>>,
  display: CreateDisplay,
): Promise<void> {
  for await (const event of creation) display.onPull(event);
}
