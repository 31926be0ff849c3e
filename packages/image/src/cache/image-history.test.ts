import type { CachedImage } from '@microsandbox/types';
import { describe, expect, it } from 'vitest';
import { imageHistory } from './image-history.ts';

const image = (config: unknown, diffIds: readonly string[]): CachedImage =>
  ({
    raw_config_json: typeof config === 'string' ? config : JSON.stringify(config),
    layers: diffIds.map((diff_id, index) => ({ diff_id, size_bytes: index + 1 })),
  }) as unknown as CachedImage;

describe('imageHistory', () => {
  it('gives the last step first, each with the layer that it made', () => {
    const history = [
      { created: '2024-01-02T03:04:05.5Z', created_by: 'ADD x' },
      { created_by: 'ENV A=1', empty_layer: true, comment: 'c' },
      { created_by: 'RUN y', empty_layer: false },
    ];
    expect(imageHistory(image({ history }, ['a', 'b']))).toEqual([
      { createdAt: null, createdBy: 'RUN y', comment: null, diffId: 'b', sizeBytes: 2 },
      { createdAt: null, createdBy: 'ENV A=1', comment: 'c', diffId: null, sizeBytes: null },
      {
        createdAt: new Date('2024-01-02T03:04:05.500Z'),
        createdBy: 'ADD x',
        comment: null,
        diffId: 'a',
        sizeBytes: 1,
      },
    ]);
  });

  it('names every layer, whatever the configuration says', () => {
    for (const config of ['', '[]', '{"history":7}', { history: [7] }, { history: null }]) {
      expect(imageHistory(image(config, ['a', 'b'])).map(({ diffId }) => diffId)).toEqual(['b', 'a']);
    }
    const odd = {
      history: [{ created: {}, created_by: [1], comment: false, empty_layer: 'x' }, { created: 'x' }],
    };
    expect(imageHistory(image(odd, ['a']))).toEqual([
      { createdAt: null, createdBy: null, comment: null, diffId: null, sizeBytes: null },
      { createdAt: null, createdBy: null, comment: null, diffId: 'a', sizeBytes: 1 },
    ]);
  });
});
