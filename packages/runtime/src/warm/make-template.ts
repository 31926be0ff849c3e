import { once } from 'node:events';
import { closeSync, createWriteStream } from 'node:fs';
import { mkdtemp, open, rm } from 'node:fs/promises';
import { createServer, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { type DecodedFrame, decodeAnyEnvelope } from '@microsandbox/protocol';
import { RuntimeError, type VmSpec } from '@microsandbox/types';
import { sleep } from '@microsandbox/utils';
import { GuestLink } from '../process/relay/guest-link.ts';
import { type QemuProcess, spawnQemu } from '../qemu/qemu-process.ts';
import { formatQemuVersion } from '../qemu/qemu-version.ts';
import { timeScale } from '../vmm/time-scale.ts';
import { migrate } from './await-migration.ts';
import { fillToClass } from './layout-class.ts';
import { copyNonZero, readMemoryContent } from './nonzero-blocks.ts';
import { scratchMemory } from './scratch-memory.ts';
import {
  decodeTemplateReady,
  encodePrepare,
  TEMPLATE_READY,
  type TemplateReady,
} from './template-messages.ts';
import type { TemplateStore } from './template-store.ts';

const MIB = 1024 * 1024;

/** Time to boot and to let go of everything, on hardware. */
const PREPARE_TIMEOUT_MS = 30_000;

/** What a template is made from. */
export interface MakeTemplateOptions {
  readonly program: string;
  readonly store: TemplateStore;
  readonly key: string;
  /** A machine without disks; what it has of its own is not saved. */
  readonly spec: VmSpec;
  readonly signal?: AbortSignal;
}

/**
 * Boots a machine to the point where its agent waits for a bootstrap with every device let go, and saves it. No
 * image, secret or user has been near it.
 *
 * @throws RuntimeError when the guest or QEMU does not play its part
 */
export async function makeTemplate(options: MakeTemplateOptions): Promise<TemplateReady> {
  const { store, key, signal } = options;
  const template = await store.begin(key);
  try {
    const { spec, ...filling } = fillToClass(options.spec);
    await using scratch = await scratchMemory(dirname(template.memoryPath), spec.memoryMib * MIB);
    const machine = spawnQemu(options.program, spec, {
      template: { ...filling, memory: { path: scratch.path, use: 'shared' }, incoming: false },
    });
    signal?.addEventListener('abort', machine.kill, { once: true });
    try {
      const version = formatQemuVersion(await orEnd(machine, machine.monitor.ready));
      await scratch.hide();
      const limit = PREPARE_TIMEOUT_MS * timeScale(spec.accelerator);
      const ready = await orEnd(machine, prepared(machine, limit));
      // Saved as a machine that runs: what wakes from it runs as soon as it is loaded. Afterwards this one stands.
      await orEnd(machine, saveState(machine, template.statePath));
      const memory = await copyNonZero(scratch.contentPath, template.memoryPath);
      signal?.throwIfAborted();
      await store.publish(template, {
        createdAt: new Date().toISOString(),
        qemuVersion: version,
        memory,
        state: await readMemoryContent(template.statePath),
      });
      return ready;
    } finally {
      machine.kill();
      await machine.exited;
      // Nobody was at the other end of its interface.
      if (machine.networkSocket !== undefined) closeSync(machine.networkSocket);
    }
  } catch (error) {
    await store.discard(template);
    signal?.throwIfAborted();
    throw error;
  }
}

/** Asks the guest to get ready to be saved, and waits until it says so. */
async function prepared(machine: QemuProcess, limitMs: number): Promise<TemplateReady> {
  const port = machine.ports.get('agent');
  if (port === undefined) throw new RangeError('the machine has no agent port');
  const timeout = new AbortController();
  const ready = new Promise<TemplateReady>((resolve) => {
    const link = new GuestLink(port, {
      onFrame: (frame: DecodedFrame) => {
        const { type, payload } = decodeAnyEnvelope(frame.body);
        if (type === TEMPLATE_READY) resolve(decodeTemplateReady(payload));
      },
      onRead: () => {},
      onGarbage: () => {},
      onDrain: () => {},
      onClose: () => {},
    });
    link.send(encodePrepare());
  });
  const silence = sleep(limitMs, { signal: timeout.signal }).then(() => {
    throw new RuntimeError(`the guest did not become a template within ${Math.round(limitMs / 1000)} s`);
  });
  try {
    return await Promise.race([ready, silence]);
  } finally {
    timeout.abort();
    silence.catch(() => {});
  }
}

/**
 * Saves the devices' state. QEMU may not start programs and cannot be handed a file for this, so it connects to a
 * socket of ours.
 */
async function saveState(machine: QemuProcess, path: string): Promise<void> {
  const folder = await mkdtemp(join(tmpdir(), 'msb-'));
  const server = createServer();
  try {
    const socketPath = join(folder, 's');
    server.listen(socketPath);
    await once(server, 'listening');
    const received = once(server, 'connection').then(([socket]) =>
      pipeline(socket as Socket, createWriteStream(path, { mode: 0o600, flags: 'wx' })),
    );
    await Promise.all([migrate(machine.monitor, 'migrate', `unix:${socketPath}`), received]);
    await using file = await open(path, 'r');
    await file.sync();
  } finally {
    server.close();
    await rm(folder, { recursive: true, force: true });
  }
}

/** The result of `work`, unless the machine ends before. */
async function orEnd<T>(machine: QemuProcess, work: Promise<T>): Promise<T> {
  const end = machine.exited.then(({ code, signal, stderrTail }) => {
    throw new RuntimeError(`QEMU ended (${signal ?? `exit code ${code}`}): ${stderrTail.trim()}`);
  });
  try {
    return await Promise.race([work, end]);
  } finally {
    end.catch(() => {});
    work.catch(() => {});
  }
}
