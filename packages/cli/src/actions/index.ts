// What commands do, but for listing sandboxes, which is part of the first file of the built command.
export { createSandbox } from './create-sandbox.ts';
export { diagnose } from './diagnose.ts';
export { execInSandbox } from './exec-in-sandbox.ts';
export { inspectImage } from './inspect-image.ts';
export { inspectSandbox } from './inspect-sandbox.ts';
export { listImages } from './list-images.ts';
export { pingSandboxes } from './ping-sandboxes.ts';
export { pullImage } from './pull-image.ts';
export { removeImages } from './remove-images.ts';
export { removeSandboxes } from './remove-sandboxes.ts';
export { restartSandboxes } from './restart-sandboxes.ts';
export { runSandbox } from './run-sandbox.ts';
export { showLogs } from './show-logs.ts';
export { showStatus } from './show-status.ts';
export { startSandboxes } from './start-sandboxes.ts';
export { stopSandboxes } from './stop-sandboxes.ts';
export { touchSandboxes } from './touch-sandboxes.ts';
