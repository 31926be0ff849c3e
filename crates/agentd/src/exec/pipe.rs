//! Pipe mode: three pipes.

use std::io;
use std::os::fd::AsFd;

use rustix::io::ioctl_fionbio;
use rustix::pipe::{PipeFlags, fcntl_setpipe_size, pipe_with};

use super::channels::Channels;
use super::output::{Output, OutputKind};

/// Size of a new pipe, in bytes.
pub const SIZE: usize = 64 * 1024;

/// Size of a pipe that was found full. Each change between a process and the agent costs an emulated machine more than
/// many bytes: both then work on more at a time.
pub const BULK_SIZE: usize = 256 * 1024;

/// Lets a pipe hold more; says how much that is.
///
/// # Errors
/// When it is none, or has an owner who may not have more.
pub fn enlarge(pipe: impl AsFd) -> io::Result<usize> {
    Ok(fcntl_setpipe_size(pipe, BULK_SIZE)?)
}

/// Makes the pipes of one process.
///
/// # Errors
/// When the agent is out of descriptors.
pub fn open() -> io::Result<Channels> {
    let (stdin, input) = pipe_with(PipeFlags::CLOEXEC)?;
    let (output, stdout) = pipe_with(PipeFlags::CLOEXEC)?;
    let (errors, stderr) = pipe_with(PipeFlags::CLOEXEC)?;
    for end in [&input, &output, &errors] {
        ioctl_fionbio(end, true)?;
    }
    Ok(Channels {
        child: [stdin, stdout, stderr],
        input,
        outputs: vec![
            Output::new(OutputKind::Stdout, output),
            Output::new(OutputKind::Stderr, errors),
        ],
    })
}
