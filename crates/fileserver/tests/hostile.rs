//! A guest that speaks the protocol itself, and badly.

#![allow(clippy::unwrap_used)]

mod support;

use std::fs;
use std::io::Write;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use msb_fileserver::{ShareError, ShareOptions, StatVirt, serve};
use support::guest::{Guest, init, op, request, text, words};
use support::{TempFolder, sharing};

const ENOENT: i32 = 2;
const EBADF: i32 = 9;
const EACCES: i32 = 13;
const EPERM: i32 = 1;
const EINVAL: i32 = 22;
const EROFS: i32 = 30;
const ENOSPC: i32 = 28;
const ENAMETOOLONG: i32 = 36;
const ENOSYS: i32 = 38;
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

#[test]
fn nothing_is_answered_before_the_introduction_and_nothing_unknown_after() {
    let temp = TempFolder::new();
    let mut guest = Guest::silent(&sharing(&temp.0));
    assert_eq!(guest.look_up(1, "a"), Err(5));
    assert!(guest.ask(op::INIT, 0, &words(&[6, 0, 0, 0])).is_err());
    guest.ask(op::INIT, 0, &init()).unwrap();
    for opcode in [0, 25, 31, 39, 48, 4096, u32::MAX] {
        assert_eq!(guest.ask(opcode, 1, &[0; 64]), Err(ENOSYS), "{opcode}");
    }
    guest.server.close();
    assert_eq!(guest.ended.recv_timeout(Duration::from_secs(10)), Ok(None));
}

#[test]
fn impossible_lengths_end_the_share() {
    for len in [0_u32, 39, (1 << 20) + 4097, u32::MAX] {
        let temp = TempFolder::new();
        let mut guest = Guest::of(&sharing(&temp.0));
        let mut bytes = request(op::LOOKUP, 9, 1, b"");
        bytes[..4].copy_from_slice(&len.to_le_bytes());
        guest.socket.write_all(&bytes).unwrap();
        let reason = guest.ended.recv_timeout(Duration::from_secs(10)).unwrap();
        assert_eq!(
            reason.as_deref(),
            Some(&*format!("malformed message: {len} bytes announced"))
        );
    }
}

/// A guest that asks without end and reads no answer waits itself, and does not keep the share from ending.
#[test]
fn a_flood_without_readers_waits() {
    let temp = TempFolder::new();
    fs::write(temp.0.join("large"), vec![7; 1 << 20]).unwrap();
    let mut guest = Guest::of(&sharing(&temp.0));
    let node = guest.look_up(1, "large").unwrap();
    let handle = guest.open(node, 0).unwrap();
    for (size, opcode, number) in [(1 << 20, op::READ, node), (0, op::STATFS, 1)] {
        let body = [
            &handle.to_le_bytes()[..],
            &[0; 8],
            &words(&[size, 0, 0, 0, 0, 0]),
        ]
        .concat();
        let flood = request(opcode, 9, number, &body).repeat(1000);
        guest.socket.set_nonblocking(true).unwrap();
        let mut sent = 0;
        // Far more than the two sockets hold.
        while sent < 64 << 20 {
            match guest.socket.write(&flood) {
                Ok(count) => sent += count,
                Err(error) => {
                    assert_eq!(error.kind(), std::io::ErrorKind::WouldBlock);
                    break;
                }
            }
            std::thread::sleep(Duration::from_millis(1));
        }
        assert!(sent < 64 << 20);
    }
    guest.server.close();
    guest.ended.recv_timeout(Duration::from_secs(20)).unwrap();
}

/// Random requests, mostly with plausible parts. `MSB_FUZZ_SECONDS` makes it longer, `MSB_FUZZ_SEED` makes others.
#[test]
fn no_message_brings_the_server_down_or_leads_outside() {
    let given = |name| std::env::var(name).ok().and_then(|text| text.parse().ok());
    let seconds = given("MSB_FUZZ_SECONDS").unwrap_or(2);
    // xorshift never leaves zero.
    let seed = given("MSB_FUZZ_SEED").unwrap_or(0x5eed_cafe).max(1);
    let temp = TempFolder::new();
    fs::write(temp.0.join("outside"), "outside").unwrap();
    let share = temp.folder("share");
    symlink("../outside", share.join("up")).unwrap();
    let options = ShareOptions {
        quota_bytes: Some(8 << 20),
        ..sharing(&share)
    };
    let mut guest = Guest::of(&options);
    let mut random = Random(seed);
    let start = std::time::Instant::now();
    let mut rounds = 0;
    while start.elapsed() < Duration::from_secs(seconds) {
        rounds += 1;
        let opcode = random.below(55);
        // These have no answer.
        if matches!(opcode, 2 | 36 | 41 | 42) {
            let noise = random.bytes(64);
            guest
                .socket
                .write_all(&request(opcode, 7, u64::from(random.below(6)), &noise))
                .unwrap();
            continue;
        }
        let mut body = Vec::new();
        for _ in 0..random.below(8) {
            match random.below(5) {
                0 => body.extend(u64::from(random.below(8)).to_le_bytes()),
                1 => body.extend(random.below(4096).to_le_bytes()),
                2 => body.extend(random.bytes(16)),
                3 => body.extend([0; 16]),
                _ => {
                    let names = ["a", "b", "up", "..", "../outside", "c/d", "user.x", ""];
                    body.extend(text(names[random.below(8) as usize]));
                }
            }
        }
        let node = if random.below(4) == 0 {
            random.next()
        } else {
            u64::from(random.below(9))
        };
        let _ = guest.ask(opcode, node, &body);
    }
    assert!(rounds > 100);
    guest.ask(op::INIT, 0, &init()).unwrap();
    let (node, handle) = guest.create(1, "sane").unwrap();
    assert!(guest.read(node, handle).unwrap().is_empty());
    assert_eq!(fs::read(temp.0.join("outside")).unwrap(), b"outside");
    let names: Vec<_> = fs::read_dir(&temp.0)
        .unwrap()
        .map(|entry| entry.unwrap().file_name())
        .collect();
    assert_eq!(
        names.len(),
        2,
        "{:?}",
        names.iter().map(|name| name.as_bytes()).collect::<Vec<_>>()
    );
}

struct Random(u64);

impl Random {
    /// xorshift64
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }

    fn below(&mut self, limit: u32) -> u32 {
        u32::try_from(self.next() % u64::from(limit)).unwrap()
    }

    fn bytes(&mut self, max: u32) -> Vec<u8> {
        (0..self.below(max))
            .map(|_| self.next().to_le_bytes()[0])
            .collect()
    }
}
