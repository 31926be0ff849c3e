//! Writes a planned image.

use super::directory::{self, Entry};
use super::plan::{Inode, Plan, narrow};
use super::superblock::{self, DeviceSlot, Superblock};
use super::{BLOCK_BYTES, CHUNK_INDEX_BYTES, LAYOUT_INLINE, SLOT_BYTES, inode, xattrs};
use crate::failure::Failure;
use crate::tree::{Content, Place, Tree};
use std::fs::{File, OpenOptions};
use std::io::{self, BufWriter, Write};
use std::os::unix::fs::{FileExt, OpenOptionsExt};
use std::path::Path;

/// Bytes of metadata a write.
const BATCH_BYTES: usize = 256 * 1024;

/// A plan placed in an image.
#[derive(Clone, Copy, Debug)]
pub struct Layout {
    pub metadata_block: u32,
    pub first_data_block: u32,
    pub total_blocks: u32,
}

impl Layout {
    /// Places a plan in an image that has that many further devices.
    pub fn of(plan: &Plan, devices: usize) -> Result<Self, Failure> {
        let metadata_block = superblock::head_blocks(devices);
        let first_data_block =
            u64::from(metadata_block) + plan.metadata_bytes.div_ceil(BLOCK_BYTES);
        Ok(Self {
            metadata_block,
            first_data_block: narrow(first_data_block)?,
            total_blocks: narrow(first_data_block + plan.data_blocks)?,
        })
    }
}

/// An image while it is written.
pub struct ImageWriter<'a> {
    pub tree: &'a Tree,
    pub plan: &'a Plan,
    pub layout: Layout,
    /// None for an image of one device.
    pub devices: Option<&'a [DeviceSlot]>,
}

impl ImageWriter<'_> {
    /// Writes all of an image but the bytes of regular files, which are left out. The file is made or emptied.
    pub fn write(&self, path: &Path) -> Result<File, Failure> {
        let mut options = OpenOptions::new();
        options.write(true).create(true).truncate(true);
        options.mode(0o600).custom_flags(libc::O_NOFOLLOW);
        options
            .open(path)
            .and_then(|file| {
                self.write_metadata(&file)?;
                self.write_data(&file)?;
                file.set_len(u64::from(self.layout.total_blocks) * BLOCK_BYTES)?;
                Ok(file)
            })
            .map_err(Failure::writing(path))
    }

    fn write_metadata(&self, file: &File) -> io::Result<()> {
        let mut out = BufWriter::with_capacity(BATCH_BYTES, file);
        out.write_all(&superblock::encode(&Superblock {
            inodes: self.plan.inodes.len() as u64,
            blocks: self.layout.total_blocks,
            metadata_block: self.layout.metadata_block,
            devices: self.devices,
        }))?;
        for inode in &self.plan.inodes {
            let written = self.write_slots(inode, &mut out)?;
            write_zeros(&mut out, inode.metadata_bytes - written)?;
        }
        out.flush()
    }

    /// An inode, its extended attributes and its inline data or list of chunks; says how many bytes they are.
    fn write_slots(&self, inode: &Inode, out: &mut impl Write) -> io::Result<u64> {
        let node = self.tree.node(inode.node);
        let mut head = inode::encode(inode, node, self.layout.first_data_block).to_vec();
        head.extend(xattrs::encode(&node.xattrs));
        if inode.layout == LAYOUT_INLINE {
            head.extend(self.blocks(inode).pop().unwrap_or_default());
        }
        if let Content::File {
            place: Place::Image { device, block },
            size,
        } = node.content
        {
            head.resize(head.len().next_multiple_of(CHUNK_INDEX_BYTES as usize), 0);
            out.write_all(&head)?;
            let chunks = size.div_ceil(BLOCK_BYTES);
            for chunk in 0..chunks as u32 {
                let mut index = [0; CHUNK_INDEX_BYTES as usize];
                index[2..4].copy_from_slice(&device.to_le_bytes());
                index[4..].copy_from_slice(&(block + chunk).to_le_bytes());
                out.write_all(&index)?;
            }
            return Ok(head.len() as u64 + chunks * CHUNK_INDEX_BYTES);
        }
        out.write_all(&head)?;
        Ok(head.len() as u64)
    }

    /// The data blocks of directories and symbolic links.
    fn write_data(&self, file: &File) -> io::Result<()> {
        for inode in &self.plan.inodes {
            let is_file = matches!(self.tree.node(inode.node).content, Content::File { .. });
            if is_file || inode.data_blocks == 0 {
                continue;
            }
            let first = self.layout.first_data_block + inode.data_block;
            let blocks = self.blocks(inode).into_iter();
            for (block, bytes) in (u64::from(first)..).zip(blocks.take(inode.data_blocks as usize))
            {
                file.write_all_at(&bytes, block * BLOCK_BYTES)?;
            }
        }
        Ok(())
    }

    /// Content of a directory or symbolic link, block by block. What does not fill a block is not padded.
    fn blocks(&self, inode: &Inode) -> Vec<Vec<u8>> {
        match &self.tree.node(inode.node).content {
            Content::Symlink(target) => target
                .chunks(BLOCK_BYTES as usize)
                .map(<[u8]>::to_vec)
                .collect(),
            Content::Directory(_) => {
                let entries = self.entries(inode);
                directory::pack(entries.iter().map(|entry| entry.name))
                    .into_iter()
                    .map(|(range, _)| directory::encode(&entries[range]))
                    .collect()
            }
            _ => Vec::new(),
        }
    }

    /// A directory's names in byte order, `.` and `..` among them.
    fn entries(&self, inode: &Inode) -> Vec<Entry<'_>> {
        let entry = |name, nid, content| Entry {
            name,
            nid,
            kind: inode::types(content).1,
        };
        let children = self.tree.children(inode.node);
        let mut entries: Vec<Entry> = children
            .iter()
            .filter_map(|(name, id)| {
                let nid = self.plan.inode_of(*id)?.nid;
                Some(entry(name, nid, &self.tree.node(*id).content))
            })
            .collect();
        let own = &self.tree.node(inode.node).content;
        let parent = self.plan.inodes[inode.parent as usize].nid;
        for (name, nid) in [(b".".as_slice(), inode.nid), (b"..", parent)] {
            let at = entries.partition_point(|entry| entry.name < name);
            entries.insert(at, entry(name, nid, own));
        }
        entries
    }
}

fn write_zeros(out: &mut impl Write, bytes: u64) -> io::Result<()> {
    const ZEROS: [u8; SLOT_BYTES as usize] = [0; SLOT_BYTES as usize];
    out.write_all(&ZEROS[..bytes as usize])
}
