//! One share: what every operation needs.

use std::ffi::{OsStr, OsString};
use std::os::fd::{AsFd, OwnedFd};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};

use rustix::fs::{CWD, Mode, OFlags, ResolveFlags, openat2};
use rustix::io::Errno;
use rustix::process::{Resource, geteuid, getrlimit};

use crate::abi::flags::mode;
use crate::attributes::{Attributes, host_attributes};
use crate::handles::Handles;
use crate::inodes::{BENEATH, Inodes, ROOT, open_path};
use crate::limits::MAX_OPEN;
use crate::options::{HostPerms, ShareError, ShareOptions, StatVirt};
use crate::overlay::{self, Overlay};
use crate::quota::Quota;
use crate::unused::Unused;

/// Owner of files that belong neither to us nor, by their overlay, to somebody in the guest.
const NOBODY: u32 = 65534;

/// One shared folder and the guest's view of it.
pub struct Filesystem {
    pub inodes: Inodes,
    pub handles: Handles,
    pub unused: Unused,
    pub quota: Option<Quota>,
    /// Bytes of all listings of open folders.
    pub listing_bytes: Arc<AtomicUsize>,
    pub read_only: bool,
    pub writeback: bool,
    /// The only name there is.
    pub only: Option<OsString>,
    /// The guest introduced itself.
    pub started: AtomicBool,
    stat_virt: StatVirt,
    host_perms: HostPerms,
    /// Whether the host's file system takes overlays.
    overlays: bool,
    host_user: u32,
    /// User and group of the guest that the host's own files belong to: `uid << 32 | gid`.
    default_owner: AtomicU64,
}

impl Filesystem {
    /// Opens the share's folder.
    ///
    /// # Errors
    /// [`ShareError`] when it cannot be shared as asked.
    pub fn open(options: &ShareOptions) -> Result<Self, ShareError> {
        let failed = |errno| ShareError::root(options, errno);
        let root = open_root(options).map_err(failed)?;
        let only = options.file.as_ref().map(OsString::from);
        let probed = match &only {
            None => None,
            Some(name) => Some(open_path(&root, name).map_err(failed)?),
        };
        let kind = |file| host_attributes(file).map(|(attributes, _)| attributes.kind());
        if probed
            .as_ref()
            .map(kind)
            .transpose()
            .map_err(failed)?
            .is_some_and(|kind| kind != mode::FILE)
        {
            return Err(failed(Errno::INVAL));
        }
        let overlays = options.stat_virt != StatVirt::Off
            && overlay::is_supported(probed.as_ref().unwrap_or(&root), options.read_only);
        if options.stat_virt == StatVirt::Strict && !overlays {
            return Err(ShareError::NoXattr);
        }
        let max_open = descriptor_budget();
        Ok(Self {
            inodes: Inodes::new(root, max_open),
            handles: Handles::new(max_open),
            unused: Unused::default(),
            quota: options.quota_bytes.map(Quota::new),
            listing_bytes: Arc::default(),
            read_only: options.read_only,
            writeback: options.writeback && !options.read_only,
            only,
            started: AtomicBool::new(false),
            stat_virt: options.stat_virt,
            host_perms: options.host_perms,
            overlays,
            host_user: geteuid().as_raw(),
            default_owner: AtomicU64::new(0),
        })
    }

    /// From now on the host's own files belong to this user of the guest.
    pub fn set_default_owner(&self, uid: u32, gid: u32) {
        let owner = u64::from(uid) << 32 | u64::from(gid);
        self.default_owner.store(owner, Ordering::Relaxed);
    }

    /// Whether owner, mode and type are kept beside the files.
    pub fn has_overlays(&self) -> bool {
        self.overlays
    }

    /// Whether links are kept as files, and not as links of the host.
    pub fn has_virtual_links(&self) -> bool {
        self.overlays && self.stat_virt == StatVirt::Strict
    }

    /// Whether files show the host's own modes.
    pub fn is_literal(&self) -> bool {
        self.stat_virt == StatVirt::Off
    }

    /// Fails in a share that cannot be changed.
    pub fn assert_writable(&self) -> Result<(), Errno> {
        if self.read_only {
            Err(Errno::ROFS)
        } else {
            Ok(())
        }
    }

    /// A file's attributes as the guest sees them.
    pub fn attributes(&self, fd: impl AsFd) -> Result<Attributes, Errno> {
        let (host, _) = host_attributes(&fd)?;
        self.guest_attributes(fd, host)
    }

