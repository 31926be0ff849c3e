import { HINTS, noHostMemory } from './boot-failure-finding.ts';
import type { OutputPattern } from './boot-failure-monitor.ts';

/** Words of libkrun 1.19 and of the process that it runs in, seen when each was brought about. */
export const KRUN_PATTERNS: readonly OutputPattern[] = [
  [/ElfLoadKernel/, { kind: 'kernelBroken', hint: HINTS.renewKernel }],
  [/\/kernel\/[^/]*: failed to open .*No such file/, { kind: 'kernelMissing', hint: HINTS.renewKernel }],
  [
    /\/initramfs\/[^/]*: failed to open .*No such file/,
    { kind: 'kernelMissing', hint: HINTS.renewInitramfs },
  ],
  [/InvalidGuestAddress/, { kind: 'outOfMemory', hint: HINTS.moreMemory }],
  [/SetUserMemoryRegion|MemoryRegion.*mmap/, { kind: 'outOfMemory', hint: HINTS.lessMemory }, noHostMemory],
  [
    /Error configuring virtio-blk/,
    {
      kind: 'diskBroken',
      stage: 'image',
      hint: 'a disk cannot be read: remove the sandbox and create it again; if that does not help, pull its image again (msb pull --force)',
    },
  ],
  [
    /failed to open .*[Pp]ermission denied/,
    { kind: 'noPermission', stage: 'image', hint: 'make the file readable and writable for your user' },
  ],
  [
    /\/(upper\.ext4|rootfs\.\w+): failed to open/,
    { kind: 'diskBroken', stage: 'image', hint: 'remove the sandbox and create it again' },
  ],
  [/\.(vmdk|erofs): failed to open/, { kind: 'imageBroken', stage: 'image', hint: HINTS.pullAgain }],
];
