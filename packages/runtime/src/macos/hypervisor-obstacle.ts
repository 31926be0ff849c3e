import type { VmObstacle } from '@microsandbox/types';
import type { HypervisorFacts } from './hypervisor-facts.ts';

/** Why Linux cannot run under Hypervisor.framework on this Mac; null when it can. */
export function hypervisorObstacle({ supported, canSign }: HypervisorFacts): VmObstacle | null {
  if (supported === null) {
    return {
      reason: 'macOS does not say whether it has Hypervisor.framework (sysctl kern.hv_support)',
      hint: 'macOS 11 or newer is needed; or run in software emulation: set MSB_ACCEL=tcg',
    };
  }
  if (!supported) {
    return {
      reason: 'this Mac offers no Hypervisor.framework (kern.hv_support is 0)',
      hint: 'in a virtual machine, switch nested virtualisation on; or set MSB_ACCEL=tcg',
    };
  }
  if (!canSign) {
    return {
      reason: 'no /usr/bin/codesign to give a copy of Node the entitlement com.apple.security.hypervisor',
      hint: 'install Apple’s command line tools: xcode-select --install; or set MSB_ACCEL=tcg',
    };
  }
  return null;
}
