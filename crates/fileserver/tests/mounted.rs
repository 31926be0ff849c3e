//! A share mounted by this machine's kernel, against a plain folder beside it.

#![allow(clippy::unwrap_used)]

mod support;

use std::fs::{self, File};
use std::io::{Seek, SeekFrom, Write};
use std::os::unix::fs::{FileExt, MetadataExt, OpenOptionsExt, PermissionsExt, chown, symlink};
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use msb_fileserver::HostPerms;
use rustix::fs::inotify;
use support::{TempFolder, share};

#[test]
fn owner_mode_and_type_are_the_guests_own() {
    let Some(share) = share(|_| {}) else { return };
    let guest = &share.mounted.path;
    let file = guest.join("file");
    fs::write(&file, "x").unwrap();
    chown(&file, Some(1234), Some(5678)).unwrap();
    fs::set_permissions(&file, fs::Permissions::from_mode(0o4751)).unwrap();
    symlink("file", guest.join("link")).unwrap();
    assert!(
        Command::new("mknod")
            .arg(guest.join("pipe"))
            .arg("p")
            .status()
            .unwrap()
            .success()
    );
    let seen = fs::metadata(&file).unwrap();
    assert_eq!(
        (seen.uid(), seen.gid(), seen.mode()),
        (1234, 5678, 0o104_751)
    );
    assert_eq!(
        fs::read_link(guest.join("link")).unwrap(),
        Path::new("file")
    );
    assert_eq!(
        fs::symlink_metadata(guest.join("pipe")).unwrap().mode() & 0o170_000,
        0o010_000
    );
    for entry in fs::read_dir(&share.host).unwrap() {
        let on_host = entry.unwrap().metadata().unwrap();
        assert!(on_host.is_file());
        assert_eq!((on_host.uid(), on_host.mode() & 0o7777), (0, 0o600));
    }
    // A write by somebody else takes set-user-id away.
    fs::set_permissions(&file, fs::Permissions::from_mode(0o4757)).unwrap();
    let script = format!("echo y >> {}", file.display());
    let other = [
        "--reuid=1000",
        "--regid=1000",
        "--clear-groups",
        "sh",
        "-c",
        &script,
    ];
    if Command::new("setpriv")
        .args(other)
        .status()
        .is_ok_and(|status| status.success())
    {
        assert_eq!(fs::metadata(&file).unwrap().mode() & 0o7777, 0o757);
    }
}

#[test]
fn modes_reach_the_host_when_they_are_mirrored() {
    let Some(share) = share(|options| options.host_perms = HostPerms::Mirror) else {
        return;
    };
    let file = share.mounted.path.join("file");
    File::options()
        .write(true)
        .create(true)
        .truncate(true)
        .mode(0o755)
        .open(&file)
        .unwrap();
    fs::set_permissions(&file, fs::Permissions::from_mode(0o2471)).unwrap();
    let on_host = fs::metadata(share.host.join("file")).unwrap();
    assert_eq!(on_host.mode() & 0o7777, 0o671);
}

#[test]
fn both_sides_see_each_other() {
    let Some(share) = share(|_| {}) else { return };
    let guest = &share.mounted.path;
    fs::write(share.host.join("from-host"), "one").unwrap();
    fs::write(share.host.join("removed"), "").unwrap();
    assert_eq!(fs::read(guest.join("from-host")).unwrap(), b"one");
    assert!(guest.join("removed").exists());
    fs::write(guest.join("from-guest"), "two").unwrap();
    assert_eq!(fs::read(share.host.join("from-guest")).unwrap(), b"two");
    fs::remove_file(guest.join("from-guest")).unwrap();
    assert!(!share.host.join("from-guest").exists());
    fs::write(share.host.join("from-host"), "longer than before").unwrap();
    fs::remove_file(share.host.join("removed")).unwrap();
    // What was not there is not remembered.
    assert!(!guest.join("late").exists());
    fs::write(share.host.join("late"), "three").unwrap();
    assert_eq!(fs::read(guest.join("late")).unwrap(), b"three");
    std::thread::sleep(Duration::from_millis(5200));
    assert_eq!(
        fs::read(guest.join("from-host")).unwrap(),
        b"longer than before"
    );
    assert!(!guest.join("removed").exists());
}

/// What the guest changes is told to its own programs.
#[test]
fn changes_of_the_guest_are_noticed_in_the_guest() {
    let Some(share) = share(|_| {}) else { return };
    let watch = inotify::init(inotify::CreateFlags::NONBLOCK).unwrap();
    inotify::add_watch(&watch, &share.mounted.path, inotify::WatchFlags::CREATE).unwrap();
    fs::write(share.mounted.path.join("noticed"), "").unwrap();
    let mut buffer = [std::mem::MaybeUninit::uninit(); 512];
    let mut events = inotify::Reader::new(watch, &mut buffer);
    assert_eq!(events.next().unwrap().file_name(), Some(c"noticed"));
}

#[test]
fn names_move_and_files_without_names_live_on() {
    let Some(share) = share(|_| {}) else { return };
    let guest = &share.mounted.path;
    fs::write(guest.join("a"), "a").unwrap();
    fs::hard_link(guest.join("a"), guest.join("b")).unwrap();
    assert_eq!(fs::metadata(guest.join("b")).unwrap().nlink(), 2);
    let mut open = File::options()
        .read(true)
        .append(true)
        .open(guest.join("b"))
        .unwrap();
    fs::write(guest.join("c"), "c").unwrap();
    fs::rename(guest.join("c"), guest.join("b")).unwrap();
    fs::remove_file(guest.join("a")).unwrap();
    open.write_all(b"more").unwrap();
    assert_eq!(open.metadata().unwrap().nlink(), 0);
    let mut content = [0; 5];
    open.read_exact_at(&mut content, 0).unwrap();
    assert_eq!(&content, b"amore");
    assert_eq!(fs::read(guest.join("b")).unwrap(), b"c");
    fs::create_dir_all(guest.join("x/y/z")).unwrap();
    fs::rename(guest.join("x/y"), guest.join("w")).unwrap();
    fs::write(guest.join("w/z/file"), "deep").unwrap();
    assert_eq!(fs::read(share.host.join("w/z/file")).unwrap(), b"deep");
    fs::remove_dir_all(guest.join("w")).unwrap();
}

