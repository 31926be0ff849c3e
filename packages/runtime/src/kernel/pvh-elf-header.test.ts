import { describe, expect, it } from 'vitest';
import { KERNEL_FILE_OFFSET, pvhElfHeader } from './pvh-elf-header.ts';

describe('pvhElfHeader', () => {
  const header = pvhElfHeader({
    image: Buffer.alloc(0x3000),
    loadAddress: 0x1000000n,
    entryAddress: 0x1000123n,
    pvhEntryAddress: 0x1000040n,
  });

  it('is what the specification lays down (runtime D2)', () => {
    expect(header).toHaveLength(KERNEL_FILE_OFFSET);
    const hex = (from: number, to: number) => header.subarray(from, to).toString('hex');
    expect(hex(0, 64)).toBe(
      '7f454c46020101000000000000000000' +
        '02003e0001000000' +
        '2301000100000000' +
        '4000000000000000' +
        '0000000000000000' +
        '00000000' +
        '4000380002000000' +
        '00000000',
    );
    expect(hex(64, 120)).toBe(
      '0100000007000000' +
        '0010000000000000' +
        '0000000100000000'.repeat(2) +
        '0030000000000000'.repeat(2) +
        '0010000000000000',
    );
    expect(hex(120, 176)).toBe(
      '0400000004000000' +
        'b000000000000000' +
        '0000000000000000'.repeat(2) +
        '1800000000000000'.repeat(2) +
        '0400000000000000',
    );
    expect(hex(176, 200)).toBe(
      `040000000800000012000000${Buffer.from('Xen\0').toString('hex')}4000000100000000`,
    );
    expect(header.subarray(200).every((byte) => byte === 0)).toBe(true);
  });
});
