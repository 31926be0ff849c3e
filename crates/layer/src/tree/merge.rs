//! The layers of an image as one tree.

use super::{Content, Node, NodeId, OPAQUE_XATTR, Place, Tree, Xattrs, directory};
use std::collections::HashMap;

/// Merges layers, bottom first, into a new tree whose files are on the devices 1, 2, … of an image. A layer that occurs
/// twice must be the same tree both times. What a layer says about its own root is ignored: the merged root is
/// root:root 0755.
pub fn merge(layers: &[&Tree]) -> Tree {
    let mut merging = Merging {
        merged: Tree::new(),
        known: HashMap::new(),
    };
    for (index, layer) in layers.iter().enumerate() {
        merging.add(layer, index as u16 + 1);
    }
    merging.merged
}

/// A directory of a layer and the one of the merged tree that it goes to.
struct Visit {
    layer: NodeId,
    merged: NodeId,
    /// Nothing was there before: whiteouts have nothing to delete and are kept.
    fresh: bool,
}

struct Merging {
    merged: Tree,
    /// Of each tree: what became of its leaves, so that hard links stay what they are.
    known: HashMap<*const Tree, HashMap<NodeId, NodeId>>,
}

impl Merging {
    fn add(&mut self, layer: &Tree, device: u16) {
        let mut known = self
            .known
            .remove(&std::ptr::from_ref(layer))
            .unwrap_or_default();
        // A stack of its own, since trees may be deeper than the thread's.
        let mut stack = vec![Visit {
            layer: Tree::ROOT,
            merged: Tree::ROOT,
            fresh: false,
        }];
        while let Some(visit) = stack.pop() {
            for (name, id) in layer.children(visit.layer) {
                let node = layer.node(*id);
                if let Content::Directory(_) = node.content {
                    stack.push(self.merge_directory(visit.merged, name, *id, node));
                } else if node.is_whiteout() && !visit.fresh {
                    self.merged.unlink(visit.merged, name);
                } else {
                    let leaf = *known
                        .entry(*id)
                        .or_insert_with(|| self.merged.add(node.clone()));
                    self.place_on(leaf, device);
                    self.merged.link(visit.merged, name, leaf);
                }
            }
        }
        self.known.insert(std::ptr::from_ref(layer), known);
    }

    /// Says that the bytes of a file are on that device.
    fn place_on(&mut self, leaf: NodeId, on: u16) {
        if let Content::File {
            place: Place::Image { device, .. },
            ..
        } = &mut self.merged.node_mut(leaf).content
        {
            *device = on;
        }
    }

    fn merge_directory(
        &mut self,
        parent: NodeId,
        name: &[u8],
        layer: NodeId,
        node: &Node,
    ) -> Visit {
        let xattrs = without_opaque(&node.xattrs);
        let existing = self.merged.children(parent).get(name).copied();
        let Some(merged) = existing.filter(|id| self.merged.is_directory(*id)) else {
            let merged = self.merged.add(directory(node.metadata, xattrs));
            self.merged.link(parent, name, merged);
            return Visit {
                layer,
                merged,
                fresh: true,
            };
        };
        if node.is_opaque() {
            self.merged.clear(merged);
        }
        let directory = self.merged.node_mut(merged);
        (directory.metadata, directory.xattrs) = (node.metadata, xattrs);
        Visit {
            layer,
            merged,
            fresh: false,
        }
    }
}

/// The mark has done its work when the layers are one.
fn without_opaque(xattrs: &Xattrs) -> Xattrs {
    let is_kept = |(name, _): &&(Box<[u8]>, Box<[u8]>)| name.as_ref() != OPAQUE_XATTR;
    xattrs.iter().filter(is_kept).cloned().collect()
}
