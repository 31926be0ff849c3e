//! The file tree of one image layer, or of several merged ones. Names and link targets are bytes.

mod merge;

pub use merge::merge;

use crate::failure::Failure;
use std::collections::BTreeMap;

/// Index of a node in its tree.
pub type NodeId = u32;
pub type Children = BTreeMap<Box<[u8]>, NodeId>;
/// Extended attributes by full name (`security.capability`), in the order in which they are stored.
pub type Xattrs = Vec<(Box<[u8]>, Box<[u8]>)>;

/// Marks a directory that hides what lower layers have at its place; the value is `y`.
pub const OPAQUE_XATTR: &[u8] = b"trusted.overlay.opaque";

#[derive(Clone, Copy, Debug)]
pub struct Metadata {
    /// Permission bits only.
    pub mode: u16,
    pub uid: u32,
    pub gid: u32,
    /// Modification time in whole seconds since 1970.
    pub mtime: i64,
}

impl Metadata {
    /// Of directories that nobody described: root:root 0755, time 0.
    pub const DIRECTORY: Self = Self {
        mode: 0o755,
        uid: 0,
        gid: 0,
        mtime: 0,
    };
}

/// Where the bytes of a regular file are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    /// Offset in the spool file.
    Spool(u64),
    /// First block in an image: of the device with that number, 0 being the image of the tree itself.
    Image { device: u16, block: u32 },
}

#[derive(Clone, Debug)]
pub enum Content {
    Directory(Children),
    File { size: u64, place: Place },
    Symlink(Box<[u8]>),
    CharDevice { major: u32, minor: u32 },
    BlockDevice { major: u32, minor: u32 },
    Fifo,
    Socket,
}

/// A node; it *is* the inode: names that are hard links of each other have the same one.
#[derive(Clone, Debug)]
pub struct Node {
    pub metadata: Metadata,
    /// Of directories and files only.
    pub xattrs: Xattrs,
    pub content: Content,
}

impl Node {
    /// Whether it is a whiteout, which deletes its name from lower layers.
    fn is_whiteout(&self) -> bool {
        matches!(self.content, Content::CharDevice { major: 0, minor: 0 })
    }

    fn is_opaque(&self) -> bool {
        let is_mark = |(name, value): &(Box<[u8]>, Box<[u8]>)| {
            name.as_ref() == OPAQUE_XATTR && value.as_ref() == b"y"
        };
        self.xattrs.iter().any(is_mark)
    }
}

/// All nodes; those that were replaced stay, named by none.
#[derive(Debug)]
pub struct Tree {
    nodes: Vec<Node>,
}

impl Tree {
    pub const ROOT: NodeId = 0;

    pub fn new() -> Self {
        let root = directory(Metadata::DIRECTORY, Xattrs::new());
        Self { nodes: vec![root] }
    }

    pub fn node(&self, id: NodeId) -> &Node {
        &self.nodes[id as usize]
    }

    pub fn len(&self) -> usize {
        self.nodes.len()
    }

    /// The children of a directory; of others, none.
    pub fn children(&self, id: NodeId) -> &Children {
        static NONE: Children = Children::new();
        match &self.node(id).content {
            Content::Directory(children) => children,
            _ => &NONE,
        }
    }

    /// The node at a path of names. Symbolic links are not followed.
    pub fn find(&self, names: &[&[u8]]) -> Option<NodeId> {
        names.iter().try_fold(Self::ROOT, |directory, name| {
            self.children(directory).get(*name).copied()
        })
    }

    /// The child directory of that name; refused when the name is taken by something else.
    pub fn child_directory(&self, parent: NodeId, name: &[u8]) -> Result<Option<NodeId>, Failure> {
        match self.children(parent).get(name) {
            Some(id) if !self.is_directory(*id) => Err(Failure::about("not a directory:", name)),
            existing => Ok(existing.copied()),
        }
    }

    /// Describes a child directory: a new one, or one that is there and keeps its children. Replaces a leaf.
    pub fn put_directory(
        &mut self,
        parent: NodeId,
        name: &[u8],
        metadata: Metadata,
        xattrs: Xattrs,
    ) -> NodeId {
        let existing = self.children(parent).get(name).copied();
        if let Some(id) = existing.filter(|id| self.is_directory(*id)) {
            let node = self.node_mut(id);
            (node.metadata, node.xattrs) = (metadata, xattrs);
            return id;
        }
        let id = self.add(directory(metadata, xattrs));
        self.link(parent, name, id);
        id
    }

    /// Puts a leaf in a directory; a leaf of that name is replaced, a directory is not.
    pub fn put_leaf(&mut self, parent: NodeId, name: &[u8], leaf: NodeId) -> Result<(), Failure> {
        let existing = self.children(parent).get(name);
        if existing.is_some_and(|id| self.is_directory(*id)) {
            return Err(Failure::about("entry already exists:", name));
        }
        self.link(parent, name, leaf);
        Ok(())
    }

    pub fn mark_opaque(&mut self, id: NodeId) {
        let xattrs = &mut self.node_mut(id).xattrs;
        match xattrs
            .iter_mut()
            .find(|(name, _)| name.as_ref() == OPAQUE_XATTR)
        {
            Some((_, value)) => *value = b"y".as_slice().into(),
            None => xattrs.push((OPAQUE_XATTR.into(), b"y".as_slice().into())),
        }
    }

    /// Adds a node that no name stands for yet.
    pub fn add(&mut self, node: Node) -> NodeId {
        self.nodes.push(node);
        (self.nodes.len() - 1) as NodeId
    }

    /// Says for every file that has blocks where its bytes are now.
    pub fn place_files(&mut self, place: impl Fn(NodeId) -> Option<Place>) {
        for (id, node) in self.nodes.iter_mut().enumerate() {
            if let Content::File { place: known, .. } = &mut node.content {
                *known = place(id as NodeId).unwrap_or(*known);
            }
        }
    }

    fn is_directory(&self, id: NodeId) -> bool {
        matches!(self.node(id).content, Content::Directory(_))
    }

    fn node_mut(&mut self, id: NodeId) -> &mut Node {
        &mut self.nodes[id as usize]
    }

    fn unlink(&mut self, parent: NodeId, name: &[u8]) {
        if let Content::Directory(children) = &mut self.node_mut(parent).content {
            children.remove(name);
        }
    }

    fn clear(&mut self, id: NodeId) {
        if let Content::Directory(children) = &mut self.node_mut(id).content {
            children.clear();
        }
    }

    fn link(&mut self, parent: NodeId, name: &[u8], child: NodeId) {
        if let Content::Directory(children) = &mut self.node_mut(parent).content {
            children.insert(name.into(), child);
        }
    }
}

fn directory(metadata: Metadata, xattrs: Xattrs) -> Node {
    Node {
        metadata,
        xattrs,
        content: Content::Directory(Children::new()),
    }
}
