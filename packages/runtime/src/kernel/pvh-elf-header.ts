import type { ExtractedKernel } from '@microsandbox/native';

/** Offset of the kernel's bytes in the file; the header before it is this long. */
export const KERNEL_FILE_OFFSET = 0x1000;

const PROGRAM_HEADERS_AT = 64;
const PROGRAM_HEADER_BYTES = 56;
const NOTE_AT = 176;
const NOTE_BYTES = 24;

const ET_EXEC = 2;
const EM_X86_64 = 62;
const PT_LOAD = 1;
const PT_NOTE = 4;
const READ_WRITE_EXECUTE = 7;
const READ_ONLY = 4;
/** Note type of the owner `Xen` that names the 32-bit entry point. */
const XEN_PHYS32_ENTRY = 18;

/**
 * The first {@link KERNEL_FILE_OFFSET} bytes of an ELF64 file that PVH loaders (QEMU's `-kernel`) and libkrun
 * start; the kernel's bytes follow (spec: runtime D2).
 */
export function pvhElfHeader(kernel: ExtractedKernel): Buffer {
  const header = Buffer.alloc(KERNEL_FILE_OFFSET);
  header.set([0x7f, 0x45, 0x4c, 0x46, 2 /* 64 bit */, 1 /* little-endian */, 1 /* version */]);
  header.writeUInt16LE(ET_EXEC, 16);
  header.writeUInt16LE(EM_X86_64, 18);
  header.writeUInt32LE(1, 20);
  header.writeBigUInt64LE(kernel.entryAddress, 24);
  header.writeBigUInt64LE(BigInt(PROGRAM_HEADERS_AT), 32);
  header.writeUInt16LE(PROGRAM_HEADERS_AT, 52);
  header.writeUInt16LE(PROGRAM_HEADER_BYTES, 54);
  header.writeUInt16LE(2, 56);
  writeProgramHeader(header, PROGRAM_HEADERS_AT, {
    type: PT_LOAD,
    flags: READ_WRITE_EXECUTE,
    offset: KERNEL_FILE_OFFSET,
    address: kernel.loadAddress,
    size: kernel.image.length,
    align: 0x1000,
  });
  writeProgramHeader(header, PROGRAM_HEADERS_AT + PROGRAM_HEADER_BYTES, {
    type: PT_NOTE,
    flags: READ_ONLY,
    offset: NOTE_AT,
    address: 0n,
    size: NOTE_BYTES,
    align: 4,
  });
  header.writeUInt32LE(4, NOTE_AT);
  header.writeUInt32LE(8, NOTE_AT + 4);
  header.writeUInt32LE(XEN_PHYS32_ENTRY, NOTE_AT + 8);
  header.write('Xen\0', NOTE_AT + 12, 'latin1');
  header.writeBigUInt64LE(kernel.pvhEntryAddress, NOTE_AT + 16);
  return header;
}

interface ProgramHeader {
  readonly type: number;
  readonly flags: number;
  readonly offset: number;
  readonly address: bigint;
  readonly size: number;
  readonly align: number;
}

function writeProgramHeader(header: Buffer, at: number, entry: ProgramHeader): void {
  header.writeUInt32LE(entry.type, at);
  header.writeUInt32LE(entry.flags, at + 4);
  header.writeBigUInt64LE(BigInt(entry.offset), at + 8);
  header.writeBigUInt64LE(entry.address, at + 16);
  header.writeBigUInt64LE(entry.address, at + 24);
  header.writeBigUInt64LE(BigInt(entry.size), at + 32);
  header.writeBigUInt64LE(BigInt(entry.size), at + 40);
  header.writeBigUInt64LE(BigInt(entry.align), at + 48);
}
