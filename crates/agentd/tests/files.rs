//! The file service.

#![allow(clippy::unwrap_used)] // Helpers outside of #[test] functions.

mod support;

use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::time::Duration;

use msb_protocol::MessageType;
use msb_protocol::constants::RELAY_ID_RANGE_STEP;
use msb_protocol::payload::{
    FsData, FsEntryInfo, FsEntryKind, FsOp, FsOpenOptions, FsRequest, FsResponse, FsResponseData,
    FsSetAttrs, RelayClientDisconnected,
};
use serde_bytes::ByteBuf;
use support::TestAgent;

/// First id of another relay client.
const STRANGER: u32 = RELAY_ID_RANGE_STEP + 1;

const READ: FsOpenOptions = FsOpenOptions {
    read: true,
    write: false,
    append: false,
    create: false,
    truncate: false,
    create_new: false,
    mode: None,
};

const WRITE: FsOpenOptions = FsOpenOptions {
    read: false,
    write: true,
    create: true,
    truncate: true,
    ..READ
};

impl TestAgent {
    fn path(&self, name: &str) -> String {
        self.folder.join(name).to_string_lossy().into_owned()
    }

    fn ask(&mut self, id: u32, op: FsOp) -> FsResponse {
        self.send(id, &FsRequest { op });
        self.expect(id)
    }

    fn done(&mut self, op: FsOp) -> Option<FsResponseData> {
        let response = self.ask(1, op);
        assert!(response.ok, "{response:?}");
        response.data
    }

    fn refused(&mut self, op: FsOp) -> String {
        self.ask(1, op).error.unwrap()
    }

    fn open(&mut self, path: &str, options: FsOpenOptions) -> u64 {
        match self.done(FsOp::OpenFile {
            path: path.into(),
            options,
        }) {
            Some(FsResponseData::Handle(handle)) => handle,
            other => panic!("{other:?}"),
        }
    }

    fn read(
        &mut self,
        id: u32,
        handle: u64,
        offset: u64,
        len: Option<u64>,
    ) -> (Vec<u8>, FsResponse) {
        self.send(
            id,
            &FsRequest {
                op: FsOp::Read {
                    handle,
                    offset,
                    len,
                },
            },
        );
        let mut data = Vec::new();
        loop {
            let message = self.next_for(id);
            if message.kind == MessageType::FsData {
                data.extend(message.decode::<FsData>().unwrap().data.into_vec());
            } else {
                return (data, message.decode().unwrap());
            }
        }
    }

    fn write(
        &mut self,
        handle: u64,
        offset: u64,
        len: Option<u64>,
        pieces: &[&[u8]],
    ) -> FsResponse {
        self.send(
            2,
            &FsRequest {
                op: FsOp::Write {
                    handle,
                    offset,
                    len,
                },
            },
        );
        for piece in pieces {
            self.send(
                2,
                &FsData {
                    data: ByteBuf::from(*piece),
                },
            );
        }
        self.send(
            2,
            &FsData {
                data: ByteBuf::new(),
            },
        );
        self.expect(2)
    }
}

fn stat(data: Option<FsResponseData>) -> FsEntryInfo {
    match data {
        Some(FsResponseData::Stat(info)) => info,
        other => panic!("{other:?}"),
    }
}

