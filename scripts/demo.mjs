// Boots a first microVM from an image made on the spot, runs two programs in it, and says how long it all took.
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { buildTestImage, busyboxLayer, writeOciLayout } from '@microsandbox/test-utils';
import { Image, Sandbox } from 'microsandbox';

// The first start is a cold one, whatever earlier runs left.
process.env.MSB_WARM = 'off';

const reference = 'localhost/busybox';
const phases = [];

async function timed(name, work) {
  const start = performance.now();
  const result = await work();
  phases.push([name, performance.now() - start]);
  return result;
}

const folder = await mkdtemp(join(tmpdir(), 'msb-demo-'));
try {
  await timed('image', async () => {
    const image = buildTestImage({ layers: [await busyboxLayer()], config: { Cmd: ['/bin/sh'] } });
    await writeOciLayout(folder, image, reference);
    await Image.importLayout(folder, { reference });
  });

  const sandbox = await Sandbox.builder('demo').image(reference).pullPolicy('never').replace().create();
  const { vmm, phasesMs } = sandbox.boot;
  phases.push(
    ['disks', phasesMs.disks],
    ['VMM spawn', phasesMs.vmmSpawn],
    ['kernel', phasesMs.kernel],
    ['agent ready', phasesMs.agentReady],
  );

  const uname = await timed('first exec', () => sandbox.exec('uname', ['-a']));
  process.stdout.write(`\n$ uname -a\n${uname.stdout()}`);
  const script = 'for i in 1 2 3 4 5; do echo "counting $i"; done';
  const loop = await timed('second exec', () => sandbox.shell(script));
  process.stdout.write(`$ ${script}\n${loop.stdout()}`);
  await timed('stop', () => sandbox.stop());
  await Sandbox.remove('demo');

  process.env.MSB_WARM = 'auto';
  await timed('warm template', () => Sandbox.prewarm());
  const woken = await timed('warm create', () =>
    Sandbox.builder('demo').image(reference).pullPolicy('never').replace().create(),
  );
  await timed('warm exec', () => woken.exec('true'));
  await woken.stop();
  await Sandbox.remove('demo');

  console.log(`\nVMM          ${vmm.driver}, accelerator ${vmm.accelerator}: ${vmm.reason}`);
  for (const [name, ms] of phases) console.log(`${name.padEnd(12)} ${ms.toFixed(0).padStart(6)} ms`);
  console.log(`
Try next:
  npx msb run ${reference} -- echo hello
  echo hello | npx msb run ${reference} -- tr a-z A-Z
  npx msb images`);
} finally {
  await rm(folder, { recursive: true, force: true });
}
