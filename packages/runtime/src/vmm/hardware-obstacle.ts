import type { VmObstacle } from '@microsandbox/types';
import type { HardwareFacts } from './hardware-facts.ts';

const EMULATION = 'or run in software emulation: leave the choice to microsandbox, or set MSB_ACCEL=tcg';

/**
 * Why Linux cannot run under hardware acceleration here; null when it can.
 *
 * `/dev/kvm` alone does not tell: some hosts offer one that only runs page tables and cannot boot a kernel; their
 * processors show no vmx or svm (spec: runtime D6b).
 */
export function hardwareObstacle(facts: HardwareFacts): VmObstacle | null {
  if (facts.platform !== 'linux') {
    return {
      reason: `hardware acceleration on ${facts.platform} is not supported`,
      hint: 'set MSB_ACCEL=tcg',
    };
  }
  return deviceObstacle(facts) ?? processorObstacle(facts) ?? machineObstacle(facts);
}

function deviceObstacle({ openError, inContainer, ...facts }: HardwareFacts): VmObstacle | null {
  switch (openError) {
    case null:
      return null;
    case 'ENOENT':
    case 'ENODEV':
    case 'ENXIO':
      return {
        reason: openError === 'ENOENT' ? 'no /dev/kvm' : '/dev/kvm has no hypervisor behind it',
        hint: inContainer
          ? `start the container with --device /dev/kvm, ${EMULATION}`
          : missingModule(facts.cpuinfo),
      };
    case 'EACCES':
    case 'EPERM':
      return { reason: 'no permission to open /dev/kvm', hint: permissionHint({ inContainer, ...facts }) };
    case 'EBUSY':
      return busy(openError);
    default:
      return {
        reason: `/dev/kvm does not open (${openError})`,
        hint: `see \`dmesg | grep kvm\`, ${EMULATION}`,
      };
  }
}

function missingModule(cpuinfo: string): string {
  const module = hasFlag(cpuinfo, 'svm') ? 'kvm_amd' : hasFlag(cpuinfo, 'vmx') ? 'kvm_intel' : null;
  return module === null
    ? `switch virtualisation on in the firmware (Intel VT-x, AMD-V) or, in a virtual machine, nested virtualisation on its host; ${EMULATION}`
    : `load the kernel's module: sudo modprobe ${module}; ${EMULATION}`;
}

function permissionHint({
  group,
  openToGroup,
  inContainer,
}: Pick<HardwareFacts, 'group' | 'openToGroup' | 'inContainer'>): string {
  if (openToGroup && group !== 'root') {
    return inContainer
      ? `start the container with --device /dev/kvm --group-add ${group}, ${EMULATION}`
      : `add your user to the group that owns /dev/kvm: sudo usermod -aG ${group} $USER, and log in again; ${EMULATION}`;
  }
  return inContainer
    ? `give the host's /dev/kvm to a group (mostly kvm), and start the container with --device /dev/kvm --group-add of that group; ${EMULATION}`
    : `give the device to a group (mostly kvm) that your user is in, or your user alone: sudo setfacl -m u:$USER:rw /dev/kvm; ${EMULATION}`;
}

/** On x86 the processor's flags tell; other architectures have no such flag. */
function processorObstacle({ arch, cpuinfo }: HardwareFacts): VmObstacle | null {
  if (arch !== 'x64' || hasFlag(cpuinfo, 'vmx') || hasFlag(cpuinfo, 'svm')) return null;
  return {
    reason: hasFlag(cpuinfo, 'hypervisor')
      ? 'no vmx/svm in /proc/cpuinfo: this is a virtual machine without nested virtualisation'
      : 'no vmx/svm in /proc/cpuinfo',
    hint: hasFlag(cpuinfo, 'hypervisor')
      ? `switch nested virtualisation on where this virtual machine runs; ${EMULATION}`
      : `switch virtualisation on in the firmware (Intel VT-x, AMD-V); ${EMULATION}`,
  };
}

function machineObstacle({ createError }: HardwareFacts): VmObstacle | null {
  if (createError === null) return null;
  if (createError === 'EBUSY') return busy(createError);
  return {
    reason: `/dev/kvm refuses a virtual machine (${createError})`,
    hint: `see \`dmesg | grep kvm\`; nested virtualisation may be off on the host; ${EMULATION}`,
  };
}

function busy(code: string): VmObstacle {
  return {
    reason: `/dev/kvm is busy (${code}): another hypervisor uses the processor`,
    hint: `end VirtualBox or VMware machines, ${EMULATION}`,
  };
}

function hasFlag(cpuinfo: string, flag: string): boolean {
  return new RegExp(`^flags\\s*:.* ${flag}( |$)`, 'm').test(cpuinfo);
}
