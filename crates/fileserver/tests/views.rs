//! What a guest sees, and the host gets, where owner, mode and type are not kept strictly beside the files.

#![allow(clippy::unwrap_used)]

mod support;

use std::fs;
use std::io::ErrorKind;
use std::os::unix::fs::{MetadataExt, PermissionsExt, chown, symlink};
use std::path::Path;

use msb_fileserver::StatVirt;
use rustix::fs::{CWD, FileType, Mode, mknodat};
use rustix::io::Errno;
use support::share;

#[test]
fn off_is_the_host_as_it_is() {
    let Some(share) = share(|options| options.stat_virt = StatVirt::Off) else {
        return;
    };
    let guest = &share.mounted.path;
    let file = guest.join("file");
    fs::write(&file, "x").unwrap();
    fs::set_permissions(&file, fs::Permissions::from_mode(0o755)).unwrap();
    let on_host = fs::metadata(share.host.join("file")).unwrap();
    assert_eq!(on_host.mode() & 0o7777, 0o755);
    // Its owner can always use it, and nobody becomes somebody else by it.
    fs::set_permissions(&file, fs::Permissions::from_mode(0o4044)).unwrap();
    let on_host = fs::metadata(share.host.join("file")).unwrap();
    assert_eq!(on_host.mode() & 0o7777, 0o644);
    let denied = chown(&file, Some(1234), None).unwrap_err();
    assert_eq!(denied.kind(), ErrorKind::PermissionDenied);
    let mode = Mode::from_raw_mode(0o644);
    let pipe = mknodat(CWD, guest.join("pipe"), FileType::Fifo, mode, 0);
    assert_eq!(pipe, Err(Errno::OPNOTSUPP));
}

#[test]
fn relaxed_links_are_links_of_the_host_that_only_the_guest_follows() {
    let Some(share) = share(|options| options.stat_virt = StatVirt::Relaxed) else {
        return;
    };
    let guest = &share.mounted.path;
    symlink("file", guest.join("link")).unwrap();
    symlink("/etc/passwd", guest.join("away")).unwrap();
    fs::write(guest.join("link"), "through").unwrap();
    assert_eq!(fs::read(share.host.join("file")).unwrap(), b"through");
    for (name, target) in [("link", "file"), ("away", "/etc/passwd")] {
        assert_eq!(
            fs::read_link(share.host.join(name)).unwrap(),
            Path::new(target)
        );
        assert_eq!(fs::read_link(guest.join(name)).unwrap(), Path::new(target));
    }
    chown(guest.join("file"), Some(1234), Some(5678)).unwrap();
    let (seen, on_host) = (
        fs::metadata(guest.join("file")).unwrap(),
        fs::metadata(share.host.join("file")).unwrap(),
    );
    assert_eq!((seen.uid(), seen.gid()), (1234, 5678));
    assert_ne!(on_host.uid(), 1234);
}
