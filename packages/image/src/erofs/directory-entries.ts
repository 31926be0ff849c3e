import type { DirectoryEntries } from './directory-blocks.ts';
import { NODE_TYPES } from './erofs-format.ts';
import type { PlannedInode } from './image-plan.ts';

/** What a planned directory says about its names. */
export function directoryEntries({ listing }: PlannedInode): DirectoryEntries {
  const { names, inodes } = listing ?? { names: [], inodes: [] };
  const inode = (index: number): PlannedInode => inodes[index] as PlannedInode;
  return {
    names,
    nid: (index) => inode(index).nid,
    type: (index) => NODE_TYPES[inode(index).node.kind].dirent,
  };
}
