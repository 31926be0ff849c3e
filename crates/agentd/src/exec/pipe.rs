//! Pipe mode: three pipes.

use std::io;

use rustix::io::ioctl_fionbio;
use rustix::pipe::{PipeFlags, pipe_with};

use super::channels::Channels;
use super::output::{Output, OutputKind};

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
