import { describe, expect, it } from 'vitest';
import { busyboxLayer } from './busybox-layer.ts';
import { startLocalRegistry } from './local-registry.ts';
import { pushImage } from './push-image.ts';
import { buildTestImage } from './test-image.ts';

describe('startLocalRegistry', () => {
  it('serves an image that was pushed by an independent client', async () => {
    await using registry = await startLocalRegistry();
    const image = buildTestImage({ layers: [await busyboxLayer()], config: { Cmd: ['/bin/sh'] } });
    const reference = await pushImage({ registry, repository: 'library/busybox', tag: 'latest', image });
    expect(reference).toBe(`${registry.host}/library/busybox:latest`);
    const response = await fetch(`http://${registry.host}/v2/library/busybox/manifests/latest`, {
      headers: { accept: image.manifest.mediaType },
    });
    expect(Buffer.from(await response.arrayBuffer())).toEqual(image.manifest.bytes);
  });
});
