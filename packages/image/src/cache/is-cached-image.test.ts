import { altered, SeededRandom } from '@microsandbox/test-utils';
import { cachedImageSchema } from '@microsandbox/types';
import { expect, it } from 'vitest';
import { isCachedImage } from './is-cached-image.ts';

const image = {
  manifest_digest: 'sha256:1',
  config_digest: 'sha256:2',
  raw_manifest_json: '{}',
  raw_config_json: '{}',
  config: {
    env: ['A=b'],
    cmd: ['sh'],
    entrypoint: null,
    working_dir: '/',
    user: null,
    exposed_ports: ['80/tcp'],
    volumes: [],
    labels: { a: 'b' },
    stop_signal: null,
  },
  layers: [{ digest: 'sha256:3', media_type: null, size_bytes: 7, diff_id: 'sha256:4' }],
};

it('takes what the schema takes', () => {
  expect(isCachedImage(image)).toBe(true);
  const random = new SeededRandom(7);
  for (let round = 0; round < 2000; round++) {
    const value = altered(image, random);
    expect(isCachedImage(value), JSON.stringify(value)).toBe(cachedImageSchema.safeParse(value).success);
  }
});
