import type { IsolatedHome } from '@microsandbox/test-utils';
import type { Sandbox as SandboxType } from 'microsandbox';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type BusyboxHome, startBusyboxHome } from './support/busybox-home.ts';
import { importSdk, msb } from './support/consumer.ts';
import {
  CLOCK,
  circularDistance,
  RANDOM_NUMBERS,
  SEQUENCE_NUMBERS,
  sequenceHashes,
} from './support/guest-probes.ts';
import { perlLayer } from './support/perl-layer.ts';

const { Sandbox, WarmBoot } = await importSdk();

/** Largest error of a fresh guest's clock, milliseconds. */
const CLOCK_TOLERANCE_MS = 200;
/** Between the look at the clock and the first segment of a connection; half a second in units of 64 ns. */
const SAME_HASH = 500e6 / 64;

let made: BusyboxHome;
let home: IsolatedHome;
let reference: string;

beforeAll(async () => {
  made = await startBusyboxHome(await perlLayer());
  ({ home, reference } = made);
});
afterAll(() => made[Symbol.asyncDispose]());

const builder = (name: string) => Sandbox.builder(name).image(reference).replace();
const create = (name: string) => builder(name).create();
const output = async (sandbox: SandboxType, script: string) => (await sandbox.shell(script)).stdout().trim();
const perl = async (sandbox: SandboxType, program: string) => {
  const ran = await sandbox.exec('/usr/bin/perl', ['-e', program]);
  expect(ran.stderr()).toBe('');
  return ran.stdout();
};

/** Creates a sandbox that boots, whatever the others do. */
async function createCold(name: string, configure = (b: ReturnType<typeof builder>) => b) {
  process.env['MSB_WARM'] = 'off';
  try {
    return await configure(builder(name)).create();
  } finally {
    delete process.env['MSB_WARM'];
  }
}

describe('two sandboxes of one template', () => {
  let one: SandboxType;
  let two: SandboxType;
  beforeAll(async () => {
    one = await create('one');
    two = await create('two');
    expect([one.boot?.boot, two.boot?.boot]).toEqual(['warm', 'warm']);
  });
  afterAll(async () => {
    await one.stop();
    await two.stop();
  });

  it('share no random number', async () => {
    const numbers = [await output(one, RANDOM_NUMBERS), await output(two, RANDOM_NUMBERS)].map((text) =>
      text.split('\n'),
    );
    for (const lines of numbers) {
      expect(lines).toEqual([
        expect.stringMatching(/^[0-9a-f]{64}$/),
        expect.stringMatching(/^[0-9a-f-]{36}$/),
        expect.stringMatching(/^[0-9a-f-]{36}$/),
        expect.stringMatching(/^[0-9a-f]{32}$/),
      ]);
    }
    expect(new Set(numbers.flat()).size).toBe(8);
  });

  it('keep their own identity when they start again', async () => {
    const id = await output(one, 'cat /etc/machine-id');
    await one.stop();
    one = await Sandbox.start('one');
    expect(one.boot?.boot).toBe('warm');
    expect(await output(one, 'cat /etc/machine-id')).toBe(id);
  });

  it('number their TCP segments differently', async () => {
    const hashes = async (sandbox: SandboxType) => sequenceHashes(await perl(sandbox, SEQUENCE_NUMBERS));
    const first = await hashes(one);
    expect(first).toHaveLength(4);
    // The same connection in the same guest shows that what is compared is the keyed part of the number.
    for (const [index, hash] of (await hashes(one)).entries()) {
      expect(circularDistance(hash, first[index] as number)).toBeLessThan(SAME_HASH);
    }
    const distances = (await hashes(two)).map((hash, index) =>
      circularDistance(hash, first[index] as number),
    );
    expect(Math.max(...distances)).toBeGreaterThan(SAME_HASH);
  });

  it('know the time', async () => {
    const fresh = await create('clock');
    for (const sandbox of [fresh, two]) {
      const before = Date.now();
      const guest = Number(await perl(sandbox, CLOCK)) / 1e6;
      expect(guest).toBeGreaterThan(before - CLOCK_TOLERANCE_MS);
      expect(guest).toBeLessThan(Date.now() + CLOCK_TOLERANCE_MS);
    }
    await fresh.stop();
  });
});

