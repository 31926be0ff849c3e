//! Sharing a folder with this machine's own kernel, which is the strictest guest there is.

#![allow(dead_code, clippy::unwrap_used)]

pub mod guest;

use std::fs::{self, File};
use std::io::{Read, Write};
use std::os::fd::AsRawFd;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::mpsc::{Receiver, channel};
use std::thread;
use std::time::Duration;

use msb_fileserver::{ShareOptions, ShareServer, serve};
use rustix::mount::{MountFlags, UnmountFlags, mount, unmount};

/// A folder of this test, removed with everything in it at the end.
pub struct TempFolder(pub PathBuf);

impl TempFolder {
    pub fn new() -> Self {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let name = format!(
            "msb-share-{}-{}",
            std::process::id(),
            COUNT.fetch_add(1, Ordering::Relaxed)
        );
        let path = std::env::temp_dir().canonicalize().unwrap().join(name);
        fs::create_dir_all(&path).unwrap();
        Self(path)
    }

    pub fn folder(&self, name: &str) -> PathBuf {
        let path = self.0.join(name);
        fs::create_dir_all(&path).unwrap();
        path
    }
}

impl Drop for TempFolder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// Options for a folder, everything else by default.
pub fn sharing(path: &Path) -> ShareOptions {
    ShareOptions {
        path: path.to_owned(),
        ..ShareOptions::default()
    }
}

/// Why nothing can be mounted here, said aloud, or nothing when it can.
pub fn cannot_mount() -> bool {
    let missing = match () {
        () if !rustix::process::geteuid().is_root() => "not root",
        () if !Path::new("/dev/fuse").exists() => "no /dev/fuse",
        () => return false,
    };
    eprintln!("skipped: {missing}");
    true
}

/// A share mounted on this machine.
pub struct Mounted {
    pub path: PathBuf,
    pub server: ShareServer,
    pub ended: Receiver<Option<String>>,
    socket: UnixStream,
}

impl Mounted {
    pub fn new(options: &ShareOptions, path: PathBuf) -> Self {
        let fuse = File::options()
            .read(true)
            .write(true)
            .open("/dev/fuse")
            .unwrap();
        let data = format!(
            "fd={},rootmode=40000,user_id=0,group_id=0,default_permissions,allow_other",
            fuse.as_raw_fd()
        );
        let data = std::ffi::CString::new(data).unwrap();
        let (host, guest) = UnixStream::pair().unwrap();
        let (sender, ended) = channel();
        let server = serve(host.into(), options, move |reason| {
            let _ = sender.send(reason);
        })
        .unwrap();
        mount("share", &path, "fuse", MountFlags::NODEV, data.as_c_str()).unwrap();
        pump(&fuse, &guest);
        Self {
            path,
            server,
            ended,
            socket: guest,
        }
    }
}

impl Drop for Mounted {
    fn drop(&mut self) {
        if unmount(&self.path, UnmountFlags::empty()).is_err() {
            let _ = unmount(&self.path, UnmountFlags::DETACH);
        }
        let _ = self.socket.shutdown(std::net::Shutdown::Both);
        let _ = self.ended.recv_timeout(Duration::from_secs(10));
    }
}

/// A mounted share and its folder on the host.
pub struct Share {
    pub mounted: Mounted,
    pub host: PathBuf,
    _temp: TempFolder,
}

/// Shares a new folder, with default options that `change` may change; nothing where none can be mounted.
pub fn share(change: impl FnOnce(&mut ShareOptions)) -> Option<Share> {
    if cannot_mount() {
        return None;
    }
    let temp = TempFolder::new();
    let (host, mount) = (temp.folder("host"), temp.folder("mount"));
    let mut options = sharing(&host);
    change(&mut options);
    Some(Share {
        mounted: Mounted::new(&options, mount),
        host,
        _temp: temp,
    })
}

fn pump(fuse: &File, socket: &UnixStream) {
    let (mut requests, mut to_server) = (fuse.try_clone().unwrap(), socket.try_clone().unwrap());
    thread::spawn(move || {
        let mut buffer = vec![0; (1 << 20) + 65_536];
        while let Ok(count) = requests.read(&mut buffer) {
            if count == 0 || to_server.write_all(&buffer[..count]).is_err() {
                break;
            }
        }
    });
    let (mut replies, mut from_server) = (fuse.try_clone().unwrap(), socket.try_clone().unwrap());
    thread::spawn(move || {
        let mut buffer = Vec::new();
        loop {
            let mut len = [0; 4];
            if from_server.read_exact(&mut len).is_err() {
                break;
            }
            buffer.resize(u32::from_le_bytes(len) as usize, 0);
            buffer[..4].copy_from_slice(&len);
            if from_server.read_exact(&mut buffer[4..]).is_err() {
                break;
            }
            // A request whose caller gave up has no place for its answer.
            let _ = replies.write(&buffer);
        }
    });
}
