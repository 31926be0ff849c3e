//! The hex examples of the protocol's section 21, byte for byte, both ways.

#![allow(clippy::unwrap_used)] // Helpers outside of #[test] functions.

use std::net::Ipv4Addr;

use msb_protocol::constants::FLAG_SESSION_START;
use msb_protocol::payload::*;
use msb_protocol::{FrameDecoder, Message, MessageType, Payload, cbor};
use serde_bytes::ByteBuf;

fn unhex(text: &str) -> Vec<u8> {
    let digits: Vec<u8> = text.bytes().filter(|b| !b.is_ascii_whitespace()).collect();
    digits
        .chunks(2)
        .map(|pair| u8::from_str_radix(std::str::from_utf8(pair).unwrap(), 16).unwrap())
        .collect()
}

fn check(message: &Message, hex: &str) {
    let bytes = unhex(hex);
    assert_eq!(
        message.to_frame().encode().unwrap(),
        bytes,
        "{}",
        message.kind
    );
    let mut decoder = FrameDecoder::new();
    decoder.push(&bytes);
    let frame = decoder.next_frame().unwrap().unwrap();
    assert_eq!(&Message::from_frame(&frame).unwrap(), message);
}

fn check_payload<P: Payload + PartialEq + std::fmt::Debug>(id: u32, payload: &P, hex: &str) {
    let message = Message::new(id, payload).unwrap();
    check(&message, hex);
    assert_eq!(&message.decode::<P>().unwrap(), payload);
}

fn bytes(text: &[u8]) -> ByteBuf {
    ByteBuf::from(text)
}

#[test]
fn core_messages() {
    check(
        &Message::empty(1, MessageType::Ping),
        "00000019 00000001 00 a3 6176 07 6174 69 636f72652e70696e67 6170 41 a0",
    );
    check(
        &Message::empty(1, MessageType::Pong),
        "00000019 00000001 01 a3 6176 07 6174 69 636f72652e706f6e67 6170 41 a0",
    );
    check_payload(
        1,
        &Touched { activity_seq: 42 },
        "0000002b0000000101a361760761746c636f72652e746f7563686564617050a16c61637469766974795f736571182a",
    );
    check(
        &Message::shutdown(),
        "0000001d0000000004a361760761746d636f72652e73687574646f776e617041f6",
    );
    check_payload(
        0,
        &Ready {
            boot_time_ns: 11,
            init_time_ns: 22,
            ready_time_ns: 33,
            agent_version: "0.6.14".into(),
            extensions: vec![],
        },
        "0000005c0000000000a361760761746a636f72652e726561647961705842
         a46c626f6f745f74696d655f6e730b6c696e69745f74696d655f6e7316
         6d72656164795f74696d655f6e7318216d6167656e745f76657273696f6e66302e362e3134",
    );
    check_payload(
        0,
        &InitResolved {
            default_user: UserIds {
                uid: 1000,
                gid: 1000,
            },
        },
        "0000003f0000000000a3617607617472636f72652e696e69742e7265736f6c7665646170581d
         a16c64656661756c745f75736572a2637569641903e8636769641903e8",
    );
    check(
        &Message::empty(0, MessageType::InitAck),
        "0000001d0000000000a361760761746d636f72652e696e69742e61636b617041a0",
    );
    check_payload(
        0,
        &RelayClientDisconnected { id_start: 1, id_end_exclusive: 33_554_431 },
        "000000500000000000a36176076174781e636f72652e72656c61792e636c69656e742e646973636f6e6e6563746564
         61705821a26869645f7374617274017069645f656e645f6578636c75736976651a01ffffff",
    );
    check_payload(
        0,
        &ClockSync {
            unix_time_nanos: 1_700_000_000_123_456_789,
        },
        "000000390000000000a361760761746f636f72652e636c6f636b2e73796e636170581a
         a16f756e69785f74696d655f6e616e6f731b17979cfe3d85cd15",
    );
}

