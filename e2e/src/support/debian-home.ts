import { type IsolatedHome, pushImage, startLocalRegistry } from '@microsandbox/test-utils';
import { msb } from './consumer.ts';
import { debianWithTools } from './debian.ts';
import { allowPlainHttp } from './host-config.ts';
import { initTestHome } from './test-home.ts';

/** A home with a Debian that has tools, already pulled: tests may use it where no registry can be reached. */
export interface DebianHome extends AsyncDisposable {
  readonly home: IsolatedHome;
  /** Of the image. */
  readonly reference: string;
}

/** Makes the home. */
export async function startDebianHome(): Promise<DebianHome> {
  const home = await initTestHome();
  await using registry = await startLocalRegistry();
  await allowPlainHttp(home.path, registry.host);
  const image = await debianWithTools();
  const reference = await pushImage({ registry, repository: 'debian', tag: 'tools', image });
  const { code, stderr } = await msb(['pull', '-q', reference], { timeoutMs: 180_000 });
  if (code !== 0) throw new Error(stderr);
  return { home, reference, [Symbol.asyncDispose]: () => home[Symbol.asyncDispose]() };
}
