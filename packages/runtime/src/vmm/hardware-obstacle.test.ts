import { describe, expect, it } from 'vitest';
import type { HardwareFacts } from './hardware-facts.ts';
import { hardwareObstacle } from './hardware-obstacle.ts';

const good: HardwareFacts = {
  platform: 'linux',
  arch: 'x64',
  openError: null,
  createError: null,
  group: 'kvm',
  openToGroup: true,
  inContainer: false,
  cpuinfo: 'processor\t: 0\nflags\t\t: fpu vme vmx smx\n',
};
const withoutFlag = 'flags\t\t: fpu vmxoff hypervisor\nmodel name: vmx svm \n';

describe('hardwareObstacle', () => {
  it('sees none where the device makes machines and the processor has virtualisation', () => {
    expect(hardwareObstacle(good)).toBeNull();
    expect(hardwareObstacle({ ...good, cpuinfo: 'flags\t\t: fpu svm' })).toBeNull();
    expect(hardwareObstacle({ ...good, arch: 'arm64', cpuinfo: '' })).toBeNull();
  });

  it.each<[string, Partial<HardwareFacts>, RegExp, RegExp]>([
    ['no module', { openError: 'ENOENT' }, /no \/dev\/kvm/, /modprobe kvm_intel/],
    [
      'no module on AMD',
      { openError: 'ENOENT', cpuinfo: 'flags : svm' },
      /no \/dev\/kvm/,
      /modprobe kvm_amd/,
    ],
    ['no virtualisation', { openError: 'ENOENT', cpuinfo: '' }, /no \/dev\/kvm/, /firmware.*nested/],
    [
      'no device in a container',
      { openError: 'ENOENT', inContainer: true },
      /no \/dev\/kvm/,
      /--device \/dev\/kvm/,
    ],
    ['nothing behind the device', { openError: 'ENODEV' }, /no hypervisor behind/, /modprobe/],
    ['another group', { openError: 'EACCES' }, /no permission/, /usermod -aG kvm \$USER/],
    ['root only', { openError: 'EACCES', group: 'root', openToGroup: false }, /no permission/, /setfacl/],
    ['a group without rights', { openError: 'EPERM', openToGroup: false }, /no permission/, /setfacl/],
    [
      'a container without the group',
      { openError: 'EACCES', inContainer: true },
      /no permission/,
      /--group-add kvm/,
    ],
    [
      'a container with a closed device',
      { openError: 'EACCES', inContainer: true, openToGroup: false },
      /no permission/,
      /group \(mostly kvm\)/,
    ],
    ['a device in use', { openError: 'EBUSY' }, /busy/, /VirtualBox/],
    ['a hypervisor in use', { createError: 'EBUSY' }, /busy/, /VirtualBox/],
    ['a device that is broken', { openError: 'EIO' }, /does not open \(EIO\)/, /dmesg/],
    ['a refused machine', { createError: 'EOPNOTSUPP' }, /refuses a virtual machine/, /nested/],
    ['page tables only', { cpuinfo: withoutFlag }, /no vmx\/svm.*without nested virtualisation/, /nested/],
    ['firmware', { cpuinfo: 'flags\t\t: fpu' }, /^no vmx\/svm in \/proc\/cpuinfo$/, /firmware/],
    ['another system', { platform: 'freebsd' }, /freebsd is not supported/, /MSB_ACCEL=tcg/],
  ])('names %s and the way out', (_, facts, reason, hint) => {
    const obstacle = hardwareObstacle({ ...good, ...facts });
    expect(obstacle?.reason).toMatch(reason);
    expect(obstacle?.hint).toMatch(hint);
    expect(obstacle?.hint).toContain('MSB_ACCEL=tcg');
  });
});
