import { buildTestImage, busyboxLayer, type LocalRegistry, pushImage } from '@microsandbox/test-utils';

/** Pushes a busybox image, with more layers on top where there are any, and returns its reference. */
export async function pushBusybox(
  registry: LocalRegistry,
  extraLayers: readonly Buffer[] = [],
): Promise<string> {
  const image = buildTestImage({
    layers: [await busyboxLayer(), ...extraLayers],
    config: { Cmd: ['/bin/sh'], Env: ['PATH=/bin', 'FROM_IMAGE=yes'] },
  });
  return pushImage({ registry, repository: 'library/busybox', tag: 'latest', image });
}
