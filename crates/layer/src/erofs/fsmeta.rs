//! The metadata image of a whole container image: all of its tree, the bytes of no file. Files point into the layer
//! images, which follow this one, in order, on the virtual disk.

use super::layer_image::LayerImage;
use super::plan::{FileLayout, Plan, narrow};
use super::superblock::DeviceSlot;
use super::write::{ImageWriter, Layout};
use crate::failure::Failure;
use crate::tree::{Tree, merge};
use std::path::Path;

/// The superblock counts devices in 16 bits.
const MAX_LAYERS: usize = 0xffff;

/// Merges layers, bottom first, and writes their metadata image.
pub fn write_fsmeta(layers: &[&LayerImage], path: &Path) -> Result<(), Failure> {
    if layers.len() > MAX_LAYERS {
        let reason = format!("too many layers: {}, at most {MAX_LAYERS}", layers.len());
        return Err(Failure::refused(reason));
    }
    let trees: Vec<&Tree> = layers.iter().map(|layer| &layer.tree).collect();
    let tree = merge(&trees);
    let plan = Plan::of(&tree, FileLayout::Chunks)?;
    let layout = Layout::of(&plan, layers.len())?;
    let devices = device_slots(layout.total_blocks, layers)?;
    let writer = ImageWriter {
        tree: &tree,
        plan: &plan,
        layout,
        devices: Some(&devices),
    };
    writer.write(path)?;
    Ok(())
}

/// The layers follow the metadata image and each other without gaps.
fn device_slots(fsmeta_blocks: u32, layers: &[&LayerImage]) -> Result<Vec<DeviceSlot>, Failure> {
    let mut mapped = u64::from(fsmeta_blocks);
    let mut slots = Vec::with_capacity(layers.len());
    for layer in layers {
        slots.push(DeviceSlot {
            blocks: layer.blocks,
            mapped_block: narrow(mapped)?,
        });
        mapped += u64::from(layer.blocks);
    }
    Ok(slots)
}