fn names(data: Option<FsResponseData>) -> Vec<String> {
    match data {
        Some(FsResponseData::List(entries)) => entries
            .into_iter()
            .map(|entry| entry.path.to_string())
            .collect(),
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_file_is_written_and_read_back_in_pieces() {
    let mut agent = TestAgent::start();
    let path = agent.path("data");
    let data: Vec<u8> = (0..1_000_000_u32).flat_map(u32::to_le_bytes).collect();
    let handle = agent.open(
        &path,
        FsOpenOptions {
            mode: Some(0o640),
            ..WRITE
        },
    );
    let pieces: Vec<&[u8]> = data.chunks(1_500_000).collect();
    assert!(agent.write(handle, 0, Some(4_000_000), &pieces).ok);
    agent.done(FsOp::CloseHandle { handle });
    assert!(fs::read(&path).unwrap() == data);
    assert_eq!(fs::metadata(&path).unwrap().mode() & 0o777, 0o640);

    let handle = agent.open(&path, READ);
    let (whole, response) = agent.read(3, handle, 0, None);
    assert!(response.ok && whole == data);
    let (part, _) = agent.read(3, handle, 4, Some(8));
    assert_eq!(part, data[4..12]);
    let (behind, response) = agent.read(3, handle, 5_000_000, None);
    assert!(response.ok && behind.is_empty());
    assert_eq!(stat(agent.done(FsOp::FStat { handle })).size, 4_000_000);
}

#[test]
fn a_write_of_another_length_is_refused() {
    let mut agent = TestAgent::start();
    let path = agent.path("short");
    let handle = agent.open(&path, WRITE);
    let response = agent.write(handle, 0, Some(10), &[b"abc"]);
    assert_eq!(
        response.error.as_deref(),
        Some("write length mismatch: expected 10, wrote 3")
    );
    agent.send(
        2,
        &FsData {
            data: ByteBuf::from(&b"late"[..]),
        },
    );
    let late: FsResponse = agent.expect(2);
    assert_eq!(late.error.as_deref(), Some("unknown write session: 2"));
}

#[test]
fn appending_ignores_the_offset() {
    let mut agent = TestAgent::start();
    let path = agent.path("log");
    fs::write(&path, "one ").unwrap();
    let options = FsOpenOptions {
        append: true,
        ..READ
    };
    let handle = agent.open(
        &path,
        FsOpenOptions {
            read: false,
            ..options
        },
    );
    assert!(agent.write(handle, 0, None, &[b"two"]).ok);
    assert_eq!(fs::read_to_string(&path).unwrap(), "one two");
}

#[test]
fn handles_are_checked() {
    let mut agent = TestAgent::start();
    let path = agent.path("passwd");
    let handle = agent.open(&path, READ);
    assert_eq!(
        agent.refused(FsOp::Write {
            handle,
            offset: 0,
            len: None
        }),
        format!("handle {handle} is not open for writing")
    );
    assert_eq!(
        agent.refused(FsOp::ReadDir {
            handle,
            limit: None
        }),
        format!("handle {handle} is a file")
    );
    assert_eq!(
        agent.refused(FsOp::FStat { handle: 99 }),
        "invalid handle: 99"
    );
    let response = agent.ask(STRANGER, FsOp::FStat { handle });
    assert_eq!(
        response.error,
        Some(format!(
            "handle {handle} is owned by a different relay client"
        ))
    );
    agent.send(
        0,
        &RelayClientDisconnected {
            id_start: 1,
            id_end_exclusive: RELAY_ID_RANGE_STEP,
        },
    );
    assert_eq!(
        agent.refused(FsOp::FStat { handle }),
        format!("invalid handle: {handle}")
    );
}

#[test]
fn attributes_are_read_and_set() {
    let mut agent = TestAgent::start();
    let (file, link) = (agent.path("file"), agent.path("link"));
    fs::write(&file, "0123456789").unwrap();
    agent.done(FsOp::Symlink {
        target: file.clone().into(),
        link_path: link.clone().into(),
    });
    let attrs = FsSetAttrs {
        mode: Some(0o600),
        size: Some(4),
        mtime: Some(1_000_000_000),
        ..FsSetAttrs::default()
    };
    agent.done(FsOp::SetStat {
        path: link.clone().into(),
        follow_symlink: true,
        attrs,
    });
    let info = stat(agent.done(FsOp::Stat {
        path: link.clone().into(),
        follow_symlink: true,
    }));
    assert_eq!(
        (&*info.path.text(), info.kind, info.size),
        (link.as_str(), FsEntryKind::File, 4)
    );
    assert_eq!(
        (info.mode & 0o7777, info.mtime),
        (0o600, Some(1_000_000_000))
    );
    assert!(info.atime.unwrap() > 1_000_000_000, "the access time stays");
    assert_eq!(info.modified, info.mtime);
    let info = stat(agent.done(FsOp::Stat {
        path: link.clone().into(),
        follow_symlink: false,
    }));
    assert_eq!(info.kind, FsEntryKind::Symlink);
    let attrs = FsSetAttrs {
        mode: Some(0o600),
        ..FsSetAttrs::default()
    };
    assert_eq!(
        agent.refused(FsOp::SetStat {
            path: link.clone().into(),
            follow_symlink: false,
            attrs
        }),
        "setstat: chmod on symlink without following is not supported"
    );
    assert_eq!(
        agent.done(FsOp::ReadLink { path: link.into() }),
        Some(FsResponseData::Path(file.into()))
    );
}

#[test]
fn names_need_not_be_text() {
    let mut agent = TestAgent::start();
    let bytes = |name: &[u8]| [agent.path("").as_bytes(), name].concat();
    let (file, link) = (bytes(b"a\xff"), bytes(b"\xfe"));
    let lossy = String::from_utf8_lossy(&file).into_owned();
    let binary = Some(ByteBuf::from(file.clone()));

    let handle = match agent.done(FsOp::OpenFile {
        path: file.clone().into(),
        options: WRITE,
    }) {
        Some(FsResponseData::Handle(handle)) => handle,
        other => panic!("{other:?}"),
    };
    let info = stat(agent.done(FsOp::FStat { handle }));
    assert_eq!((&*info.path.text(), &info.path_bytes), (&*lossy, &binary));

    agent.done(FsOp::Symlink {
        target: file.clone().into(),
        link_path: link.clone().into(),
    });
    // Read as text, as clients of the reference do, and byte for byte.
    let response = agent.ask(1, FsOp::ReadLink { path: link.into() });
    assert_eq!(
        response.data,
        Some(FsResponseData::Path(lossy.as_str().into()))
    );
    assert_eq!(response.path_bytes, binary);

    let path = agent.folder.to_string_lossy().into_owned();
    let Some(FsResponseData::List(entries)) = agent.done(FsOp::List { path: path.into() }) else {
        panic!("no list");
    };
    let found = entries.iter().find(|entry| entry.path_bytes == binary);
    assert_eq!(found.map(|entry| entry.path.to_string()), Some(lossy));
    agent.done(FsOp::Remove { path: file.into() });
}

#[test]
fn folders_are_made_listed_and_removed() {
    let mut agent = TestAgent::start();
    let deep = agent.path("a/b/c");
    agent.done(FsOp::Mkdir {
        path: deep.clone().into(),
        mode: Some(0o700),
    });
    agent.done(FsOp::Mkdir {
        path: deep.clone().into(),
        mode: None,
    });
    assert_eq!(
        fs::metadata(&deep).unwrap().permissions().mode() & 0o777,
        0o700
    );
    for name in ["x", "y", "z"] {
        fs::write(format!("{deep}/{name}"), name).unwrap();
    }
    let mut listed = names(agent.done(FsOp::List {
        path: deep.clone().into(),
    }));
    listed.sort();
    assert_eq!(
        listed,
        [
            format!("{deep}/x"),
            format!("{deep}/y"),
            format!("{deep}/z")
        ]
    );

    let Some(FsResponseData::Handle(handle)) = agent.done(FsOp::OpenDir {
        path: deep.clone().into(),
    }) else {
        panic!("no handle");
    };
    let sizes: Vec<usize> = (0..3)
        .map(|_| {
            names(agent.done(FsOp::ReadDir {
                handle,
                limit: Some(2),
            }))
            .len()
        })
        .collect();
    assert_eq!(sizes, [2, 1, 0]);

    agent.done(FsOp::Copy {
        src: format!("{deep}/x").into(),
        dst: format!("{deep}/w").into(),
    });
    agent.done(FsOp::Rename {
        src: format!("{deep}/w").into(),
        dst: format!("{deep}/v").into(),
    });
    assert_eq!(fs::read_to_string(format!("{deep}/v")).unwrap(), "x");
    agent.done(FsOp::Remove {
        path: format!("{deep}/v").into(),
    });
    let error = agent.refused(FsOp::RemoveDir {
        path: deep.clone().into(),
        recursive: false,
    });
    assert!(error.starts_with("remove_dir: "), "{error}");
    agent.done(FsOp::RemoveDir {
        path: agent.path("a").into(),
        recursive: true,
    });
    assert_eq!(
        agent.refused(FsOp::Stat {
            path: deep.into(),
            follow_symlink: true
        }),
        "stat: No such file or directory (os error 2)"
    );
}

#[test]
fn a_real_path_may_end_in_a_file_to_come() {
    let mut agent = TestAgent::start();
    let real = agent.folder.canonicalize().unwrap();
    let path = agent.path("./passwd");
    assert_eq!(
        agent.done(FsOp::RealPath { path: path.into() }),
        Some(FsResponseData::Path(real.join("passwd").into()))
    );
    let path = agent.path("./new");
    assert_eq!(
        agent.done(FsOp::RealPath { path: path.into() }),
        Some(FsResponseData::Path(real.join("new").into()))
    );
    assert!(
        agent
            .refused(FsOp::RealPath {
                path: "/no/such/file".into()
            })
            .starts_with("realpath: ")
    );
}

#[test]
fn a_fifo_without_another_end_holds_nobody_up() {
    let mut agent = TestAgent::start();
    let path = agent.path("fifo");
    assert_eq!(agent.shell(9, &format!("mkfifo {path}")).code, Some(0));
    let handle = agent.open(&path, READ);
    let (_, response) = agent.read(3, handle, 0, None);
    // The words in between are the C library's.
    let error = response.error.unwrap();
    assert!(
        error.starts_with("seek: ") && error.ends_with("(os error 29)"),
        "{error}"
    );
    let error = agent.refused(FsOp::Copy {
        src: path.clone().into(),
        dst: agent.path("copy").into(),
    });
    assert!(error.ends_with("is not a regular file"), "{error}");
    agent.done(FsOp::CloseHandle { handle });
    assert!(
        agent
            .refused(FsOp::OpenFile {
                path: path.into(),
                options: WRITE
            })
            .starts_with("open: ")
    );
}

#[test]
fn a_client_that_does_not_listen_holds_no_process_up_and_costs_little() {
    let mut agent = TestAgent::start();
    let path = agent.path("sparse");
    fs::File::create(&path).unwrap().set_len(256 << 20).unwrap();
    let handle = agent.open(&path, READ);
    agent.send(
        3,
        &FsRequest {
            op: FsOp::Read {
                handle,
                offset: 0,
                len: None,
            },
        },
    );
    std::thread::sleep(Duration::from_secs(1));
    let status = fs::read_to_string(format!("/proc/{}/status", agent.process_id())).unwrap();
    let line = status
        .lines()
        .find_map(|line| line.strip_prefix("VmRSS:"))
        .unwrap();
    let resident: u64 = line.trim().trim_end_matches(" kB").parse().unwrap();
    assert!(resident < 32 * 1024, "{resident} KiB");
    assert_eq!(agent.shell(4, "echo between").text(), "between\n");
    agent.send(
        0,
        &RelayClientDisconnected {
            id_start: 1,
            id_end_exclusive: RELAY_ID_RANGE_STEP,
        },
    );
    assert_eq!(
        agent.refused(FsOp::FStat { handle }),
        format!("invalid handle: {handle}")
    );
}
