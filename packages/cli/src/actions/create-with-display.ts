import type { Sandbox, SandboxBuilder } from 'microsandbox';
import { CreateDisplay } from '../progress/create-display.ts';

/** Creates a sandbox; pull and boot show on a terminal and leave no trace. */
export async function createWithDisplay(
  builder: SandboxBuilder,
  image: string,
  name: string,
  options: { readonly quiet?: boolean | undefined },
): Promise<Sandbox> {
  using display = new CreateDisplay(image, name, options);
  const creation = await builder.onBootPhase(display.onBoot).createWithPullProgress();
  const [sandbox] = await Promise.all([creation.awaitSandbox(), follow(creation, display)]);
  return sandbox;
}

async function follow(
  creation: Awaited<ReturnType<SandboxBuilder['createWithPullProgress']>>,
  display: CreateDisplay,
): Promise<void> {
  for await (const event of creation) display.onPull(event);
}
