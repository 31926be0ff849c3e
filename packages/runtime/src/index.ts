export { prepareInitramfs } from './initramfs/prepare-initramfs.ts';
export type { LibkrunfwSource } from './kernel/find-libkrunfw.ts';
export { type ResolvedKernel, resolveKernel } from './kernel/resolve-kernel.ts';
export { krunDriver } from './krun/krun-driver.ts';
export type { SandboxMode } from './process/process-arguments.ts';
export type { BootPhaseName, BootReport } from './process/status-message.ts';
export { qemuDriver } from './qemu/qemu-driver.ts';
export type { SandboxProcess, SandboxProcessExit } from './start/sandbox-process.ts';
export { socketStartError } from './start/socket-start-error.ts';
export {
  type BootPhase,
  type StartSandboxProcessOptions,
  startSandboxProcess,
} from './start/start-sandbox-process.ts';
export { chooseVmm } from './vmm/choose-vmm.ts';
export { firstTimeSinceBoot } from './vmm/first-time-since-boot.ts';
export { probeHardware } from './vmm/probe-hardware.ts';
export type { MakerArguments } from './warm/maker-arguments.ts';
export { type PrewarmResult, prewarm } from './warm/prewarm.ts';
export { type TemplateInfo, TemplateStore } from './warm/template-store.ts';
export { type WarmSetting, warmSetting } from './warm/warm-setting.ts';
