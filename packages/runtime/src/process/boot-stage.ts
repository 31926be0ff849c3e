import type { BootStage } from '@microsandbox/types';

/** First match wins (spec: runtime A4). */
const STAGES: readonly (readonly [RegExp, BootStage])[] = [
  [/^build vm|vm enter|tokio runtime/, 'build_vm'],
  [/^mount[: ]|^runtime mount|virtiofs/, 'mount'],
  [/^rootfs|trampoline rootfs|disk format|image not found/, 'image'],
  [/network|bind |address already in use|smoltcp/, 'network'],
  [/^database|^serialize startup|^insert run|^mark run failed|config parse|invalid config/, 'config'],
];

/** The stage of a failed boot, from its message. */
export function bootStageOf(message: string): BootStage {
  const text = message.toLowerCase();
  return STAGES.find(([pattern]) => pattern.test(text))?.[1] ?? 'other';
}

/** The number in a trailing `(os error N)`, or null. */
export function errnoInMessage(message: string): number | null {
  const match = /\(os error (\d+)\)[^()]*$/.exec(message);
  return match === null ? null : Number(match[1]);
}
