import { ImageError } from '@microsandbox/types';
import { describe, expect, it } from 'vitest';
import { vmdkDescriptor } from './vmdk-descriptor.ts';

const GiB = 1024 ** 3;

describe('vmdkDescriptor', () => {
  it('joins files in order', () => {
    const text = vmdkDescriptor([
      { path: '/c/fsmeta/a.erofs', bytes: 8192 },
      { path: '/c/layers/b.erofs', bytes: 20_480 },
      { path: '/c/layers/c.erofs', bytes: 12_288 },
    ]);
    expect(text).toBe(
      [
        '# Disk DescriptorFile',
        'version=1',
        'CID=fffffffe',
        'parentCID=ffffffff',
        'createType="twoGbMaxExtentFlat"',
        '',
        '# Extent description',
        'RW 16 FLAT "/c/fsmeta/a.erofs" 0',
        'RW 40 FLAT "/c/layers/b.erofs" 0',
        'RW 24 FLAT "/c/layers/c.erofs" 0',
        '',
        '# The Disk Data Base',
        '#DDB',
        'ddb.virtualHWVersion = "4"',
        'ddb.geometry.cylinders = "1"',
        'ddb.geometry.heads = "16"',
        'ddb.geometry.sectors = "63"',
        'ddb.adapterType = "ide"',
        '',
      ].join('\n'),
    );
  });

  it('lists a file twice when it is there twice', () => {
    const extent = { path: '/a', bytes: 4096 };
    expect(vmdkDescriptor([extent, extent]).match(/RW 8 FLAT "\/a" 0/g)).toHaveLength(2);
  });

  it('splits files above 2 GiB', () => {
    const lines = vmdkDescriptor([{ path: '/big', bytes: 4 * GiB + 4096 }]).split('\n');
    expect(lines.filter((line) => line.startsWith('RW'))).toEqual([
      'RW 4194304 FLAT "/big" 0',
      'RW 4194304 FLAT "/big" 4194304',
      'RW 8 FLAT "/big" 8388608',
    ]);
    expect(vmdkDescriptor([{ path: '/two', bytes: 2 * GiB }])).toContain('RW 4194304 FLAT "/two" 0\n\n');
  });

  it('rounds the cylinders up', () => {
    expect(vmdkDescriptor([{ path: '/a', bytes: 1008 * 512 }])).toContain('cylinders = "1"');
    expect(vmdkDescriptor([{ path: '/a', bytes: 1009 * 512 }])).toContain('cylinders = "2"');
  });

  it('refuses what a descriptor cannot say', () => {
    const text = (path: string, bytes: number) => () => vmdkDescriptor([{ path, bytes }]);
    expect(text('/x', 1000)).toThrow('extent /x size (1000) is not 512-byte aligned');
    expect(text('/a"b', 512)).toThrow(ImageError);
    expect(text('/a\nRW 8 FLAT "/etc/shadow" 0', 512)).toThrow(ImageError);
  });
});
