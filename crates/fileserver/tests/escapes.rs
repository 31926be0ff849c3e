//! A guest that tries to get out of its folder: by names, by links, by races, by attributes and by modes.

#![allow(clippy::unwrap_used)]

mod support;

use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::sync::atomic::{AtomicBool, Ordering};

use msb_fileserver::{ShareOptions, StatVirt};
use support::guest::{Guest, op, text, words};
use support::{TempFolder, sharing};

const ENOENT: i32 = 2;
const EACCES: i32 = 13;
const EPERM: i32 = 1;
const EINVAL: i32 = 22;
const ENAMETOOLONG: i32 = 36;
const ELOOP: i32 = 40;

#[test]
fn names_that_leave_the_folder_are_no_names() {
    let temp = TempFolder::new();
    fs::write(temp.0.join("secret"), "no").unwrap();
    let share = temp.folder("share");
    fs::write(share.join("file"), "yes").unwrap();
    let mut guest = Guest::of(&sharing(&share));
    for (name, code) in [
        ("", EINVAL),
        (".", EINVAL),
        ("..", EPERM),
        ("../secret", EPERM),
        ("/etc/passwd", EPERM),
        ("a/b", EPERM),
        ("none", ENOENT),
        (&"x".repeat(256), ENAMETOOLONG),
    ] {
        assert_eq!(guest.look_up(1, name), Err(code), "{name}");
        if code != ENOENT {
            assert_eq!(guest.create(1, name), Err(code), "{name}");
            assert_eq!(guest.rename(1, "file", 1, name), Err(code), "{name}");
            assert_eq!(guest.ask(op::UNLINK, 1, &text(name)), Err(code), "{name}");
        }
    }
    assert_eq!(guest.ask(op::LOOKUP, 1, b"unterminated"), Err(EINVAL));
    let file = guest.look_up(1, "file").unwrap();
    assert!(guest.look_up(file, "x").is_err());
    assert_eq!(fs::read(share.join("file")).unwrap(), b"yes");
}

#[test]
fn links_are_never_followed() {
    let temp = TempFolder::new();
    let outside = temp.folder("outside");
    fs::write(outside.join("secret"), "no").unwrap();
    let share = temp.folder("share");
    symlink(&outside, share.join("folder")).unwrap();
    symlink(outside.join("secret"), share.join("file")).unwrap();
    let mut guest = Guest::of(&sharing(&share));
    let folder = guest.look_up(1, "folder").unwrap();
    let file = guest.look_up(1, "file").unwrap();
    assert!(guest.look_up(folder, "secret").is_err());
    assert!(guest.create(folder, "new").is_err());
    assert!(guest.ask(op::OPENDIR, folder, &words(&[0, 0])).is_err());
    assert_eq!(guest.open(file, 2), Err(ELOOP));
    // Not even when the guest made them, and by their own name.
    guest
        .ask(
            op::SYMLINK,
            1,
            &[text("mine"), text("/etc/passwd")].concat(),
        )
        .unwrap();
    assert!(fs::symlink_metadata(share.join("mine")).unwrap().is_file());
    assert_eq!(guest.create(1, "file").err(), Some(ELOOP));
    assert_eq!(fs::read(outside.join("secret")).unwrap(), b"no");
}

/// A host program swaps a folder for a link to the outside and back, as fast as it can.
#[test]
fn no_race_leads_outside() {
    let temp = TempFolder::new();
    let outside = temp.folder("outside");
    fs::write(outside.join("file"), "outside").unwrap();
    let share = temp.folder("share");
    let (inner, link, parked) = (
        share.join("inner"),
        temp.0.join("link"),
        temp.0.join("parked"),
    );
    fs::create_dir(&inner).unwrap();
    fs::write(inner.join("file"), "inside").unwrap();
    symlink(&outside, &link).unwrap();
    let done = AtomicBool::new(false);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            while !done.load(Ordering::Relaxed) {
                fs::rename(&inner, &parked).unwrap();
                fs::rename(&link, &inner).unwrap();
                fs::rename(&inner, &link).unwrap();
                fs::rename(&parked, &inner).unwrap();
            }
        });
        let mut guest = Guest::of(&sharing(&share));
        let mut seen = 0;
        for turn in 0..3000 {
            let Ok(folder) = guest.look_up(1, "inner") else {
                continue;
            };
            let name = format!("new-{turn}");
            if let Ok((node, handle)) = guest.create(folder, &name) {
                let _ = guest.write(node, handle, 0, b"x");
                let _ = guest.rename(folder, &name, folder, "newest");
            }
            let Ok(file) = guest.look_up(folder, "file") else {
                continue;
            };
            if let Ok(handle) = guest.open(file, 2) {
                assert_eq!(guest.read(file, handle).unwrap(), b"inside");
                seen += 1;
            }
            // Node numbers stay, so that the table's own way back to a folder is tried too.
        }
        done.store(true, Ordering::Relaxed);
        assert!(seen > 0);
    });
    assert_eq!(fs::read_dir(&outside).unwrap().count(), 1);
    assert_eq!(fs::read(outside.join("file")).unwrap(), b"outside");
}

#[test]
fn our_attributes_and_those_of_the_host_are_out_of_reach() {
    let temp = TempFolder::new();
    let mut guest = Guest::of(&sharing(&temp.0));
    let (node, _) = guest.create(1, "a").unwrap();
    let set = |name: &str| [&words(&[1, 0])[..], &text(name), b"x"].concat();
    for name in ["user.msb.override_stat", "user.msb._probe"] {
        assert_eq!(guest.ask(op::SETXATTR, node, &set(name)), Err(EACCES));
        let get = [&words(&[64, 0])[..], &text(name)].concat();
        assert_eq!(guest.ask(op::GETXATTR, node, &get), Err(EACCES));
    }
    for name in [
        "security.capability",
        "trusted.x",
        "system.posix_acl_access",
    ] {
        assert!(guest.ask(op::SETXATTR, node, &set(name)).is_err(), "{name}");
    }
    guest.ask(op::SETXATTR, node, &set("user.mine")).unwrap();
    let names = guest.ask(op::LISTXATTR, node, &words(&[4096, 0])).unwrap();
    assert_eq!(names, b"user.mine\0");
}

#[test]
fn special_modes_do_not_reach_the_host() {
    let temp = TempFolder::new();
    for stat_virt in [StatVirt::Strict, StatVirt::Off] {
        let options = ShareOptions {
            stat_virt,
            ..sharing(&temp.0)
        };
        let mut guest = Guest::of(&options);
        let name = format!("{stat_virt:?}");
        let (node, _) = guest.create(1, &name).unwrap();
        let mut change = vec![0; 88];
        change[..4].copy_from_slice(&1_u32.to_le_bytes());
        change[68..72].copy_from_slice(&0o106_755_u32.to_le_bytes());
        guest.ask(op::SETATTR, node, &change).unwrap();
        let mode = fs::metadata(temp.0.join(&name))
            .unwrap()
            .permissions()
            .mode()
            & 0o7777;
        assert_eq!(
            mode,
            if stat_virt == StatVirt::Off {
                0o755
            } else {
                0o600
            }
        );
    }
}
