import { type Finding, HINTS, noHostMemory } from './boot-failure-finding.ts';
import { KRUN_PATTERNS } from './boot-failure-krun.ts';

/** A line of a monitor's output, what it means, and what is said before the line where that is not clear enough. */
export type OutputPattern = readonly [RegExp, Omit<Finding, 'message'>, ((memoryMib: number) => string)?];

const PATTERNS: readonly OutputPattern[] = [
  ...KRUN_PATTERNS,
  [/no space left on device/i, { kind: 'diskFull', hint: HINTS.freeDisk }],
  [/kvm.*permission denied/i, { kind: 'noPermission', hint: HINTS.joinKvm }],
  [/failed to initialize kvm|could not access kvm/i, { kind: 'noVirtualisation', hint: HINTS.emulate }],
  [
    /cannot set up guest memory|cannot allocate memory/i,
    { kind: 'outOfMemory', hint: HINTS.lessMemory },
    noHostMemory,
  ],
  [
    /initial ram disk too large|initrd.*too large|not enough (guest )?memory|load(ing)? initrd/i,
    { kind: 'outOfMemory', hint: HINTS.moreMemory },
  ],
  [
    /error while loading elf kernel|could not load kernel|pvh/i,
    { kind: 'kernelBroken', hint: HINTS.renewKernel },
  ],
  [
    /failed to get "?(write|shared "write"|consistent read)"? lock/i,
    { kind: 'diskBroken', stage: 'image', hint: 'another machine has this disk open; stop it first' },
  ],
  [
    /could not open '.*': permission denied/i,
    { kind: 'noPermission', stage: 'image', hint: 'make the file readable and writable for your user' },
  ],
  [
    /could not open '[^']*(upper\.ext4|rootfs\.[^'/]*)'/i,
    { kind: 'diskBroken', stage: 'image', hint: 'remove the sandbox and create it again' },
  ],
  [
    /could not open|invalid (vmdk|qcow2)|image is not in/i,
    { kind: 'imageBroken', stage: 'image', hint: HINTS.pullAgain },
  ],
];

/** What the first line of the monitor's output that means something to us says. */
export function findingFromMonitor(output: string, memoryMib?: number): Finding | null {
  for (const line of output.split('\n')) {
    const found = PATTERNS.find(([pattern]) => pattern.test(line));
    if (found === undefined) continue;
    const [, finding, lead] = found;
    const before = memoryMib === undefined ? '' : (lead?.(memoryMib) ?? '');
    return { ...finding, message: `build VM: ${before}${withoutPrefix(line)}` };
  }
  return null;
}

/** A line without what stands before it: QEMU's program name and the option it is about, libkrun's time and place. */
export function withoutPrefix(line: string): string {
  return line
    .replace(/^\[\S+ ERROR \S+\] /, '')
    .replace(/^build vm: /, '')
    .replace(/^qemu(-system-\w+)?: /, '')
    .replace(/^-\w+ (\{.*\}|\S+): /, '')
    .trim();
}
