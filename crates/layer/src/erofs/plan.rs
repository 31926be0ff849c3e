//! Where everything in an image goes, before a byte is written.

use super::{
    BLOCK_BYTES, CHUNK_INDEX_BYTES, INODE_BYTES, LAYOUT_CHUNKS, LAYOUT_INLINE, LAYOUT_PLAIN,
    NO_BLOCK, SLOT_BYTES, directory, xattrs,
};
use crate::failure::Failure;
use crate::tree::{Content, NodeId, Tree};
use std::collections::btree_map;

/// Whether the image holds the bytes of regular files itself, or lists where they are on other devices.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FileLayout {
    Blocks,
    Chunks,
}

/// Index of an inode in its plan.
pub type InodeId = u32;
const NO_INODE: InodeId = InodeId::MAX;

/// An inode with its place in the image.
#[derive(Debug)]
pub struct Inode {
    pub node: NodeId,
    pub nid: u32,
    pub layout: u16,
    /// `i_size`.
    pub size: u64,
    pub xattr_bytes: u64,
    /// Bytes in the metadata area: a multiple of the slot size.
    pub metadata_bytes: u64,
    /// First data block, counted from the start of the data area, or [`NO_BLOCK`].
    pub data_block: u32,
    pub data_blocks: u32,
    pub links: u32,
    /// Of a directory: the one around it.
    pub parent: InodeId,
}

/// A directory whose children are being planned.
struct Visit<'a> {
    inode: InodeId,
    /// Those that are still to come.
    children: btree_map::Values<'a, Box<[u8]>, NodeId>,
}

/// A plan.
pub struct Plan {
    /// In the order in which they are stored: depth first, names in byte order. The root is the first, with NID 0.
    pub inodes: Vec<Inode>,
    /// By node.
    inode_of: Vec<InodeId>,
    pub metadata_bytes: u64,
    pub data_blocks: u64,
}

impl Plan {
    /// Plans the image of a tree.
    pub fn of(tree: &Tree, files: FileLayout) -> Result<Self, Failure> {
        let mut plan = Self {
            inodes: Vec::new(),
            inode_of: vec![NO_INODE; tree.len()],
            metadata_bytes: 0,
            data_blocks: 0,
        };
        let root = plan.add(tree, Tree::ROOT, 0, files)?;
        // A stack of its own, since trees may be deeper than the thread's.
        let mut stack = vec![Visit {
            inode: root,
            children: tree.children(Tree::ROOT).values(),
        }];
        while let Some(visit) = stack.last_mut() {
            let parent = visit.inode;
            match visit.children.next() {
                Some(node) => plan.visit(tree, *node, parent, files, &mut stack)?,
                None => drop(stack.pop()),
            }
        }
        Ok(plan)
    }

    pub fn inode_of(&self, node: NodeId) -> Option<&Inode> {
        self.inodes.get(self.inode_of[node as usize] as usize)
    }

    fn visit<'a>(
        &mut self,
        tree: &'a Tree,
        node: NodeId,
        parent: InodeId,
        files: FileLayout,
        stack: &mut Vec<Visit<'a>>,
    ) -> Result<(), Failure> {
        // A file that has an inode already gets one more link.
        if let Some(known) = self.inodes.get_mut(self.inode_of[node as usize] as usize) {
            known.links += 1;
            return Ok(());
        }
        let inode = self.add(tree, node, parent, files)?;
        if let Content::Directory(children) = &tree.node(node).content {
            // The format's reference writer gives the root 2 links whatever it holds.
            if parent != 0 {
                self.inodes[parent as usize].links += 1;
            }
            let children = children.values();
            stack.push(Visit { inode, children });
        }
        Ok(())
    }

    /// Hands out places in both areas, in the order of calls.
    fn add(
        &mut self,
        tree: &Tree,
        node: NodeId,
        parent: InodeId,
        files: FileLayout,
    ) -> Result<InodeId, Failure> {
        let content = &tree.node(node).content;
        let size = length(tree, node);
        let xattr_bytes = xattrs::encode(&tree.node(node).xattrs).len() as u64;
        let is_file = matches!(content, Content::File { .. });
        let (layout, behind_inode, data_blocks) =
            self.lay_out(is_file.then_some(files), size, INODE_BYTES + xattr_bytes);
        let metadata_bytes = behind_inode.next_multiple_of(SLOT_BYTES);
        let is_directory = matches!(content, Content::Directory(_));
        let id = self.inodes.len() as InodeId;
        self.inodes.push(Inode {
            node,
            nid: narrow(self.metadata_bytes / SLOT_BYTES)?,
            layout,
            size,
            xattr_bytes,
            metadata_bytes,
            data_block: match data_blocks {
                0 => NO_BLOCK,
                _ => narrow(self.data_blocks)?,
            },
            data_blocks: narrow(data_blocks)?,
            links: if is_directory { 2 } else { 1 },
            parent,
        });
        self.inode_of[node as usize] = id;
        self.metadata_bytes += metadata_bytes;
        self.data_blocks += data_blocks;
        Ok(id)
    }

    /// Chooses the layout of an inode that takes `head_bytes` before its inline data or chunk list: the layout, the
    /// bytes up to the end of what is behind the inode, and the data blocks.
    fn lay_out(&self, files: Option<FileLayout>, size: u64, head_bytes: u64) -> (u16, u64, u64) {
        if files == Some(FileLayout::Chunks) {
            let list = size.div_ceil(BLOCK_BYTES) * CHUNK_INDEX_BYTES;
            // The kernel looks for the list at the next multiple of its entries' size.
            let start = head_bytes.next_multiple_of(CHUNK_INDEX_BYTES);
            return (LAYOUT_CHUNKS, start + list, 0);
        }
        let tail = size % BLOCK_BYTES;
        // Inline data must not cross a block boundary.
        let fits = head_bytes + tail <= BLOCK_BYTES - self.metadata_bytes % BLOCK_BYTES;
        if tail > 0 && files.is_none() && fits {
            return (LAYOUT_INLINE, head_bytes + tail, size / BLOCK_BYTES);
        }
        (LAYOUT_PLAIN, head_bytes, size.div_ceil(BLOCK_BYTES))
    }
}

/// A number that the format keeps in 32 bits.
pub fn narrow(value: u64) -> Result<u32, Failure> {
    u32::try_from(value)
        .ok()
        .filter(|value| *value != NO_BLOCK)
        .ok_or_else(|| Failure::refused("image too large"))
}

fn length(tree: &Tree, node: NodeId) -> u64 {
    match &tree.node(node).content {
        Content::File { size, .. } => *size,
        Content::Symlink(target) => target.len() as u64,
        Content::Directory(children) => {
            let mut names: Vec<&[u8]> = children.keys().map(AsRef::as_ref).collect();
            for own in [b".".as_slice(), b".."] {
                names.insert(names.partition_point(|name| *name < own), own);
            }
            directory::length(&directory::pack(names.into_iter()))
        }
        _ => 0,
    }
}
