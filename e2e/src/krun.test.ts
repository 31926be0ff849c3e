import { krunDriver } from '@microsandbox/runtime';
import { expect, it } from 'vitest';
import { startBusyboxHome } from './support/busybox-home.ts';

const probe = await krunDriver.probe({ env: {} });
const reason = probe.available ? null : probe.reason;

it.skipIf(reason)(`the suite on libkrun${reason ? ` (skipped: ${reason})` : ''}`, async () => {
  const { importSdk, msb } = await import('./support/consumer.ts');
  const { Sandbox } = await importSdk();
  await using made = await startBusyboxHome();
  const sandbox = await Sandbox.builder('on-krun').image(made.reference).create();
  expect(sandbox.boot).toMatchObject({ vmm: { driver: 'krun' }, boot: 'cold' });
  expect((await sandbox.exec('echo', ['hello'])).stdout()).toBe('hello\n');
  const inspected = await msb(['inspect', '--format', 'json', 'on-krun'], { env: made.home.env });
  expect(JSON.parse(inspected.stdout.toString())).toMatchObject({ vmm: 'krun' });
  await sandbox.stop();
});