describe('a sandbox that woke', () => {
  /** The size of /dev follows from the kernel's memory, which is compared by itself, as a page more or less is the same. */
  const MOUNTS = "sed '/^devtmpfs/ s/size=[0-9]*k,nr_inodes=[0-9]*/size=X,nr_inodes=X/' /proc/mounts";
  /** What a guest sees of its machine. */
  const FACTS = [
    'cat /sys/block/vd*/size /sys/block/vd*/ro /sys/block/vd*/serial',
    `${MOUNTS}; cat /etc/hostname; nproc; ls /sys/class/net`,
    'df -k / | tail -1 | awk "{print \\$2}"',
  ].join('; ');
  const memoryKib = async (sandbox: SandboxType) =>
    Number(await output(sandbox, "awk '/^MemTotal/ {print $2}' /proc/meminfo"));

  it.each<[string, { readonly memory?: number; readonly cpus?: number; readonly disk?: number }]>([
    ['of the default size', {}],
    ['with more memory, processors and another disk', { memory: 700, cpus: 2, disk: 300 }],
  ])('%s has the machine of one that booted', async (_, { memory, cpus, disk }) => {
    const sized = (b: ReturnType<typeof builder>) => {
      if (memory !== undefined) b.memory(memory);
      if (cpus !== undefined) b.cpus(cpus);
      return disk === undefined ? b : b.rootDisk(disk);
    };
    await WarmBoot.prewarm({ ...(memory && { memory }), ...(cpus && { cpus }) });
    const cold = await createCold('same', sized);
    const expected = [await output(cold, FACTS), await memoryKib(cold)] as const;
    await cold.stop();
    const warm = await sized(builder('same')).create();
    expect([cold.boot?.boot, warm.boot?.boot]).toEqual(['cold', 'warm']);
    expect(await output(warm, FACTS)).toBe(expected[0]);
    expect(Math.abs((await memoryKib(warm)) - expected[1])).toBeLessThan(1024);
    expect(await output(warm, 'nproc')).toBe(String(cpus ?? 1));
    await warm.stop();
  });

  it('has no network card without a network, and an address of its own with one', async () => {
    const cards = 'ls /sys/class/net';
    const alone = await builder('alone').disableNetwork().create();
    expect(alone.boot?.boot).toBe('warm');
    expect(await output(alone, cards)).not.toContain('eth0');
    await alone.stop();
    const addresses = new Set<string>();
    for (const name of ['card1', 'card2']) {
      const sandbox = await create(name);
      expect(await output(sandbox, cards)).toContain('eth0');
      addresses.add(await output(sandbox, 'cat /sys/class/net/eth0/address'));
      await sandbox.stop();
    }
    expect(addresses.size).toBe(2);
    expect(addresses).not.toContain('02:00:00:00:00:01');
  });

  it('says so, also to others and when it was started by others', async () => {
    const inspect = async (...args: string[]) =>
      (await msb(['inspect', 'seen', ...args], { env: home.env })).stdout.toString();
    const json = async () => JSON.parse(await inspect('--format', 'json')) as Record<string, unknown>;
    expect((await msb(['create', '-q', '-n', 'seen', reference], { env: home.env })).code).toBe(0);
    const origin = await (await Sandbox.get('seen')).boot();
    expect(await json()).toMatchObject({
      boot: 'warm',
      boot_reason: null,
      vmm: origin?.vmm.driver,
      accel: origin?.vmm.accelerator,
    });
    expect(await inspect()).toMatch(/^Boot: +warm, qemu with \w+$/m);
    await msb(['stop', '-q', 'seen'], { env: home.env });
    expect(await (await Sandbox.get('seen')).boot()).toBeNull();
    expect(Object.keys(await json())).not.toContain('boot');
    expect(await inspect()).not.toMatch(/^Boot/m);

    const env = { ...home.env, MSB_WARM: 'off' };
    expect((await msb(['start', '-q', 'seen'], { env })).code).toBe(0);
    expect(await json()).toMatchObject({ boot: 'cold', boot_reason: 'warm boot is off' });
    expect(await inspect()).toMatch(/^Boot: +cold \(warm boot is off\), qemu with \w+$/m);
    await msb(['stop', '-q', 'seen'], { env });
  });
});