    /// `host`, the attributes of `fd` on the host, as the guest sees them.
    pub fn guest_attributes(&self, fd: impl AsFd, host: Attributes) -> Result<Attributes, Errno> {
        let mut attributes = host;
        let can_have_overlay = matches!(host.kind(), mode::FILE | mode::FOLDER);
        match self.overlays && can_have_overlay {
            true => match Overlay::read(fd)? {
                Some(overlay) => overlay.apply(&mut attributes),
                None => self.map_owner(&mut attributes),
            },
            false => self.map_owner(&mut attributes),
        }
        Ok(attributes)
    }

    fn map_owner(&self, attributes: &mut Attributes) {
        let (uid, gid) = match attributes.uid == self.host_user {
            true => self.default_owner(),
            false => (NOBODY, NOBODY),
        };
        attributes.uid = uid;
        attributes.gid = gid;
    }

    fn default_owner(&self) -> (u32, u32) {
        let owner = self.default_owner.load(Ordering::Relaxed);
        ((owner >> 32) as u32, (owner & u64::from(u32::MAX)) as u32)
    }

    /// Attributes of the file `node`, through the table of what the guest knows.
    pub fn node_attributes(&self, node: u64) -> Result<Attributes, Errno> {
        let fd = self.inodes.fd(node)?;
        if node == ROOT && self.only.is_some() {
            return self.lone_root(&fd);
        }
        self.attributes(&*fd)
    }

    /// The made-up folder of a share that shows one file.
    fn lone_root(&self, fd: &OwnedFd) -> Result<Attributes, Errno> {
        let (host, _) = host_attributes(fd)?;
        let (uid, gid) = self.default_owner();
        Ok(Attributes {
            mode: mode::FOLDER | 0o755,
            nlink: 2,
            uid,
            gid,
            ..host
        })
    }

    /// Mode of a file on the host for the guest's `mode`. The owner can always read and write, and no special bit
    /// ever gets there.
    pub fn host_mode(&self, guest: u32, is_folder: bool) -> Mode {
        let floor = if is_folder { 0o700 } else { 0o600 };
        let literal = self.is_literal() || !self.overlays || self.host_perms == HostPerms::Mirror;
        Mode::from_raw_mode(if literal {
            (guest & 0o777) | floor
        } else {
            floor
        })
    }

    /// Mode that a file on the host gets when the guest changes it to `guest`; an existing one that only its owner
    /// may not use is opened to them.
    pub fn changed_host_mode(&self, guest: u32, host: &Attributes) -> Mode {
        let is_folder = host.kind() == mode::FOLDER;
        let literal = self.is_literal() || !self.overlays || self.host_perms == HostPerms::Mirror;
        match literal {
            true => self.host_mode(guest, is_folder),
            false => {
                Mode::from_raw_mode((host.mode & 0o777) | if is_folder { 0o700 } else { 0o600 })
            }
        }
    }

    /// The guest forgot a file `count` times.
    pub fn forget(&self, node: u64, count: u64) {
        if let Some(fd) = self.inodes.forget(node, count) {
            self.unused.put(fd);
        }
    }

    /// Descriptor of the share's folder.
    pub fn root(&self) -> Result<Arc<OwnedFd>, Errno> {
        self.inodes.fd(ROOT)
    }
}

fn open_root(options: &ShareOptions) -> Result<OwnedFd, Errno> {
    let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC;
    if !options.path.is_absolute() {
        return Err(Errno::INVAL);
    }
    if options.follow_root_symlinks {
        return openat2(
            CWD,
            &options.path,
            flags,
            Mode::empty(),
            ResolveFlags::NO_MAGICLINKS,
        );
    }
    let top = openat2(CWD, "/", flags, Mode::empty(), ResolveFlags::empty())?;
    let below = options.path.strip_prefix("/").map_err(|_| Errno::INVAL)?;
    let below = if below.as_os_str().is_empty() {
        OsStr::new(".")
    } else {
        below.as_os_str()
    };
    openat2(top, below, flags, Mode::empty(), BENEATH)
}

/// Files that one share may have open, of what the process may.
fn descriptor_budget() -> usize {
    let limit = getrlimit(Resource::Nofile).current.unwrap_or(u64::MAX);
    usize::try_from(limit / 16)
        .unwrap_or(MAX_OPEN)
        .clamp(32, MAX_OPEN)
}
