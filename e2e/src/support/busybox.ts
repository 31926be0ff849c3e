import { buildTestImage, busyboxLayer, type LocalRegistry, pushImage } from '@microsandbox/test-utils';

/** Pushes a busybox image and returns its reference. */
export async function pushBusybox(registry: LocalRegistry, repository = 'library/busybox'): Promise<string> {
  const image = buildTestImage({
    layers: [await busyboxLayer()],
    config: { Cmd: ['/bin/sh'], Env: ['PATH=/bin', 'FROM_IMAGE=yes'] },
  });
  return pushImage({ registry, repository, tag: 'latest', image });
}
