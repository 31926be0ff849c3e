//! What members make.

/// What a member makes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    File,
    HardLink,
    Symlink,
    CharDevice,
    BlockDevice,
    Directory,
    Fifo,
    Socket,
}

impl Kind {
    /// None for members that make nothing: labels, volume headers, unknown flags. The flags are those of POSIX ustar,
    /// GNU's for sparse files, and the backquote that image archives of this project use for sockets.
    pub fn of(flag: u8, path: &[u8]) -> Option<Self> {
        match flag {
            // V7 archives have no flag for directories: their names end in a slash.
            0 if path.ends_with(b"/") => Some(Self::Directory),
            0 | b'0' | b'7' | b'S' => Some(Self::File),
            b'1' => Some(Self::HardLink),
            b'2' => Some(Self::Symlink),
            b'3' => Some(Self::CharDevice),
            b'4' => Some(Self::BlockDevice),
            b'5' => Some(Self::Directory),
            b'6' => Some(Self::Fifo),
            b'`' => Some(Self::Socket),
            _ => None,
        }
    }
}
