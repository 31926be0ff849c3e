import { type Finding, HINTS } from './boot-failure-finding.ts';

const OUT_OF_MEMORY = /deadlocked on memory|Out of memory: Killed process|System is out of memory/i;
const PANIC = /Kernel panic - not syncing: (.*)/;
const NO_INIT = /No working init|Unable to mount root fs/;

/** What the guest's console says about its end, in the guest's own words. */
export function findingFromConsole(
  lines: readonly string[],
  disks: { readonly sandboxDir?: string } = {},
): Finding | null {
  const text = lines.join('\n');
  if (OUT_OF_MEMORY.test(text)) {
    return {
      kind: 'outOfMemory',
      message: 'the guest ran out of memory while booting',
      hint: HINTS.moreMemory,
    };
  }
  const agent = lines.findLast((line) => /\bagentd: /.test(line))?.replace(/^.*\bagentd: /, '');
  if (agent !== undefined && /fail|error|timed out|expected/i.test(agent)) {
    return fromAgent(agent, text, disks.sandboxDir);
  }
  const panic = PANIC.exec(text)?.[1];
  return panic === undefined ? null : fromPanic(panic);
}

function fromAgent(words: string, text: string, sandboxDir = 'the folder of the sandbox'): Finding {
  if (/upperfs|\brootfs\/upper/.test(words)) {
    return {
      kind: 'diskBroken',
      stage: 'mount',
      message: `mount of the sandbox's own disk failed, it is damaged: ${words}`,
      hint: `repair it: e2fsck -f ${sandboxDir}/upper.ext4; or remove the sandbox, with what it wrote, and create it again`,
    };
  }
  // The layers are the only EROFS there is; any trouble with it comes from the cache.
  if (/lower|erofs|\/dev\/vda\b/i.test(words) || /erofs.*(error|corrupt|cannot|bogus)/i.test(text)) {
    return {
      kind: 'imageBroken',
      stage: 'mount',
      message: `mount of the image failed: ${words}`,
      hint: HINTS.pullAgain,
    };
  }
  if (/mount|overlay|ext4|device/i.test(words)) {
    return { kind: 'other', stage: 'mount', message: `mount in the guest failed: ${words}` };
  }
  return { kind: 'other', message: `the guest agent gave up: ${words}` };
}

function fromPanic(words: string): Finding {
  if (NO_INIT.test(words)) {
    return {
      kind: 'kernelPanic',
      message: `guest kernel panic: the initramfs with the agent is damaged (${words})`,
      hint: HINTS.renewInitramfs,
    };
  }
  if (/Attempted to kill init/.test(words)) {
    return {
      kind: 'kernelPanic',
      message: `guest kernel panic: the agent, which is the guest's init, ended (${words})`,
      hint: HINTS.renewInitramfs,
    };
  }
  return { kind: 'kernelPanic', message: `guest kernel panic: ${words}`, hint: HINTS.renewKernel };
}

/** Lines that are kept of a console at most. */
const SHOWN_LINES = 20;

/**
 * The part of a console that helps people: the last 20 lines, or those up to a panic's first line, for what follows
 * it is the kernel's inside.
 */
export function helpfulConsole(lines: readonly string[]): readonly string[] {
  const panic = lines.findIndex((line) => PANIC.test(line));
  return (panic < 0 ? lines : lines.slice(0, panic + 1)).slice(-SHOWN_LINES);
}
