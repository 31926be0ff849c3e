import { chmod, readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { findProgram, runCommand } from '@microsandbox/test-utils';
import type { VmCapabilities } from '@microsandbox/types';
import { describe, expect, it } from 'vitest';
import { bootId } from '../src/vmm/boot-id.ts';
import { tempDir } from '../test-support/temp-dir.ts';

const SCRIPT = fileURLToPath(new URL('../test-support/print-probes.ts', import.meta.url));
const NODE = [process.execPath, '--conditions=@microsandbox/source', SCRIPT];
const BOOT_ID = '/proc/sys/kernel/random/boot_id';

const boot = await bootId();

/** A command in a mount namespace of its own, after `prepare`, which finds `args` as `$0`, `$1`, ... */
const apart = (prepare: string, ...args: readonly string[]) => ['-m', 'sh', '-c', prepare, ...args];

/** What this host lacks for tests that show it otherwise than it is; null when it has everything. */
async function obstacle(): Promise<string | null> {
  for (const tool of ['qemu-system-x86_64', 'unshare', 'setpriv', 'script', 'perl']) {
    if ((await findProgram(tool)) === null) return `no ${tool}`;
  }
  const { stderr } = await runCommand('unshare', apart(`mount --bind /dev/null ${BOOT_ID}`));
  return stderr === '' ? null : stderr.trim();
}

describe('probes', () => {
  it('ask QEMU once for each boot of the host', async (context) => {
    const why = await obstacle();
    if (why !== null) context.skip(why);
    const qemu = await findProgram('qemu-system-x86_64');
    const folder = tempDir();
    const cacheDir = join(folder, 'cache');
    const [asked, program] = [join(folder, 'asked'), join(folder, 'qemu')];
    await writeFile(asked, '');
    await writeFile(program, `#!/bin/sh\necho "$@" >>${asked}\nexec ${qemu} "$@"\n`);
    await chmod(program, 0o755);
    const otherBoot = '11111111-2222-4333-8444-555555555555';
    const otherBootId = join(folder, 'boot_id');
    await writeFile(otherBootId, `${otherBoot}\n`);
    const env = { ...process.env, MSB_QEMU_PATH: program };
    const probe = async (...command: readonly string[]): Promise<string> => {
      const [file, ...args] = [...command, ...NODE, cacheDir];
      const { code, stdout, stderr } = await runCommand(file as string, args, { env });
      expect([code, stderr]).toEqual([0, '']);
      return stdout.toString();
    };
    const timesAsked = async () => (await readFile(asked, 'utf8')).split('\n').length - 1;
    const bootsKnown = async () =>
      new Set((await readdir(join(cacheDir, 'probe'))).map((name) => name.slice(0, 36)));

    const first = await probe();
    expect(JSON.parse(first).qemu.evidence[0]).toMatch(/^QEMU \d+\.\d+\.\d+ at /);
    expect(await probe()).toBe(first);
    expect(await timesAsked()).toBe(1);
    expect(await bootsKnown()).toEqual(new Set([boot]));

    const restarted = apart(`mount --bind "$0" ${BOOT_ID} && exec "$@"`, otherBootId);
    expect(await probe('unshare', ...restarted)).toBe(first);
    expect(await timesAsked()).toBe(2);
    expect(await bootsKnown()).toEqual(new Set([otherBoot]));
  });

  it('say who keeps /dev/kvm busy, and the way out', async (context) => {
    const why = await obstacle();
    if (why !== null) context.skip(why);
    const folder = tempDir();
    const [answer, device] = [join(folder, 'answer'), '/dev/kvm'];
    // A terminal that its owner has claimed for himself is busy for everybody but an administrator.
    const prepare = [
      `perl -e 'ioctl(STDIN, 0x540C, 0) or exit 1'`,
      `{ test -e ${device} || exit 77; }`,
      `mount --bind "$(tty)" ${device}`,
      `exec setpriv --bounding-set=-sys_admin "$@" >"$0"`,
    ].join(' && ');
    const quoted = ['unshare', ...apart(prepare, answer, ...NODE, join(folder, 'cache'))]
      .map((part) => `'${part.replaceAll("'", `'\\''`)}'`)
      .join(' ');
    const { code, stdout } = await runCommand('script', ['-qec', quoted, '/dev/null']);
    if (code === 77) context.skip('this host has no /dev/kvm that could be busy');
    expect([code, stdout.toString()]).toEqual([0, '']);
    const probes: Record<string, VmCapabilities> = JSON.parse(await readFile(answer, 'utf8'));
    const busy = '/dev/kvm is busy (EBUSY): another hypervisor uses the processor';
    expect(probes['krun']).toMatchObject({
      available: false,
      reason: busy,
      hint: expect.stringMatching(/VirtualBox/),
    });
    expect(probes['qemu']?.evidence).toContain(busy);
  });
});
