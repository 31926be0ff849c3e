import { type IsolatedHome, type LocalRegistry, startLocalRegistry } from '@microsandbox/test-utils';
import { pushBusybox } from './busybox.ts';
import { allowPlainHttp } from './host-config.ts';
import { initTestHome } from './test-home.ts';

/** A home, a registry that it may reach over plain HTTP, and a busybox image there. */
export interface BusyboxHome extends AsyncDisposable {
  readonly home: IsolatedHome;
  readonly registry: LocalRegistry;
  /** Of the image. */
  readonly reference: string;
}

/** Makes what most tests begin with. */
export async function startBusyboxHome(...extraLayers: readonly Buffer[]): Promise<BusyboxHome> {
  const home = await initTestHome();
  const registry = await startLocalRegistry();
  const reference = await pushBusybox(registry, extraLayers);
  await allowPlainHttp(home.path, registry.host);
  return {
    home,
    registry,
    reference,
    async [Symbol.asyncDispose]() {
      await registry[Symbol.asyncDispose]();
      await home[Symbol.asyncDispose]();
    },
  };
}
