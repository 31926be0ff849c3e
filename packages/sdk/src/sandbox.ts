import { currentBackend } from './backend/current-backend.ts';
import type { LocalBackend } from './backend/local-backend.ts';
import { configured } from './builders/configure.ts';
import { SandboxBuilder } from './builders/sandbox-builder.ts';
import { SandboxListBuilder } from './builders/sandbox-list-builder.ts';
import { startSandbox } from './create-sandbox.ts';
import { withFileErrors } from './lifecycle/file-errors.ts';
import { requireSandbox } from './lifecycle/find-sandbox.ts';
import { forceRemoveSandbox, type SandboxRemoval } from './lifecycle/force-remove.ts';
import { listSandboxes } from './lifecycle/list-sandboxes.ts';
import type { StartOptions } from './lifecycle/start-existing.ts';
import { SandboxHandle } from './sandbox-handle.ts';
import { Sandbox as SandboxInstance } from './sandbox-instance.ts';
import type { SandboxPage } from './sandbox-page.ts';
import { makeWarmTemplate, type PrewarmOptions } from './warm/warm-templates.ts';

/** Beside its objects' methods, what the class `Sandbox` itself can do. */
interface SandboxStatics {
  /** Describes a new sandbox; nothing happens before `create()`. */
  builder(name: string): SandboxBuilder;
  /**
   * Boots a stopped or crashed sandbox again, with everything it had written; it ends with this process.
   *
   * @throws SandboxNotFoundError
   * @throws SandboxStillRunningError
   */
  start(name: string, options?: Omit<StartOptions, 'mode'>): Promise<SandboxInstance>;
  /** Like {@link start}; the sandbox outlives this process. */
  startDetached(name: string, options?: Omit<StartOptions, 'mode'>): Promise<SandboxInstance>;
  /**
   * Finds a sandbox, whatever its state.
   *
   * @throws SandboxNotFoundError
   */
  get(name: string): Promise<SandboxHandle>;
  /** The newest 20 sandboxes, and where the list goes on. */
  list(): Promise<SandboxPage>;
  /** One page of sandboxes, filtered. */
  listWith(configure: (list: SandboxListBuilder) => SandboxListBuilder): Promise<SandboxPage>;
  /**
   * Removes a stopped sandbox with everything it wrote.
   *
   * @throws SandboxStillRunningError
   */
  remove(name: string): Promise<void>;
  /**
   * Removes a sandbox in whatever state it is, killing it first, and says what there was.
   *
   * @throws SandboxNotFoundError when there was nothing
   */
  forceRemove(name: string): Promise<SandboxRemoval>;
  /**
   * Makes the template that sandboxes of one size wake from, so that already the first of them does.
   *
   * @throws RuntimeError when it cannot be made
   */
  prewarm(options?: PrewarmOptions): Promise<'present' | 'made' | 'busy'>;
}

/** The backend for one of the class's functions. */
function local(operation: string): LocalBackend {
  return currentBackend().local(`Sandbox::${operation}`);
}

const statics: SandboxStatics = {
  builder: (name) => new SandboxBuilder(name),
  start: async (name, options = {}) => startSandbox(local('start'), name, { ...options, mode: 'attached' }),
  startDetached: async (name, options = {}) =>
    startSandbox(local('start_detached'), name, { ...options, mode: 'detached' }),
  async get(name) {
    const backend = local('get');
    return new SandboxHandle(backend, await requireSandbox(backend, name));
  },
  prewarm: async (options = {}) => makeWarmTemplate(local('prewarm'), options),
  list: () => statics.listWith((list) => list),
  async listWith(configure) {
    const backend = local('list');
    const options = configured(new SandboxListBuilder(), configure, SandboxListBuilder).toNapi();
    const { rows, nextCursor } = await listSandboxes(backend, options);
    return {
      sandboxes: rows.map((row) => new SandboxHandle(backend, row)),
      ...(nextCursor !== undefined && { nextCursor }),
    };
  },
  async remove(name) {
    await (await statics.get(name)).remove();
  },
  forceRemove: async (name) => withFileErrors(() => forceRemoveSandbox(local('remove'), name)),
};

/**
 * Sandboxes: microVMs booted from OCI images. The class's own functions stand apart from its objects' methods
 * because the builder needs the one and the other needs the builder.
 *
 * @example
 * await using sandbox = await Sandbox.builder('hello').image('alpine').create();
 * const output = await sandbox.exec('echo', ['hello']);
 */
export const Sandbox: typeof SandboxInstance & SandboxStatics = Object.assign(SandboxInstance, statics);

/** A running sandbox. */
export type Sandbox = SandboxInstance;
