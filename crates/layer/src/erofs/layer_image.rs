//! The image of one layer.

use super::plan::{FileLayout, Inode, Plan};
use super::write::{ImageWriter, Layout};
use super::{BLOCK_BYTES, NO_BLOCK};
use crate::copy::{Body, Named, copy_bodies};
use crate::failure::Failure;
use crate::spool::Spool;
use crate::tree::{Content, Place, Tree};
use std::path::Path;
use std::sync::atomic::AtomicBool;

/// What the image of all layers needs to know of a layer whose image is written: its tree, whose files have their
/// places in the image.
pub struct LayerImage {
    pub(super) tree: Tree,
    pub(super) blocks: u32,
}

impl LayerImage {
    /// Writes a layer's image; the bytes of its files are in the spool. After a failure the file at `path` may be there,
    /// but is of no use.
    pub fn write(
        mut tree: Tree,
        spool: &Spool,
        path: &Path,
        cancelled: &AtomicBool,
    ) -> Result<Self, Failure> {
        let plan = Plan::of(&tree, FileLayout::Blocks)?;
        let layout = Layout::of(&plan, 0)?;
        let writer = ImageWriter {
            tree: &tree,
            plan: &plan,
            layout,
            devices: None,
        };
        let file = writer.write(path)?;
        let bodies = bodies(&tree, &plan, layout);
        if let Some(source) = spool.named() {
            let target = Named { file: &file, path };
            copy_bodies(source, target, &bodies, cancelled)?;
        }
        tree.place_files(|node| {
            let block = match plan.inode_of(node)?.data_block {
                NO_BLOCK => NO_BLOCK,
                block => layout.first_data_block + block,
            };
            Some(Place::Image { device: 0, block })
        });
        Ok(Self {
            tree,
            blocks: layout.total_blocks,
        })
    }
}

/// Where the bytes of files are in the spool, and where they go.
fn bodies(tree: &Tree, plan: &Plan, layout: Layout) -> Vec<Body> {
    let body = |inode: &Inode| match tree.node(inode.node).content {
        Content::File {
            size,
            place: Place::Spool(from),
        } if size > 0 => Some(Body {
            from,
            to: u64::from(layout.first_data_block + inode.data_block) * BLOCK_BYTES,
            bytes: size,
        }),
        _ => None,
    };
    plan.inodes.iter().filter_map(body).collect()
}
