//! Pipes, sockets and devices of the host that lie in a share. The guest sees that they are there, and nothing that it
//! asks opens them: opening a pipe waits for its other end, opening a device may do anything.

#![allow(clippy::unwrap_used)]

mod support;

use std::fs;
use std::io::Write;
use std::os::unix::net::UnixListener;
use std::path::Path;
use std::time::Duration;

use rustix::fs::{CWD, FileType, Mode, makedev, mknodat};
use support::guest::{Guest, op, request, text, u64_at, words};
use support::{TempFolder, sharing};

const ENXIO: i32 = 6;
const ENOTDIR: i32 = 20;
const EINVAL: i32 = 22;
const EEXIST: i32 = 17;

const TRUNCATE: u32 = 0o1000;
/// `FATTR_SIZE`
const SIZE: u32 = 1 << 3;

/// Names of special files that could be made in `folder`.
fn make_special_files(folder: &Path) -> Vec<&'static str> {
    let mode = Mode::from_raw_mode(0o666);
    mknodat(CWD, folder.join("pipe"), FileType::Fifo, mode, 0).unwrap();
    drop(UnixListener::bind(folder.join("socket")).unwrap());
    let mut names = vec!["pipe", "socket"];
    let null = makedev(1, 3);
    match mknodat(
        CWD,
        folder.join("null"),
        FileType::CharacterDevice,
        mode,
        null,
    ) {
        Ok(()) => names.push("null"),
        Err(error) => eprintln!("skipped: no device can be made: {error}"),
    }
    names
}

#[test]
fn nothing_that_is_asked_opens_them() {
    let temp = TempFolder::new();
    let names = make_special_files(&temp.0);
    let mut guest = Guest::of(&sharing(&temp.0));
    for name in names {
        let node = guest.look_up(1, name).unwrap();
        for flags in [0, 1, 2, 1 | TRUNCATE] {
            assert_eq!(guest.open(node, flags), Err(ENXIO), "{name} {flags}");
        }
        // Made meanwhile, for a guest that did not know the name.
        assert_eq!(guest.create(1, name), Err(ENXIO), "{name}");
        let opendir = guest.ask(op::OPENDIR, node, &words(&[0, 0]));
        assert_eq!(opendir, Err(ENOTDIR), "{name}");
        assert_eq!(guest.ask(op::READLINK, node, &[]), Err(EINVAL), "{name}");
        let mut truncate = words(&[SIZE]);
        truncate.resize(88, 0);
        assert_eq!(
            guest.ask(op::SETATTR, node, &truncate),
            Err(ENXIO),
            "{name}"
        );
        let attribute = [&words(&[1, 0])[..], &text("user.x"), b"x"].concat();
        assert!(guest.ask(op::SETXATTR, node, &attribute).is_err(), "{name}");
        let mknod = [&words(&[0o010_644, 0, 0, 0])[..], &text(name)].concat();
        assert_eq!(guest.ask(op::MKNOD, 1, &mknod), Err(EEXIST), "{name}");
        // They can be removed like any other.
        guest.ask(op::UNLINK, 1, &text(name)).unwrap();
        assert!(fs::symlink_metadata(temp.0.join(name)).is_err());
    }
}

/// The guest knows a file, and the host puts a pipe in its place.
#[test]
fn a_file_that_became_a_pipe_is_not_opened() {
    let temp = TempFolder::new();
    fs::write(temp.0.join("file"), "x").unwrap();
    let mut guest = Guest::of(&sharing(&temp.0));
    let node = guest.look_up(1, "file").unwrap();
    fs::remove_file(temp.0.join("file")).unwrap();
    make_special_files(&temp.0);
    fs::rename(temp.0.join("pipe"), temp.0.join("file")).unwrap();
    // What was looked up is what is opened, also when it has no name any more.
    let handle = guest.open(node, 0).unwrap();
    assert_eq!(guest.read(node, handle).unwrap(), b"x");
    let pipe = guest.look_up(1, "file").unwrap();
    assert_ne!(pipe, node);
    assert_eq!(guest.open(pipe, 0), Err(ENXIO));
}

/// A pipe that the guest makes is a file on the host, so that neither side waits for the other.
#[test]
fn pipes_of_the_guest_are_files_of_the_host() {
    let temp = TempFolder::new();
    let mut guest = Guest::of(&sharing(&temp.0));
    let mknod = [&words(&[0o010_644, 0, 0, 0])[..], &text("mine")].concat();
    let node = u64_at(&guest.ask(op::MKNOD, 1, &mknod).unwrap(), 0);
    assert!(fs::metadata(temp.0.join("mine")).unwrap().is_file());
    // The guest's kernel opens its own pipe; one that asks us gets the empty file.
    let handle = guest.open(node, 0).unwrap();
    assert_eq!(guest.read(node, handle).unwrap(), b"");
}

#[test]
fn a_share_with_them_ends_at_once() {
    let temp = TempFolder::new();
    make_special_files(&temp.0);
    let mut guest = Guest::of(&sharing(&temp.0));
    let pipe = guest.look_up(1, "pipe").unwrap();
    let request = request(op::OPEN, 1 << 40, pipe, &words(&[0, 0]));
    for _ in 0..100 {
        guest.socket.write_all(&request).unwrap();
    }
    guest.server.close();
    let reason = guest.ended.recv_timeout(Duration::from_secs(20)).unwrap();
    assert_eq!(reason, None);
}
