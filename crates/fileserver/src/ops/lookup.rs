//! Finding files.

use rustix::fs::readlinkat_raw;
use rustix::io::Errno;

use super::name;
use crate::abi::flags::mode;
use crate::abi::{Fields, Reply};
use crate::filesystem::Filesystem;
use crate::limits::MAX_TARGET;
use crate::overlay::proc_path;

pub fn lookup(
    fs: &Filesystem,
    parent: u64,
    mut args: Fields<'_>,
    reply: &mut Reply,
) -> Result<(), Errno> {
    let name = args.text()?;
    name::check(fs, parent, name)?;
    let (fd, host, node) = fs.inodes.look_up(parent, name)?;
    let attributes = fs
        .guest_attributes(&*fd, host)
        .inspect_err(|_| fs.forget(node, 1))?;
    reply.entry(node, &attributes);
    Ok(())
}

/// Target of a link: of a real one, or the content of a file that stands for one.
pub fn readlink(fs: &Filesystem, node: u64, reply: &mut Reply) -> Result<(), Errno> {
    let fd = fs.inodes.fd(node)?;
    let (host, _) = crate::attributes::host_attributes(&*fd)?;
    let room = reply.room(MAX_TARGET);
    let count = if host.kind() == mode::LINK {
        readlinkat_raw(&*fd, c"", room)?
    } else {
        if fs.guest_attributes(&*fd, host)?.kind() != mode::LINK {
            return Err(Errno::INVAL);
        }
        let file = std::fs::File::open(proc_path(&*fd)).map_err(|error| errno(&error))?;
        rustix::io::pread(&file, room, 0)?
    };
    reply.advance(count);
    Ok(())
}

/// The code of an error of the standard library.
pub fn errno(error: &std::io::Error) -> Errno {
    Errno::from_io_error(error).unwrap_or(Errno::IO)
}
