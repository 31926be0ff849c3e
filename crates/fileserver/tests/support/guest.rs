//! A guest that speaks the protocol itself.

#![allow(dead_code, clippy::unwrap_used)]

use std::io::{Read, Write};
use std::os::unix::net::UnixStream;
use std::sync::mpsc::{Receiver, channel};
use std::time::Duration;

use msb_fileserver::{ShareOptions, ShareServer, serve};

/// Opcodes as in `linux/fuse.h`.
pub mod op {
    pub const LOOKUP: u32 = 1;
    pub const SETATTR: u32 = 4;
    pub const READLINK: u32 = 5;
    pub const SYMLINK: u32 = 6;
    pub const MKNOD: u32 = 8;
    pub const UNLINK: u32 = 10;
    pub const RENAME: u32 = 12;
    pub const OPEN: u32 = 14;
    pub const READ: u32 = 15;
    pub const WRITE: u32 = 16;
    pub const STATFS: u32 = 17;
    pub const RELEASE: u32 = 18;
    pub const SETXATTR: u32 = 21;
    pub const GETXATTR: u32 = 22;
    pub const LISTXATTR: u32 = 23;
    pub const INIT: u32 = 26;
    pub const OPENDIR: u32 = 27;
    pub const CREATE: u32 = 35;
}

/// A guest without a kernel.
pub struct Guest {
    pub socket: UnixStream,
    pub server: ShareServer,
    pub ended: Receiver<Option<String>>,
    unique: u64,
}

impl Guest {
    pub fn of(options: &ShareOptions) -> Self {
        let mut guest = Self::silent(options);
        guest.ask(op::INIT, 0, &init()).unwrap();
        guest
    }

    pub fn silent(options: &ShareOptions) -> Self {
        let (host, socket) = UnixStream::pair().unwrap();
        socket
            .set_read_timeout(Some(Duration::from_secs(20)))
            .unwrap();
        let (sender, ended) = channel();
        let server = serve(host.into(), options, move |reason| {
            let _ = sender.send(reason);
        });
        Self {
            socket,
            server: server.unwrap(),
            ended,
            unique: 0,
        }
    }

    /// Sends a request and waits for its answer; the error is the positive number.
    pub fn ask(&mut self, opcode: u32, node: u64, body: &[u8]) -> Result<Vec<u8>, i32> {
        self.unique += 1;
        self.socket
            .write_all(&request(opcode, self.unique, node, body))
            .unwrap();
        let (error, unique, answer) = self.answer();
        assert_eq!(unique, self.unique);
        if error == 0 { Ok(answer) } else { Err(-error) }
    }

    pub fn answer(&mut self) -> (i32, u64, Vec<u8>) {
        let mut header = [0; 16];
        self.socket.read_exact(&mut header).unwrap();
        let len = u32::from_le_bytes(header[..4].try_into().unwrap()) as usize;
        assert!((16..=(1 << 20) + 16).contains(&len), "{len}");
        let mut answer = vec![0; len - 16];
        self.socket.read_exact(&mut answer).unwrap();
        let error = i32::from_le_bytes(header[4..8].try_into().unwrap());
        (
            error,
            u64::from_le_bytes(header[8..].try_into().unwrap()),
            answer,
        )
    }

    pub fn look_up(&mut self, parent: u64, name: &str) -> Result<u64, i32> {
        self.ask(op::LOOKUP, parent, &text(name))
            .map(|entry| u64_at(&entry, 0))
    }

    /// @returns node and handle
    pub fn create(&mut self, parent: u64, name: &str) -> Result<(u64, u64), i32> {
        let body = [&words(&[0o102, 0o100_644, 0o22, 0])[..], &text(name)].concat();
        self.ask(op::CREATE, parent, &body)
            .map(|answer| (u64_at(&answer, 0), u64_at(&answer, 128)))
    }

    pub fn open(&mut self, node: u64, flags: u32) -> Result<u64, i32> {
        self.ask(op::OPEN, node, &words(&[flags, 0]))
            .map(|answer| u64_at(&answer, 0))
    }

    pub fn read(&mut self, node: u64, handle: u64) -> Result<Vec<u8>, i32> {
        let body = [
            &handle.to_le_bytes()[..],
            &[0; 8],
            &words(&[4096, 0, 0, 0, 0, 0]),
        ]
        .concat();
        self.ask(op::READ, node, &body)
    }

    pub fn write(
        &mut self,
        node: u64,
        handle: u64,
        offset: u64,
        data: &[u8],
    ) -> Result<Vec<u8>, i32> {
        let size = u32::try_from(data.len()).unwrap();
        let head = [handle.to_le_bytes(), offset.to_le_bytes()].concat();
        let body = [&head[..], &words(&[size, 0, 0, 0, 0, 0]), data].concat();
        self.ask(op::WRITE, node, &body)
    }

    pub fn rename(&mut self, parent: u64, name: &str, to: u64, new: &str) -> Result<Vec<u8>, i32> {
        self.ask(
            op::RENAME,
            parent,
            &[&to.to_le_bytes()[..], &text(name), &text(new)].concat(),
        )
    }
}

pub fn init() -> Vec<u8> {
    [&words(&[7, 41, 131_072, u32::MAX])[..], &[0; 48]].concat()
}

pub fn request(opcode: u32, unique: u64, node: u64, body: &[u8]) -> Vec<u8> {
    let len = u32::try_from(40 + body.len()).unwrap();
    let mut bytes = words(&[len, opcode]);
    bytes.extend(unique.to_le_bytes());
    bytes.extend(node.to_le_bytes());
    bytes.extend(words(&[0, 0, 1, 0]));
    bytes.extend(body);
    bytes
}

pub fn words(numbers: &[u32]) -> Vec<u8> {
    numbers
        .iter()
        .flat_map(|number| number.to_le_bytes())
        .collect()
}

pub fn text(text: &str) -> Vec<u8> {
    [text.as_bytes(), b"\0"].concat()
}

pub fn u64_at(bytes: &[u8], at: usize) -> u64 {
    u64::from_le_bytes(bytes[at..at + 8].try_into().unwrap())
}
