//! Turns the members of a layer's archive into a tree, within limits.

use super::extensions::Member;
use super::kind::Kind;
use super::path::{components, trim};
use super::sparse::Expander;
use super::whiteout::{self, Whiteout};
use crate::failure::Failure;
use crate::limits::Limits;
use crate::spool::Spool;
use crate::tree::{Content, Metadata, Node, NodeId, Place, Tree, Xattrs};

pub struct Builder {
    tree: Tree,
    spool: Spool,
    limits: Limits,
    entries: u64,
    file_bytes: u64,
    metadata_bytes: u64,
    /// Set while the body of a sparse file comes.
    expander: Option<Expander>,
}

impl Builder {
    pub fn new(spool: Spool, limits: Limits) -> Self {
        Self {
            tree: Tree::new(),
            spool,
            limits,
            entries: 0,
            file_bytes: 0,
            metadata_bytes: 0,
            expander: None,
        }
    }

    /// A member begins. True when its body is wanted.
    pub fn member(&mut self, member: Member) -> Result<bool, Failure> {
        self.count_entry()?;
        let Some(kind) = Kind::of(member.flag, &member.path) else {
            return Ok(false);
        };
        let path = member.path.clone();
        let components = components(&path, &self.limits)?;
        let Some((name, directories)) = components.split_last() else {
            return Ok(false);
        };
        self.count_metadata(name.len())?;
        self.put(kind, member, directories, name)
    }

    /// The next bytes of a wanted body.
    pub fn body(&mut self, bytes: &[u8]) -> Result<(), Failure> {
        match &mut self.expander {
            Some(expander) => expander.append(bytes, &mut self.spool),
            None => self.spool.append(bytes),
        }
    }

    pub fn finish(mut self) -> Result<(Tree, Spool), Failure> {
        self.spool.finish()?;
        Ok((self.tree, self.spool))
    }

    /// True when the member's body is to be stored.
    fn put(
        &mut self,
        kind: Kind,
        member: Member,
        directories: &[&[u8]],
        name: &[u8],
    ) -> Result<bool, Failure> {
        if matches!(kind, Kind::File | Kind::Symlink) {
            if let Some(whiteout) = whiteout::parse(name)? {
                self.put_whiteout(whiteout, member.metadata, directories)?;
                return Ok(false);
            }
        }
        match kind {
            Kind::File => return self.put_file(member, directories, name),
            Kind::Directory => {
                self.count_xattrs(&member.xattrs)?;
                let parent = self.parent(directories)?;
                self.tree
                    .put_directory(parent, name, member.metadata, member.xattrs);
            }
            Kind::HardLink => {
                let parent = self.parent(directories)?;
                let target = self.hard_link_target(&member.link_path)?;
                self.tree.put_leaf(parent, name, target)?;
            }
            _ => {
                let parent = self.parent(directories)?;
                let content = self.special(kind, &member)?;
                self.put_node(parent, name, member.metadata, Xattrs::new(), content)?;
            }
        }
        Ok(false)
    }

    /// What a member is that has neither body nor children.
    fn special(&mut self, kind: Kind, member: &Member) -> Result<Content, Failure> {
        let (major, minor) = (member.device_major, member.device_minor);
        Ok(match kind {
            Kind::Symlink => Content::Symlink(self.symlink_target(member)?),
            Kind::CharDevice => Content::CharDevice { major, minor },
            Kind::BlockDevice => Content::BlockDevice { major, minor },
            Kind::Socket => Content::Socket,
            _ => Content::Fifo,
        })
    }

    fn put_whiteout(
        &mut self,
        whiteout: Whiteout,
        metadata: Metadata,
        directories: &[&[u8]],
    ) -> Result<(), Failure> {
        let parent = self.parent(directories)?;
        match whiteout {
            Whiteout::Opaque => self.tree.mark_opaque(parent),
            Whiteout::Delete(name) => {
                let device = Content::CharDevice { major: 0, minor: 0 };
                self.put_node(parent, name, metadata, Xattrs::new(), device)?;
            }
        }
        Ok(())
    }

