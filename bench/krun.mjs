// libkrun's part of a start: from launch() to the line of the test guest, Node included; and the memory that a
// machine's process takes beyond its guest, libkrun in Node against QEMU.
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { krunDriver, qemuDriver, resolveKernel } from '@microsandbox/runtime';
import { DEFAULT_HOST_CONFIG } from '@microsandbox/utils';
import { buildTestGuest, testGuestObstacle } from '../packages/runtime/test-support/test-guest.ts';
import { machine } from './lib/machine.mjs';
import { median } from './lib/statistics.mjs';

const rounds = Number(process.argv[2] ?? 21);
const GUEST_MIB = 128;
const GOALS = { line: 250, krun: 30, qemu: 20 };

const obstacle = testGuestObstacle();
if (obstacle !== null) {
  console.log(`libkrun: not measured, ${obstacle}`);
  process.exit(0);
}

const folder = await mkdtemp(join(tmpdir(), 'msb-bench-'));

function specOf(kernelPath, commandLine, accelerator) {
  return {
    name: 'bench',
    cpus: 1,
    memoryMib: GUEST_MIB,
    kernelPath,
    initramfsPath: join(folder, 'initramfs'),
    commandLine,
    disks: [],
    ports: ['agent'],
    kernelLogPath: join(folder, 'kernel.log'),
    accelerator,
  };
}

/** Milliseconds until the guest's line. */
async function bootToLine(kernel) {
  const start = performance.now();
  const machine = await krunDriver.launch(specOf(kernel, ['quiet'], 'kvm'), { serial: true });
  for await (const line of createInterface(machine.serial)) {
    JSON.parse(line);
    const ms = performance.now() - start;
    await machine.exited;
    return ms;
  }
  throw new Error(`the test guest said nothing: ${(await machine.exited).stderrTail}`);
}

/**
 * PSS in MiB of a process without the mapping that is the guest's memory, the only one of that size: `files` it maps
 * (programs, libraries, the kernel: page cache, which all machines share), `code` it generated, and what else is its
 * `own`.
 */
async function monitorMiB(pid) {
  const sums = { files: 0, code: 0, own: 0 };
  let kind = null;
  for (const line of (await readFile(`/proc/${pid}/smaps`, 'latin1')).split('\n')) {
    const mapping = /^([0-9a-f]+)-([0-9a-f]+) (\S{4}) \S+ \S+ \S+ *(.*)$/.exec(line);
    if (mapping) kind = kindOf(mapping);
    const pss = /^Pss:\s+(\d+) kB/.exec(line);
    if (pss && kind) sums[kind] += Number(pss[1]) / 1024;
  }
  return sums;
}

function kindOf([, start, end, permissions, path]) {
  if (Number.parseInt(end, 16) - Number.parseInt(start, 16) === GUEST_MIB << 20) return null;
  if (path.startsWith('/')) return 'files';
  return path === '' && permissions.includes('x') ? 'code' : 'own';
}

/** The sum, and what it is made of. */
function describe({ files, code, own }) {
  const parts = Object.entries({ files, code, own }).map(([name, mib]) => `${name} ${mib.toFixed(1)}`);
  return `${(files + code + own).toFixed(1)} MiB (${parts.join(', ')})`;
}

async function krunMemory(kernel) {
  const spec = specOf(kernel, ['quiet', 'testguest.hold'], 'kvm');
  const machine = await krunDriver.launch(spec, { serial: true });
  for await (const _line of createInterface(machine.serial)) break;
  const mib = await monitorMiB(machine.pid);
  machine.kill();
  await machine.exited;
  return mib;
}

async function qemuMemory(kernel) {
  const machine = await qemuDriver.launch(specOf(kernel, ['console=hvc0', 'quiet'], 'tcg'));
  await new Promise((resolve) => setTimeout(resolve, 2000));
  const mib = await monitorMiB(machine.pid);
  machine.kill();
  await machine.exited;
  return mib;
}

try {
  await writeFile(join(folder, 'initramfs'), Buffer.alloc(4096));
  const testGuest = buildTestGuest();
  await bootToLine(testGuest);
  const times = [];
  for (let round = 0; round < rounds; round++) times.push(await bootToLine(testGuest));
  const { elfPath } = await resolveKernel({
    layout: { libDir: folder, cacheDir: folder },
    config: DEFAULT_HOST_CONFIG,
    env: process.env,
  });
  const row = (what, figure, goal) => console.log(`| ${what} | ${figure} | ${goal} |`);
  console.log(`${machine()}\n\n| what | measured | goal |\n| --- | --- | --- |`);
  const range = `${Math.min(...times).toFixed(0)}-${Math.max(...times).toFixed(0)}`;
  row(
    'libkrun, launch to the test guest’s line',
    `${median(times).toFixed(0)} ms (${range})`,
    `<= ${GOALS.line} ms`,
  );
  row('libkrun in Node, beyond the guest', describe(await krunMemory(testGuest)), `<= ${GOALS.krun} MiB`);
  row('QEMU, beyond the guest', describe(await qemuMemory(elfPath)), `<= ${GOALS.qemu} MiB`);
} finally {
  await rm(folder, { recursive: true, force: true });
}
