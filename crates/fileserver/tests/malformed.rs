//! A guest that does not keep to the protocol.

#![allow(clippy::unwrap_used)]

mod support;

use std::fs;
use std::io::Write;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::symlink;
use std::time::Duration;

use msb_fileserver::ShareOptions;
use support::guest::{Guest, init, op, request, text, u64_at, words};
use support::{TempFolder, sharing};

const ENOSYS: i32 = 38;

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
    let mut opened = Vec::new();
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
        match (opcode, guest.ask(opcode, node, &body)) {
            (op::OPEN | op::OPENDIR, Ok(answer)) => opened.push((node, u64_at(&answer, 0))),
            (op::CREATE, Ok(answer)) => opened.push((u64_at(&answer, 0), u64_at(&answer, 128))),
            _ => {}
        }
    }
    assert!(rounds > 100);
    guest.ask(op::INIT, 0, &init()).unwrap();
    // A long run opens as many as a guest may have, and closes some of them.
    for (node, handle) in opened {
        let body = [&handle.to_le_bytes()[..], &[0; 16]].concat();
        let _ = guest.ask(op::RELEASE, node, &body);
    }
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
