// Cold start to first exec against bare QEMU with the same kernel and an init that only writes one byte: with the
// parameters that a sandbox has, and with the least that makes this machine boot at a fair speed.
import { spawn, spawnSync } from 'node:child_process';
import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { buildTestImage, busyboxLayer, initIsolatedHome, writeOciLayout } from '@microsandbox/test-utils';
import { agentInitramfs } from '../packages/runtime/src/initramfs/agent-initramfs.ts';
import { EMULATED_PROCESSOR } from '../packages/runtime/src/qemu/qemu-arguments.ts';
import { coldBootParameters, kernelCommandLine } from '../packages/runtime/src/vmm/guest-setup.ts';
import { hostTscKhz } from '../packages/runtime/src/vmm/host-tsc.ts';
import { machine } from './lib/machine.mjs';
import { alternate, report } from './lib/statistics.mjs';

const rounds = Number(process.argv[2] ?? 7);
process.env.MSB_WARM = 'off';
const { Image, Sandbox } = await import('microsandbox');

const folder = await mkdtemp(join(tmpdir(), 'msb-bench-'));
await using home = await initIsolatedHome();

function mustSpawn(program, args, options) {
  const { status, stderr } = spawnSync(program, args, options);
  if (status !== 0) throw new Error(`${program} failed: ${stderr}`);
}

/** An initramfs with nothing but the floor's init, packed the way the sandbox's own is. */
async function makeFloorInitramfs() {
  const source = new URL('./floor/init.c', import.meta.url).pathname;
  mustSpawn('cc', ['-O2', '-static', '-o', join(folder, 'init'), source]);
  const path = join(folder, 'floor.cpio');
  await writeFile(path, agentInitramfs(await readFile(join(folder, 'init'))));
  return path;
}

/** Boots bare QEMU and resolves when the guest's byte arrives. */
async function bootFloor(kernel, initramfs, { processor, parameters }) {
  const socket = join(folder, 'port.sock');
  await rm(socket, { force: true });
  const server = createServer().listen(socket);
  const byte = new Promise((resolve) => server.once('connection', (port) => port.once('data', resolve)));
  const qemu = spawn(
    'qemu-system-x86_64',
    [
      ...['-M', 'microvm,accel=tcg,acpi=off,rtc=on', '-cpu', processor, '-m', '512', '-smp', '1'],
      ...['-nodefaults', '-no-user-config', '-display', 'none', '-no-reboot'],
      ...['-kernel', kernel, '-initrd', initramfs],
      ...['-append', parameters.join(' ')],
      ...['-global', 'virtio-mmio.force-legacy=false', '-device', 'virtio-serial-device'],
      ...['-chardev', `socket,id=p,path=${socket},server=off`],
      ...['-device', 'virtserialport,chardev=p,name=floor,nr=1'],
    ],
    { stdio: 'ignore' },
  );
  const timer = setTimeout(() => qemu.kill('SIGKILL'), 60_000);
  await Promise.race([
    byte,
    new Promise((_, reject) => qemu.once('exit', (code) => reject(new Error(`bare QEMU ended: ${code}`)))),
  ]);
  clearTimeout(timer);
  qemu.removeAllListeners('exit');
  const gone = new Promise((resolve) => qemu.once('exit', resolve));
  qemu.kill('SIGKILL');
  server.close();
  await gone;
}

try {
  const image = buildTestImage({ layers: [await busyboxLayer()] });
  await writeOciLayout(folder, image, 'localhost/bench');
  await Image.importLayout(folder, { reference: 'localhost/bench' });

  const startToFirstExec = [];
  const boot = async () => {
    const start = performance.now();
    const sandbox = await Sandbox.builder('bench').image('localhost/bench').pullPolicy('never').create();
    await sandbox.exec('true');
    startToFirstExec.push(performance.now() - start);
    await sandbox.stop();
    // Not `replace()` in the next round: taking the old disk's blocks back is no part of a start.
    await Sandbox.remove('bench');
  };
  await boot(); // fills the kernel, initramfs and compile caches
  startToFirstExec.length = 0;

  const kernels = join(home.path, 'cache/kernel');
  const kernel = join(
    kernels,
    (await readdir(kernels)).find((name) => name.endsWith('.elf')),
  );
  const initramfs = await makeFloorInitramfs();
  const tscKhz = await hostTscKhz(join(home.path, 'cache'));
  // With the same parameters only what comes after the kernel differs.
  const same = {
    processor: EMULATED_PROCESSOR,
    parameters: [
      ...kernelCommandLine({ thp: 'madvise', accelerator: 'tcg', tscKhz }),
      ...coldBootParameters({ accelerator: 'tcg', cpus: 1 }),
    ],
  };
  const plain = {
    processor: 'max',
    parameters: ['console=hvc0', 'quiet', 'reboot=t', 'tsc=reliable', `tsc_early_khz=${tscKhz}`],
  };
  const [, sameFloor, plainFloor] = await alternate(
    rounds,
    boot,
    () => bootFloor(kernel, initramfs, same),
    () => bootFloor(kernel, initramfs, plain),
  );
  console.log(machine());
  report(
    'cold start to first exec',
    ['sandbox', startToFirstExec],
    ['bare QEMU, same parameters', sameFloor],
    1.15,
  );
  report(
    'cold start to first exec',
    ['sandbox', startToFirstExec],
    ['bare QEMU, plain parameters', plainFloor],
  );
} finally {
  await rm(folder, { recursive: true, force: true });
}