    fn put_file(
        &mut self,
        member: Member,
        directories: &[&[u8]],
        name: &[u8],
    ) -> Result<bool, Failure> {
        let size = member.sparse.as_ref().map_or(member.size, |file| file.size);
        if size > self.limits.file_bytes {
            return Err(Failure::about("file too large:", trim(&member.path)));
        }
        self.file_bytes += size;
        if self.file_bytes > self.limits.total_file_bytes {
            return Err(Failure::refused("total extracted size exceeded"));
        }
        self.count_xattrs(&member.xattrs)?;
        let place = Place::Spool(if size > 0 { self.spool.begin() } else { 0 });
        let content = Content::File { size, place };
        let parent = self.parent(directories)?;
        self.put_node(parent, name, member.metadata, member.xattrs, content)?;
        let stretches = self.limits.stretches();
        self.expander = member
            .sparse
            .map(|file| Expander::new(file, member.size, stretches, &mut self.spool))
            .transpose()?;
        Ok(member.size > 0)
    }

    fn put_node(
        &mut self,
        parent: NodeId,
        name: &[u8],
        metadata: Metadata,
        xattrs: Xattrs,
        content: Content,
    ) -> Result<(), Failure> {
        let node = self.tree.add(Node {
            metadata,
            xattrs,
            content,
        });
        self.tree.put_leaf(parent, name, node)
    }

    /// The file that a hard link names: one that this layer has already.
    fn hard_link_target(&self, path: &[u8]) -> Result<NodeId, Failure> {
        let found = self.tree.find(&components(path, &self.limits)?);
        let Some(target) = found else {
            return Err(Failure::about("hardlink target not found:", trim(path)));
        };
        match self.tree.node(target).content {
            Content::File { .. } => Ok(target),
            _ => Err(Failure::about(
                "hardlink target is not a regular file:",
                trim(path),
            )),
        }
    }

    fn symlink_target(&mut self, member: &Member) -> Result<Box<[u8]>, Failure> {
        let target = &member.link_path;
        let refuse = |reason| Err(Failure::about(reason, trim(&member.path)));
        if target.len() > self.limits.symlink_target_bytes {
            return refuse("symlink target too long:");
        }
        if target.is_empty() {
            return refuse("symlink with no target:");
        }
        if target.contains(&0) {
            return refuse("NUL byte in symlink target:");
        }
        self.count_metadata(target.len())?;
        Ok(target.as_slice().into())
    }

    /// The directory at a path, made with default metadata where there is none.
    fn parent(&mut self, directories: &[&[u8]]) -> Result<NodeId, Failure> {
        let mut directory = Tree::ROOT;
        for name in directories {
            directory = match self.tree.child_directory(directory, name)? {
                Some(existing) => existing,
                None => {
                    self.count_entry()?;
                    self.count_metadata(name.len())?;
                    self.tree
                        .put_directory(directory, name, Metadata::DIRECTORY, Xattrs::new())
                }
            };
        }
        Ok(directory)
    }

    fn count_entry(&mut self) -> Result<(), Failure> {
        self.entries += 1;
        if self.entries > self.limits.entries {
            return Err(Failure::refused("entry count exceeded"));
        }
        Ok(())
    }

    fn count_xattrs(&mut self, xattrs: &Xattrs) -> Result<(), Failure> {
        let bytes = |(name, value): &(Box<[u8]>, Box<[u8]>)| name.len() + value.len();
        self.count_metadata(xattrs.iter().map(bytes).sum())
    }

    fn count_metadata(&mut self, bytes: usize) -> Result<(), Failure> {
        self.metadata_bytes += bytes as u64;
        if self.metadata_bytes > self.limits.metadata_bytes {
            return Err(Failure::refused("total metadata size exceeded"));
        }
        Ok(())
    }
}