#[test]
fn holes_stay_holes() {
    let Some(share) = share(|_| {}) else { return };
    let mut file = File::create(share.mounted.path.join("sparse")).unwrap();
    file.seek(SeekFrom::Start(1 << 30)).unwrap();
    file.write_all(b"end").unwrap();
    file.sync_all().unwrap();
    let on_host = fs::metadata(share.host.join("sparse")).unwrap();
    assert_eq!(on_host.len(), (1 << 30) + 3);
    assert!(on_host.blocks() < 100);
    let data = rustix::fs::seek(&file, rustix::fs::SeekFrom::Data(0)).unwrap();
    assert!(data > 1 << 29, "{data}");
}

/// More files than descriptors are kept for: they are opened again by name.
#[test]
fn many_files_in_one_folder() {
    let Some(share) = share(|_| {}) else { return };
    let count = std::env::var("MANY_FILES")
        .ok()
        .and_then(|text| text.parse().ok())
        .unwrap_or(20_000);
    let folder = share.mounted.path.join("many");
    fs::create_dir(&folder).unwrap();
    for number in 0..count {
        fs::write(folder.join(format!("{number}")), number.to_string()).unwrap();
    }
    let mut seen: Vec<u32> = fs::read_dir(&folder)
        .unwrap()
        .map(|entry| {
            entry
                .unwrap()
                .file_name()
                .to_str()
                .unwrap()
                .parse()
                .unwrap()
        })
        .collect();
    seen.sort_unstable();
    assert!(seen.iter().copied().eq(0..count));
    for number in (0..count).step_by(7) {
        assert_eq!(
            fs::read(folder.join(format!("{number}"))).unwrap(),
            number.to_string().as_bytes()
        );
    }
    fs::remove_dir_all(&folder).unwrap();
    assert_eq!(fs::read_dir(&share.host).unwrap().count(), 0);
}

/// The same random reads, writes, truncations and holes on a share and on a plain file.
#[test]
fn random_operations_agree_with_a_plain_file() {
    for writeback in [false, true] {
        let Some(share) = share(|options| options.writeback = writeback) else {
            return;
        };
        let plain = TempFolder::new();
        let open = |folder: &Path| {
            let mut options = File::options();
            options.read(true).write(true).create(true).truncate(true);
            options.open(folder.join("file")).unwrap()
        };
        let files = [open(&share.mounted.path), open(&plain.0)];
        let mut state = 0x1234_5678_u64;
        let mut random = |limit: u64| {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            state % limit
        };
        for _ in 0..3000 {
            let (offset, len) = (random(300_000), random(70_000));
            match random(6) {
                0 => files.iter().for_each(|file| file.set_len(offset).unwrap()),
                1..=3 => {
                    let data = vec![random(256) as u8; len as usize];
                    files
                        .iter()
                        .for_each(|file| file.write_all_at(&data, offset).unwrap());
                }
                4 => {
                    let flags = rustix::fs::FallocateFlags::PUNCH_HOLE
                        | rustix::fs::FallocateFlags::KEEP_SIZE;
                    files.iter().for_each(|file| {
                        rustix::fs::fallocate(file, flags, offset, len + 1).unwrap();
                    });
                }
                _ => {
                    let [ours, theirs] = files.each_ref().map(|file| {
                        let mut buffer = vec![0; len as usize];
                        let count = file.read_at(&mut buffer, offset).unwrap();
                        buffer.truncate(count);
                        buffer
                    });
                    assert!(ours == theirs, "{offset} {len}");
                }
            }
        }
        assert_eq!(
            files[0].metadata().unwrap().len(),
            files[1].metadata().unwrap().len()
        );
        drop(files);
        let content = fs::read(share.mounted.path.join("file")).unwrap();
        assert!(content == fs::read(plain.0.join("file")).unwrap());
    }
}

/// SQLite maps its shared memory, locks, truncates and syncs.
#[test]
fn a_database_with_a_write_ahead_log_survives_a_kill() {
    let Some(share) = share(|_| {}) else { return };
    const WRITER: &str = "import sqlite3,sys
db=sqlite3.connect(sys.argv[1]); db.execute('pragma journal_mode=wal'); db.execute('create table t(x)')
print('ready',flush=True)
for i in range(10**9):
    with db: db.execute('insert into t values(?)',(i,))";
    const CHECKER: &str = "import sqlite3,sys
db=sqlite3.connect(sys.argv[1]); print(db.execute('pragma integrity_check').fetchone()[0], db.execute('select count(*) from t').fetchone()[0]>0)";
    let path = share.mounted.path.join("db");
    let writer = Command::new("python3")
        .args(["-c", WRITER])
        .arg(&path)
        .stdout(std::process::Stdio::null())
        .spawn();
    let Ok(mut writer) = writer else {
        eprintln!("skipped: no python3");
        return;
    };
    std::thread::sleep(Duration::from_secs(2));
    writer.kill().unwrap();
    writer.wait().unwrap();
    let output = Command::new("python3")
        .args(["-c", CHECKER])
        .arg(&path)
        .output()
        .unwrap();
    assert_eq!(String::from_utf8_lossy(&output.stdout).trim(), "ok True");
}
