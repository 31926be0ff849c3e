import { expect, it } from 'vitest';
import { startBusyboxHome } from './support/busybox-home.ts';
import { importSdk } from './support/consumer.ts';

const { Sandbox } = await importSdk();

/** A minute, and what looking at the clock and setting it may take. */
const A_MINUTE = { timeout: 90_000, interval: 1000 };

/** Seconds by which two readings of a clock may differ on a busy machine. */
const NEAR = 3;

// Waits for it, so only `npm run torture` does. A jump of the host's clock, which needs no wait, is in init.test.ts.
it('a guest that sets its clock wrong is right again within a minute', async () => {
  await using made = await startBusyboxHome();
  const box = await Sandbox.builder('clock').image(made.reference).create();
  const ahead = async () => Number((await box.shell('date +%s')).stdout()) - Date.now() / 1000;
  expect((await box.shell('date -s @1000000000')).code).toBe(0);
  expect(Math.abs(await ahead())).toBeGreaterThan(NEAR);
  await expect.poll(async () => Math.abs(await ahead()), A_MINUTE).toBeLessThan(NEAR);
  await box.kill();
});
