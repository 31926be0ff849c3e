//! What the decoder must take from other encoders (protocol section 3).

#![allow(clippy::unwrap_used)] // Helpers outside of #[test] functions.

use msb_protocol::payload::{
    BootstrapBlockRoot, BootstrapBlockRootUpper, ExecRequest, ExecStdin, FsOp, FsRequest,
    GuestBootstrap, Ready,
};
use msb_protocol::{Envelope, cbor};

fn text(value: &str) -> Vec<u8> {
    assert!(value.len() < 24);
    let mut bytes = vec![0x60 + u8::try_from(value.len()).unwrap()];
    bytes.extend(value.as_bytes());
    bytes
}

/// A definite map of `entries` whose values are raw CBOR.
fn map(entries: &[(&str, &[u8])]) -> Vec<u8> {
    let mut bytes = vec![0xa0 + u8::try_from(entries.len()).unwrap()];
    for (key, value) in entries {
        bytes.extend(text(key));
        bytes.extend(*value);
    }
    bytes
}

#[test]
fn keys_in_any_order_and_unknown_keys() {
    let body = map(&[
        ("p", &[0x41, 0xa0]),
        ("x", &[0x01]),
        ("t", &text("core.ping")),
        ("v", &[7]),
    ]);
    let envelope = Envelope::decode(&body).unwrap();
    assert_eq!(
        (envelope.v, envelope.t.as_str(), &envelope.p[..]),
        (7, "core.ping", &[0xa0][..])
    );
}

#[test]
fn indefinite_and_overlong_lengths() {
    // {_ "v": 7 as u64, "t": (_ "core", ".ping"), "p": (_ h'a0') }
    let mut body = vec![0xbf];
    body.extend(text("v"));
    body.extend([0x1b, 0, 0, 0, 0, 0, 0, 0, 7]);
    body.extend([0x78, 1, b't', 0x7f]);
    body.extend(text("core"));
    body.extend(text(".ping"));
    body.push(0xff);
    body.extend(text("p"));
    body.extend([0x5f, 0x41, 0xa0, 0xff, 0xff]);
    let envelope = Envelope::decode(&body).unwrap();
    assert_eq!(
        (envelope.v, envelope.t.as_str(), &envelope.p[..]),
        (7, "core.ping", &[0xa0][..])
    );
}

#[test]
fn missing_options_defaults_null_and_undefined() {
    let minimal: ExecRequest = cbor::from_slice(&map(&[("cmd", &text("ls"))])).unwrap();
    assert_eq!((minimal.rows, minimal.cols, minimal.tty), (24, 80, false));
    assert_eq!((minimal.cwd, minimal.user), (None, None));
    let undefined: ExecRequest = cbor::from_slice(&map(&[
        ("cmd", &text("ls")),
        ("cwd", &[0xf7]),
        ("user", &[0xf6]),
    ]))
    .unwrap();
    assert_eq!((undefined.cwd, undefined.user), (None, None));
    let ready: Ready = cbor::from_slice(&map(&[
        ("boot_time_ns", &[1]),
        ("init_time_ns", &[2]),
        ("ready_time_ns", &[3]),
    ]))
    .unwrap();
    assert_eq!(ready.agent_version, "");
}

#[test]
fn bytes_with_tag_64_and_as_array() {
    for data in [
        &[0xd8, 64, 0x42, 1, 2][..],
        &[0x82, 1, 2][..],
        &[0x42, 1, 2][..],
    ] {
        let stdin: ExecStdin = cbor::from_slice(&map(&[("data", data)])).unwrap();
        assert_eq!(&stdin.data[..], [1, 2]);
    }
}

#[test]
fn map_header_of_16_bits() {
    let mut body = vec![0xb9, 0, 1];
    body.extend(text("data"));
    body.extend([0x41, 9]);
    assert_eq!(&cbor::from_slice::<ExecStdin>(&body).unwrap().data[..], [9]);
}

#[test]
fn floats_missing_fields_and_wide_integers_are_refused() {
    let float = map(&[
        ("cmd", &text("ls")),
        ("rows", &[0xfb, 0x40, 0x38, 0, 0, 0, 0, 0, 0]),
    ]);
    assert!(cbor::from_slice::<ExecRequest>(&float).is_err());
    let wide = map(&[("cmd", &text("ls")), ("rows", &[0x1a, 0, 1, 0, 0])]);
    assert!(cbor::from_slice::<ExecRequest>(&wide).is_err());
    assert!(cbor::from_slice::<ExecRequest>(&map(&[])).is_err());
    let stat = map(&[("op", &map(&[("Stat", &map(&[("path", &text("/etc"))]))]))]);
    let error = cbor::from_slice::<FsRequest>(&stat)
        .unwrap_err()
        .to_string();
    assert!(error.contains("follow_symlink"), "{error}");
    assert!(
        Envelope::decode(&map(&[
            ("v", &[0x19, 1, 0]),
            ("t", &text("x")),
            ("p", &[0x40])
        ]))
        .is_err()
    );
}

#[test]
fn options_in_data_carrying_variants_may_be_missing() {
    let body = map(&[("op", &map(&[("Mkdir", &map(&[("path", &text("/a"))]))]))]);
    let request: FsRequest = cbor::from_slice(&body).unwrap();
    assert_eq!(
        request.op,
        FsOp::Mkdir {
            path: "/a".into(),
            mode: None
        }
    );
}

#[test]
fn a_block_root_in_any_order_with_unknown_keys() {
    let upper = map(&[
        ("size_mib", &[0x18, 64]),
        ("later", &[0xf6]),
        ("kind", &text("tmpfs")),
    ]);
    let root = map(&[
        ("upper", &upper),
        ("lower", &text("/dev/vda")),
        ("kind", &text("oci-erofs")),
    ]);
    let bootstrap: GuestBootstrap =
        cbor::from_slice(&map(&[("block_root", &root), ("later", &[0x01])])).unwrap();
    assert_eq!(
        bootstrap.block_root,
        Some(BootstrapBlockRoot::OciErofs {
            lower: "/dev/vda".into(),
            upper: BootstrapBlockRootUpper::Tmpfs { size_mib: Some(64) },
        })
    );
    let undefined = map(&[
        ("kind", &text("disk-image")),
        ("device", &text("/dev/vda")),
        ("fstype", &[0xf7]),
    ]);
    let bootstrap: GuestBootstrap = cbor::from_slice(&map(&[("block_root", &undefined)])).unwrap();
    assert_eq!(
        bootstrap.block_root,
        Some(BootstrapBlockRoot::DiskImage {
            device: "/dev/vda".into(),
            fstype: None
        })
    );
}

#[test]
fn hostile_bytes_give_errors_and_end_soon() {
    // xorshift, fixed seed: the same bytes on every run.
    let mut state = 0x9e37_79b9_7f4a_7c15_u64;
    let mut next = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state
    };
    let sound = cbor::to_vec(&GuestBootstrap::default()).unwrap();
    for _ in 0..20_000 {
        let mut bytes = sound.clone();
        for _ in 0..1 + next() % 4 {
            let position = usize::try_from(next()).unwrap() % bytes.len();
            bytes[position] = u8::try_from(next() & 0xff).unwrap();
        }
        // Either outcome is fine; a panic, a hang or a huge allocation is not.
        let _ = cbor::from_slice::<GuestBootstrap>(&bytes);
        let _ = Envelope::decode(&bytes);
    }
    assert!(Envelope::decode(&[0x5b, 0x7f, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff]).is_err());
    assert!(Envelope::decode(&[0x81; 100_000]).is_err());
}
