//! The operations, by what they are about.

mod attr;
mod create;
mod data;
mod folder;
mod lookup;
mod name;
mod rename;
mod session;
mod xattr;

use rustix::io::Errno;

use crate::abi::opcode as op;
use crate::abi::{Fields, Header, Reply};
use crate::filesystem::Filesystem;

/// Whether the request is answered at all.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    Answer,
    Silence,
}

/// Data whose copying costs more than waking a thread, in bytes.
const MUCH_DATA: u32 = 64 << 10;

/// Whether a request may keep its thread so long that others should not wait for it.
pub fn takes_long(header: &Header, arguments: &[u8]) -> bool {
    match header.opcode {
        op::READ => data::read_size(Fields::new(arguments)).is_ok_and(|size| size > MUCH_DATA),
        op::WRITE => arguments.len() > MUCH_DATA as usize,
        op::READDIR | op::READDIRPLUS | op::FSYNC | op::FSYNCDIR => true,
        op::FALLOCATE | op::COPY_FILE_RANGE => true,
        _ => false,
    }
}

/// Does what a request asks and puts the answer into `reply`.
///
/// # Errors
/// The code to answer with.
pub fn handle(
    fs: &Filesystem,
    header: &Header,
    arguments: &[u8],
    reply: &mut Reply,
) -> Result<Outcome, Errno> {
    let args = Fields::new(arguments);
    if header.opcode == op::INIT {
        return session::init(fs, args, reply).map(|()| Outcome::Answer);
    }
    match header.opcode {
        op::FORGET => return Ok(session::forget(fs, header.node, args)),
        op::BATCH_FORGET => return Ok(session::batch_forget(fs, args)),
        op::INTERRUPT | op::NOTIFY_REPLY => return Ok(Outcome::Silence),
        _ if !fs.started.load(std::sync::atomic::Ordering::Acquire) => return Err(Errno::IO),
        _ => {}
    }
    match header.opcode {
        op::LOOKUP => lookup::lookup(fs, header.node, args, reply),
        op::GETATTR => attr::getattr(fs, header.node, args, reply),
        op::SETATTR => attr::setattr(fs, header.node, args, reply),
        op::ACCESS => attr::access(fs, header, args),
        op::STATFS => session::statfs(fs, reply),
        op::READLINK => lookup::readlink(fs, header.node, reply),
        op::SYMLINK => create::symlink(fs, header, args, reply),
        op::MKNOD => create::mknod(fs, header, args, reply),
        op::MKDIR => create::mkdir(fs, header, args, reply),
        op::CREATE => create::create(fs, header, args, reply),
        op::LINK => rename::link(fs, header.node, args, reply),
        op::UNLINK => rename::unlink(fs, header.node, args, false),
        op::RMDIR => rename::unlink(fs, header.node, args, true),
        op::RENAME => rename::rename(fs, header.node, args, false),
        op::RENAME2 => rename::rename(fs, header.node, args, true),
        op::OPEN => data::open(fs, header.node, args, reply),
        op::READ => data::read(fs, header.node, args, reply),
        op::WRITE => data::write(fs, header.node, args, reply),
        op::RELEASE | op::RELEASEDIR => data::release(fs, header.node, args),
        op::FSYNC | op::FSYNCDIR => data::fsync(fs, header.node, args),
        op::FALLOCATE => data::fallocate(fs, header.node, args),
        op::LSEEK => data::lseek(fs, header.node, args, reply),
        op::COPY_FILE_RANGE => data::copy_file_range(fs, header.node, args, reply),
        op::OPENDIR => folder::opendir(fs, header.node, reply),
        op::READDIR => folder::readdir(fs, header.node, args, reply, false),
        op::READDIRPLUS => folder::readdir(fs, header.node, args, reply, true),
        op::SETXATTR => xattr::setxattr(fs, header.node, args),
        op::GETXATTR => xattr::getxattr(fs, header.node, args, reply),
        op::LISTXATTR => xattr::listxattr(fs, header.node, args, reply),
        op::REMOVEXATTR => xattr::removexattr(fs, header.node, args),
        op::DESTROY => Ok(()),
        // FLUSH among them: nothing is held back here, and the guest then saves itself the question.
        _ => Err(Errno::NOSYS),
    }
    .map(|()| Outcome::Answer)
}
