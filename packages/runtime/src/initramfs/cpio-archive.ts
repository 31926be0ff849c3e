/** One member of a cpio archive. */
export type CpioEntry =
  | { readonly type: 'directory'; readonly path: string; readonly mode: number }
  | { readonly type: 'file'; readonly path: string; readonly mode: number; readonly content: Buffer }
  | {
      readonly type: 'character';
      readonly path: string;
      readonly mode: number;
      readonly major: number;
      readonly minor: number;
    };

const TYPE_BITS = { directory: 0o040000, file: 0o100000, character: 0o020000 } as const;
const ALIGNMENT = 4;
const TRAILER = 'TRAILER!!!';

/**
 * A cpio archive in the `newc` form that Linux unpacks as its initramfs (kernel documentation,
 * `driver-api/early-userspace/buffer-format`). Parents must precede their children; owner is root, time zero.
 */
export function cpioArchive(entries: readonly CpioEntry[]): Buffer {
  const members = entries.map((entry, index) =>
    member({
      inode: index + 1,
      path: entry.path,
      mode: TYPE_BITS[entry.type] | entry.mode,
      links: entry.type === 'directory' ? 2 : 1,
      content: entry.type === 'file' ? entry.content : Buffer.alloc(0),
      device: entry.type === 'character' ? [entry.major, entry.minor] : [0, 0],
    }),
  );
  const end = member({
    inode: 0,
    path: TRAILER,
    mode: 0,
    links: 1,
    content: Buffer.alloc(0),
    device: [0, 0],
  });
  return Buffer.concat([...members.flat(), ...end]);
}

interface Member {
  readonly inode: number;
  readonly path: string;
  readonly mode: number;
  readonly links: number;
  readonly content: Buffer;
  readonly device: readonly [number, number];
}

function member({ inode, path, mode, links, content, device }: Member): Buffer[] {
  const name = Buffer.from(`${path}\0`);
  const fields = [
    inode,
    mode,
    0 /* uid */,
    0 /* gid */,
    links,
    0 /* mtime */,
    content.length,
    0,
    0 /* device of the file */,
    ...device,
    name.length,
    0 /* check */,
  ];
  const header = `070701${fields.map((field) => field.toString(16).padStart(8, '0')).join('')}`;
  return [padded(Buffer.concat([Buffer.from(header), name])), padded(content)];
}

function padded(bytes: Buffer): Buffer {
  const rest = bytes.length % ALIGNMENT;
  return rest === 0 ? bytes : Buffer.concat([bytes, Buffer.alloc(ALIGNMENT - rest)]);
}
