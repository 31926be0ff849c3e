import { describe, expect, it } from 'vitest';
import { imageLabel, storedConfig, storedImageLabel } from './stored-config.ts';

describe('storedImageLabel', () => {
  it.each([
    ['{"name":"a","image":{"Oci":{"reference":"busybox:1"}},"env":[]}', 'busybox:1'],
    ['{"image":{"Oci":{"reference":"late"}},"name":"a"}', 'late'],
    ['{"name":"a","image":{"Oci":{"reference":"with \\"quotes\\""}}}', 'with "quotes"'],
    ['{"name":"a\\",\\"image","image":{"Bind":{"path":"/srv"}}}', '/srv'],
    ['{"name":"a","image":{"DiskImage":{"path":"/disk.raw"}}}', '/disk.raw'],
    ['{"name":"a"}', '-'],
    ['{"name":"a","image":', '-'],
    ['null', '-'],
  ])('finds in %s what the whole configuration says', (json, label) => {
    expect(storedImageLabel(json)).toBe(label);
    expect(imageLabel(storedConfig(json))).toBe(label);
  });
});
