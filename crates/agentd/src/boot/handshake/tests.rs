//! A host on a socket, a guest that notes what it is asked.

use super::*;
use msb_protocol::PROTOCOL_VERSION;
use serde_bytes::ByteBuf;
use std::io::{Read, Write};
use std::os::unix::net::UnixStream;

#[derive(Default)]
struct Guest {
    events: Vec<String>,
}

impl BeforeBootstrap for Guest {
    fn prepare_template(&mut self) -> TemplateReady {
        self.events.push("prepare".to_owned());
        TemplateReady {
            unbound_devices: 3,
            zeroed_bytes: 4096,
            prepare_time_ns: 5,
        }
    }

    fn wake(&mut self, wake: TemplateWake) -> io::Result<()> {
        self.events.push(format!("wake {:?}", wake.disks));
        Ok(())
    }
}

/// Lets the guest read `frames` and gives back what it made of them.
fn receive(frames: &[Frame]) -> (Result<GuestBootstrap, String>, Guest, UnixStream) {
    let (mut host, guest_end) = UnixStream::pair().unwrap();
    for frame in frames {
        host.write_all(&frame.encode().unwrap()).unwrap();
    }
    let mut port = Port::from_fd(guest_end.into()).unwrap();
    let mut guest = Guest::default();
    let result = receive_bootstrap(&mut port, &mut guest).map_err(|error| error.to_string());
    (result, guest, host)
}

fn bootstrap() -> Frame {
    Message::new(0, &GuestBootstrap::default())
        .unwrap()
        .to_frame()
}

fn prepare() -> Frame {
    private_frame(
        TEMPLATE_PREPARE,
        &std::collections::BTreeMap::<String, u8>::new(),
    )
    .unwrap()
}

fn wake(bytes: usize) -> Frame {
    let disks = Some(vec!["root".to_owned()]);
    let entropy = ByteBuf::from(vec![7; bytes]);
    let wake = TemplateWake {
        entropy,
        unix_time_nanos: 1,
        disks,
    };
    private_frame(TEMPLATE_WAKE, &wake).unwrap()
}

#[test]
fn a_bootstrap_alone_is_enough() {
    let (result, guest, _) = receive(&[bootstrap()]);
    assert_eq!(result, Ok(GuestBootstrap::default()));
    assert!(guest.events.is_empty());
}

#[test]
fn a_template_is_prepared_woken_and_told_who_it_is() {
    let (result, guest, mut host) = receive(&[prepare(), wake(64), bootstrap()]);
    assert_eq!(result, Ok(GuestBootstrap::default()));
    assert_eq!(guest.events, ["prepare", "wake Some([\"root\"])"]);
    let mut answer = vec![0; 512];
    let length = host.read(&mut answer).unwrap();
    let mut decoder = msb_protocol::FrameDecoder::new();
    decoder.push(&answer[..length]);
    let envelope = Envelope::decode(&decoder.next_frame().unwrap().unwrap().body).unwrap();
    assert_eq!(
        (envelope.t.as_str(), envelope.v),
        (TEMPLATE_READY, PROTOCOL_VERSION)
    );
    assert_eq!(
        cbor::from_slice::<TemplateReady>(&envelope.p)
            .unwrap()
            .unbound_devices,
        3
    );
}

#[test]
fn a_template_that_is_not_made_unique_refuses_to_go_on() {
    let expected = Err("wake from template: 32 random bytes must come first".to_owned());
    assert_eq!(receive(&[prepare(), bootstrap()]).0, expected);
    assert_eq!(receive(&[prepare(), wake(8), bootstrap()]).0, expected);
}

#[test]
fn anything_else_is_refused_in_the_protocols_words() {
    let refused = |frame: Frame| receive(&[frame]).0.unwrap_err();
    let ping = Message::empty(0, MessageType::Ping).to_frame();
    assert_eq!(
        refused(ping),
        "expected core.bootstrap as first console frame, got core.ping"
    );
    assert_eq!(
        refused(Frame {
            id: 3,
            ..bootstrap()
        }),
        "guest bootstrap requires id=0 and flags=0, got id=3 flags=0"
    );
    let mut old = Message::new(0, &GuestBootstrap::default()).unwrap();
    old.version = 6;
    assert_eq!(
        refused(old.to_frame()),
        "guest bootstrap requires protocol generation 7 or newer, got 6"
    );
    let mut odd = Message::new(0, &GuestBootstrap::default()).unwrap();
    odd.payload = vec![0x01];
    assert!(refused(odd.to_frame()).starts_with("decode guest bootstrap payload: "));
}

#[test]
fn bytes_behind_the_bootstrap_are_kept_for_the_acknowledgement() {
    let (mut host, guest_end) = UnixStream::pair().unwrap();
    let ack = Message::empty(0, MessageType::InitAck).to_frame();
    let bytes = [bootstrap().encode().unwrap(), ack.encode().unwrap()].concat();
    host.write_all(&bytes).unwrap();
    let mut port = Port::from_fd(guest_end.into()).unwrap();
    receive_bootstrap(&mut port, &mut Guest::default()).unwrap();
    resolve_init(
        &mut port,
        UserIds {
            uid: 1000,
            gid: 1000,
        },
    )
    .unwrap();
}

#[test]
fn only_the_acknowledgement_acknowledges() {
    let (mut host, guest_end) = UnixStream::pair().unwrap();
    let ping = Message::empty(0, MessageType::Ping).to_frame();
    host.write_all(&ping.encode().unwrap()).unwrap();
    let mut port = Port::from_fd(guest_end.into()).unwrap();
    let root = UserIds { uid: 0, gid: 0 };
    let error = resolve_init(&mut port, root).unwrap_err();
    assert_eq!(error.to_string(), "expected core.init.ack, got core.ping");
    drop(host);
    let error = resolve_init(&mut port, root).unwrap_err().to_string();
    assert!(
        error.contains("Broken pipe") || error.contains("closed"),
        "{error}"
    );
}
