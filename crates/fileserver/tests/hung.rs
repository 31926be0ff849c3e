//! A file of the host that hangs, as on a network mount whose server is gone: opening it waits for another process to
//! give a lease back (`F_SETLEASE` in `fcntl(2)`; the kernel lets it wait 45 s).

#![allow(clippy::unwrap_used)]

mod support;

use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Child, Command, Stdio};

use support::guest::{Guest, op, request, words};
use support::{TempFolder, sharing};

const HOLDER: &str = "import fcntl,os,signal,sys
signal.signal(signal.SIGIO, signal.SIG_IGN)
file=os.open(sys.argv[1], os.O_RDWR)
fcntl.fcntl(file, fcntl.F_SETLEASE, fcntl.F_WRLCK)
print('held', flush=True)
sys.stdin.read()";

/// A lease on a file, given back when this is dropped.
struct Lease(Child);

impl Lease {
    /// Nothing, said aloud, where there can be none.
    fn on(file: &Path) -> Option<Self> {
        let mut command = Command::new("python3");
        command.args(["-c", HOLDER]).arg(file);
        let child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn();
        let Ok(mut child) = child else {
            eprintln!("skipped: no python3");
            return None;
        };
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap())
            .read_line(&mut line)
            .unwrap();
        if line != "held\n" {
            eprintln!("skipped: this file system has no leases");
            return None;
        }
        Some(Self(child))
    }
}

impl Drop for Lease {
    fn drop(&mut self) {
        drop(self.0.stdin.take());
        let _ = self.0.wait();
    }
}

/// So much is asked of the file that hangs.
fn hung_requests(guest: &mut Guest, count: u64) -> u64 {
    let node = guest.look_up(1, "hung").unwrap();
    for unique in 0..count {
        let open = request(op::OPEN, FIRST + unique, node, &words(&[2, 0]));
        guest.socket.write_all(&open).unwrap();
    }
    node
}

/// Numbers of the requests that hang.
const FIRST: u64 = 1 << 40;

#[test]
fn what_hangs_does_not_stop_the_rest() {
    let temp = TempFolder::new();
    let file = temp.0.join("hung");
    fs::write(&file, "late").unwrap();
    fs::write(temp.0.join("other"), "other").unwrap();
    let Some(lease) = Lease::on(&file) else {
        return;
    };
    let mut guest = Guest::of(&sharing(&temp.0));
    // More than there are threads at first.
    let hanging = 8;
    let node = hung_requests(&mut guest, hanging);
    for turn in 0..100 {
        // Each asserts that its own answer comes next, so none of the others has come.
        let other = guest.look_up(1, "other").unwrap();
        let handle = guest.open(other, 2).unwrap();
        assert_eq!(guest.read(other, handle).unwrap(), b"other", "{turn}");
        guest.create(1, &format!("new-{turn}")).unwrap();
    }
    drop(lease);
    let mut come: Vec<_> = (0..hanging).map(|_| guest.answer()).collect();
    come.sort_unstable_by_key(|(_, unique, _)| *unique);
    for (index, (error, unique, answer)) in come.into_iter().enumerate() {
        assert_eq!((error, unique), (0, FIRST + index as u64));
        let handle = support::guest::u64_at(&answer, 0);
        assert_eq!(guest.read(node, handle).unwrap(), b"late");
    }
}

/// An answer that was to travel with the next one does not wait for it when that one hangs.
#[test]
fn what_came_before_it_is_answered() {
    let temp = TempFolder::new();
    let file = temp.0.join("hung");
    fs::write(&file, "late").unwrap();
    let Some(lease) = Lease::on(&file) else {
        return;
    };
    let mut guest = Guest::of(&sharing(&temp.0));
    let node = guest.look_up(1, "hung").unwrap();
    let together = [
        request(op::STATFS, FIRST, 1, &[]),
        request(op::OPEN, FIRST + 1, node, &words(&[2, 0])),
    ];
    guest.socket.write_all(&together.concat()).unwrap();
    assert_eq!(guest.answer().1, FIRST);
    drop(lease);
    assert_eq!(guest.answer().1, FIRST + 1);
}

/// All threads that a share may have are stuck: it waits, and goes on when the host does.
#[test]
fn more_that_hangs_than_there_may_be_threads_waits() {
    let temp = TempFolder::new();
    let file = temp.0.join("hung");
    fs::write(&file, "late").unwrap();
    let Some(lease) = Lease::on(&file) else {
        return;
    };
    let mut guest = Guest::of(&sharing(&temp.0));
    let hanging = 40;
    hung_requests(&mut guest, hanging);
    let start = std::time::Instant::now();
    // Time for a thread each.
    while start.elapsed() < std::time::Duration::from_secs(20) && threads_of_shares() < 33 {
        std::thread::sleep(std::time::Duration::from_millis(20));
    }
    drop(lease);
    for _ in 0..hanging {
        assert_eq!(guest.answer().0, 0);
    }
    guest.look_up(1, "hung").unwrap();
}

fn threads_of_shares() -> usize {
    let tasks = fs::read_dir("/proc/self/task").unwrap();
    let name = |task: std::io::Result<fs::DirEntry>| {
        fs::read_to_string(task.unwrap().path().join("comm")).unwrap_or_default()
    };
    tasks
        .map(name)
        .filter(|name| name.starts_with("share-"))
        .count()
}