#[test]
fn exec_messages() {
    check_payload(
        1,
        &ExecRequest {
            cmd: "/bin/echo".into(),
            args: vec!["hi".into()],
            env: vec![],
            cwd: None,
            user: None,
            tty: false,
            rows: 24,
            cols: 80,
            rlimits: vec![],
        },
        "000000650000000102a3617607617471636f72652e657865632e7265717565737461705844
         a963636d64692f62696e2f6563686f64617267738162686963656e768063637764f6
         6475736572f663747479f464726f7773181864636f6c73185067726c696d69747380",
    );
    check_payload(
        1,
        &ExecStarted { pid: 300 },
        "000000280000000100a3617607617471636f72652e657865632e73746172746564617048a16370696419012c",
    );
    check_payload(
        1,
        &ExecStdout {
            data: bytes(b"hi\n"),
        },
        "000000290000000100a3617607617470636f72652e657865632e7374646f757461704aa164646174614368690a",
    );
    check_payload(
        1,
        &ExecExited {
            code: 0,
            signal: None,
        },
        "000000260000000101a3617607617470636f72652e657865632e657869746564617047a164636f646500",
    );
    check_payload(
        1,
        &ExecExited {
            code: -1,
            signal: None,
        },
        "000000260000000101a3617607617470636f72652e657865632e657869746564617047a164636f646520",
    );
    check_payload(
        1,
        &ExecStdin { data: bytes(b"") },
        "000000250000000100a361760761746f636f72652e657865632e737464696e617047a1646461746140",
    );
    check_payload(
        1,
        &ExecSignal { signal: 9 },
        "000000280000000100a3617607617470636f72652e657865632e7369676e616c617049a1667369676e616c09",
    );
}

#[test]
fn fs_and_tcp_messages() {
    check_payload(
        0x0200_0000,
        &FsRequest {
            op: FsOp::Stat {
                path: "/etc".into(),
                follow_symlink: true,
            },
        },
        "000000440200000002a361760761746f636f72652e66732e7265717565737461705825
         a1626f70a16453746174a26470617468642f6574636e666f6c6c6f775f73796d6c696e6bf5",
    );
    check_payload(
        1,
        &FsRequest {
            op: FsOp::Read {
                handle: 1,
                offset: 0,
                len: None,
            },
        },
        "0000003f0000000102a361760761746f636f72652e66732e7265717565737461705820
         a1626f70a16452656164a36668616e646c6501666f666673657400636c656ef6",
    );
    check_payload(
        1,
        &FsData {
            data: bytes(b"abc"),
        },
        "000000250000000100a361760761746c636f72652e66732e6461746161704aa1646461746143616263",
    );
    check_payload(
        1,
        &FsResponse {
            ok: true,
            error: None,
            data: Some(FsResponseData::Handle(1)),
            path_bytes: None,
        },
        "0000003a0000000101a3617607617470636f72652e66732e726573706f6e73656170581a
         a3626f6bf5656572726f72f66464617461a16648616e646c6501",
    );
    check_payload(
        1,
        &FsResponse {
            ok: true,
            error: None,
            data: None,
            path_bytes: None,
        },
        "000000310000000101a3617607617470636f72652e66732e726573706f6e7365617052
         a3626f6bf5656572726f72f66464617461f6",
    );
    check_payload(
        1,
        &TcpConnect {
            host: "127.0.0.1".into(),
            port: 8080,
        },
        "000000380000000102a3617607617470636f72652e7463702e636f6e6e65637461705818
         a264686f7374693132372e302e302e3164706f7274191f90",
    );
}

#[test]
fn bootstrap_messages() {
    check_payload(
        0,
        &GuestBootstrap::default(),
        "000000380000000000a361760761746e636f72652e626f6f7473747261706170581a
         a17073656375726974795f70726f66696c656764656661756c74",
    );
    check_payload(
        0,
        &GuestBootstrap {
            block_root: Some(BootstrapBlockRoot::OciErofs {
                lower: "/dev/vda".into(),
                upper: BootstrapBlockRootUpper::Device {
                    device: "/dev/vdb".into(),
                    fstype: "ext4".into(),
                },
            }),
            hostname: Some("box".into()),
            ..GuestBootstrap::default()
        },
        "0000009e0000000000a361760761746e636f72652e626f6f74737472617061705880
         a36a626c6f636b5f726f6f74a3646b696e64696f63692d65726f6673656c6f776572682f6465762f766461
         657570706572a3646b696e646664657669636566646576696365682f6465762f766462666673747970656465787434
         68686f73746e616d6563626f787073656375726974795f70726f66696c656764656661756c74",
    );
    let ipv4 = BootstrapIpv4 {
        address: Ipv4Addr::new(172, 16, 0, 2),
        prefix_len: 30,
        gateway: Ipv4Addr::new(172, 16, 0, 1),
        dns: Some(Ipv4Addr::new(172, 16, 0, 1)),
    };
    assert_eq!(
        cbor::to_vec(&ipv4).unwrap(),
        unhex(
            "a4676164647265737384 18ac1000026a7072656669785f6c656e181e
             676761746577617984 18ac10000163646e738418ac100001"
        )
    );
}

#[test]
fn a_session_start_carries_its_flag() {
    let request = FsRequest {
        op: FsOp::List { path: "/".into() },
    };
    assert_eq!(Message::new(3, &request).unwrap().flags, FLAG_SESSION_START);
}
