//! What a guest may not do in a share, whoever it claims to be.

#![allow(clippy::unwrap_used)]

mod support;

use std::fs;
use std::os::unix::fs::symlink;
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::time::Duration;

use msb_fileserver::{ShareError, ShareOptions, serve};
use support::guest::{Guest, op, text};
use support::{TempFolder, sharing};

const ENOENT: i32 = 2;
const EBADF: i32 = 9;
const EACCES: i32 = 13;
const EPERM: i32 = 1;
const EROFS: i32 = 30;
const ENOSPC: i32 = 28;

#[test]
fn handles_belong_to_their_file() {
    let temp = TempFolder::new();
    let mut guest = Guest::of(&sharing(&temp.0));
    let (first, handle) = guest.create(1, "a").unwrap();
    let (second, _) = guest.create(1, "b").unwrap();
    assert_eq!(guest.write(second, handle, 0, b"x"), Err(EBADF));
    assert_eq!(guest.read(first, handle + 99), Err(EBADF));
    assert_eq!(guest.read(77, handle), Err(EBADF));
    let read_only = guest.open(first, 0).unwrap();
    assert_eq!(guest.write(first, read_only, 0, b"x"), Err(EBADF));
    guest.write(first, handle, 0, b"x").unwrap();
    assert!(guest.look_up(999, "a").is_err());
}

#[test]
fn a_read_only_share_does_not_change() {
    let temp = TempFolder::new();
    fs::write(temp.0.join("a"), "x").unwrap();
    let options = ShareOptions {
        read_only: true,
        ..sharing(&temp.0)
    };
    let mut guest = Guest::of(&options);
    let node = guest.look_up(1, "a").unwrap();
    assert_eq!(guest.open(node, 2), Err(EROFS));
    assert_eq!(guest.create(1, "b"), Err(EROFS));
    assert_eq!(guest.ask(op::UNLINK, 1, &text("a")), Err(EROFS));
    assert_eq!(guest.rename(1, "a", 1, "b"), Err(EROFS));
    assert_eq!(guest.ask(op::SETATTR, node, &[0; 88]), Err(EROFS));
    let handle = guest.open(node, 0).unwrap();
    assert_eq!(guest.read(node, handle).unwrap(), b"x");
}

#[test]
fn one_file_is_all_there_is() {
    let temp = TempFolder::new();
    fs::write(temp.0.join("shown"), "x").unwrap();
    fs::write(temp.0.join("hidden"), "y").unwrap();
    let options = ShareOptions {
        file: Some("shown".into()),
        ..sharing(&temp.0)
    };
    let mut guest = Guest::of(&options);
    assert_eq!(guest.look_up(1, "hidden"), Err(ENOENT));
    assert_eq!(guest.create(1, "hidden"), Err(EACCES));
    assert_eq!(guest.rename(1, "shown", 1, "hidden"), Err(EACCES));
    assert_eq!(guest.ask(op::UNLINK, 1, &text("shown")), Err(EACCES));
    assert_eq!(guest.ask(op::SETATTR, 1, &[0; 88]), Err(EPERM));
    let node = guest.look_up(1, "shown").unwrap();
    let handle = guest.open(node, 2).unwrap();
    guest.write(node, handle, 1, b"z").unwrap();
    assert_eq!(fs::read(temp.0.join("shown")).unwrap(), b"xz");
    assert_eq!(fs::read(temp.0.join("hidden")).unwrap(), b"y");
}

#[test]
fn growth_ends_at_the_quota_and_room_comes_back() {
    let temp = TempFolder::new();
    fs::write(temp.0.join("before"), vec![0; 100_000]).unwrap();
    let options = ShareOptions {
        quota_bytes: Some(10_000),
        ..sharing(&temp.0)
    };
    let mut guest = Guest::of(&options);
    let (node, handle) = guest.create(1, "a").unwrap();
    guest.write(node, handle, 0, &[1; 8000]).unwrap();
    guest.write(node, handle, 0, &[2; 8000]).unwrap();
    assert_eq!(guest.write(node, handle, 8000, &[1; 4000]), Err(ENOSPC));
    assert_eq!(guest.write(node, handle, 1 << 40, b"x"), Err(ENOSPC));
    guest.ask(op::UNLINK, 1, &text("a")).unwrap();
    // Counting anew waits a moment after the last count.
    std::thread::sleep(Duration::from_millis(100));
    let (node, handle) = guest.create(1, "b").unwrap();
    guest.write(node, handle, 0, &[1; 9000]).unwrap();
}

#[test]
fn a_share_that_cannot_be_is_refused() {
    let temp = TempFolder::new();
    let folder = temp.folder("folder");
    symlink(&folder, temp.0.join("link")).unwrap();
    let attempt = |path: &Path, follow: bool| {
        let (host, _guest) = UnixStream::pair().unwrap();
        let options = ShareOptions {
            follow_root_symlinks: follow,
            ..sharing(path)
        };
        serve(host.into(), &options, |_| {})
            .err()
            .map(|error| error.to_string())
    };
    assert!(
        attempt(&temp.0.join("link"), false)
            .unwrap()
            .ends_with("leads through a symbolic link")
    );
    assert_eq!(attempt(&temp.0.join("link"), true), None);
    assert!(attempt(Path::new("relative"), false).is_some());
    // No attributes of users in /proc.
    let (host, _guest) = UnixStream::pair().unwrap();
    let refused = serve(host.into(), &sharing(Path::new("/proc")), |_| {}).err();
    assert!(matches!(refused, Some(ShareError::NoXattr)));
}
