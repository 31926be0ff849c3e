//! Terminal mode: one pseudo terminal for everything.

use std::io;
use std::os::fd::AsFd;

use rustix::fs::{Gid, Uid, fchown};
use rustix::io::ioctl_fionbio;
use rustix::pty::{OpenptFlags, grantpt, ioctl_tiocgptpeer, openpt, unlockpt};
use rustix::termios::{Winsize, tcsetwinsize};

use super::channels::Channels;
use super::output::{Output, OutputKind};

/// Opens a terminal of the given size; `owner` lets a user reopen it by its path.
///
/// # Errors
/// When the guest has no terminals, or no more of them.
pub fn open(rows: u16, cols: u16, owner: Option<u32>) -> io::Result<Channels> {
    let flags = OpenptFlags::RDWR | OpenptFlags::NOCTTY | OpenptFlags::CLOEXEC;
    let master = openpt(flags)?;
    grantpt(&master)?;
    unlockpt(&master)?;
    resize(master.as_fd(), rows, cols)?;
    let slave = ioctl_tiocgptpeer(&master, flags)?;
    if let Some(uid) = owner {
        fchown(&slave, Some(Uid::from_raw(uid)), None::<Gid>)?;
    }
    ioctl_fionbio(&master, true)?;
    Ok(Channels {
        child: [slave.try_clone()?, slave.try_clone()?, slave],
        input: master.try_clone()?,
        outputs: vec![Output::new(OutputKind::Stdout, master)],
    })
}

/// Tells the terminal behind `master` its size.
///
/// # Errors
/// When `master` is no terminal.
pub fn resize(master: impl AsFd, rows: u16, cols: u16) -> io::Result<()> {
    let size = Winsize {
        ws_row: rows,
        ws_col: cols,
        ws_xpixel: 0,
        ws_ypixel: 0,
    };
    Ok(tcsetwinsize(master, size)?)
}
