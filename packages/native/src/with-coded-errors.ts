import { InvalidConfigError, MicrosandboxError, NixError, RuntimeError } from '@microsandbox/types';
import type { NativeAddon } from './addon.ts';
import { networkWithCodedErrors } from './network-with-coded-errors.ts';
import { reasonOf } from './reason-of.ts';

/** Wraps the addon so that each failure is one of this project's errors; the addon itself throws plain ones. */
export function withCodedErrors(native: NativeAddon): NativeAddon {
  return {
    tryFlock: (fd, mode) => attempt(() => native.tryFlock(fd, mode)),
    disableOutputProcessing: (fd) => attempt(() => native.disableOutputProcessing(fd)),
    socketPair: () => attempt(() => native.socketPair()),
    pipe: () => attempt(() => native.pipe()),
    spawnSupervised: (command) =>
      attempt(
        () => native.spawnSupervised(command),
        (reason) => `cannot start ${command.program}: ${reason}`,
      ),
    measureTscKhz: () => native.measureTscKhz(),
    encodeJsonLines: (data, records, frames, out) =>
      attempt(() => native.encodeJsonLines(data, records, frames, out)),
    extractKernel: (path) =>
      native.extractKernel(path).catch((cause: unknown) => {
        throw new MicrosandboxError('kernelNotFound', `no guest kernel in ${reasonOf(cause)}`, {
          cause,
          hint: 'use a libkrunfw 5 for this architecture (MSB_LIBKRUNFW_PATH)',
        });
      }),
    reserveMetricsSlot: (reservation) =>
      native.reserveMetricsSlot(reservation).catch((cause: unknown) => {
        throw new NixError(reasonOf(cause), { cause });
      }),
    openMetricsSlot: (registry, slot, generation) =>
      attempt(() => native.openMetricsSlot(registry, slot, generation)),
    serveShare: (options) => {
      try {
        return native.serveShare(options);
      } catch (cause) {
        throw new RuntimeError(`mount: ${reasonOf(cause)}`, { cause, ...shareHint(reasonOf(cause)) });
      }
    },
    generateCertificateAuthority: () => native.generateCertificateAuthority(),
    issueCertificate: (request) =>
      native.issueCertificate(request).catch((cause: unknown) => {
        throw new InvalidConfigError(`certificate for ${request.name}: ${reasonOf(cause)}`, { cause });
      }),
    beginLayer: (compression, spoolPath, limits) =>
      attempt(() => native.beginLayer(compression, spoolPath, limits)),
    layerStack: () => native.layerStack(),
    probeKvm: () => native.probeKvm(),
    krunUnavailable: () => native.krunUnavailable(),
    krunEnter: (machine) => {
      try {
        native.krunEnter(machine);
      } catch (cause) {
        throw new RuntimeError(`build vm: ${reasonOf(cause)}`, { cause });
      }
    },
    ...networkWithCodedErrors(native),
  };
}

function attempt<T>(call: () => T, describe = (reason: string) => reason): T {
  try {
    return call();
  } catch (cause) {
    throw new NixError(describe(reasonOf(cause)), { cause });
  }
}

/** The way out of the two failures that an option helps against. */
function shareHint(reason: string): { readonly hint?: string } {
  if (reason.startsWith('xattr not supported')) {
    return { hint: 'mount it with stat-virt=relaxed, or share a folder of another file system' };
  }
  if (reason.includes('symbolic link')) return { hint: 'name the folder by its real path' };
  return {};
}
