//! The vectors shared with the TypeScript package: frames written by one side are read and written
//! identically by the other.

#![allow(clippy::unwrap_used)] // Helpers outside of #[test] functions.

use msb_protocol::payload::*;
use msb_protocol::{FrameDecoder, Message, MessageType, cbor};
use serde::{Serialize, de::DeserializeOwned};
use serde_json::{Value, json};

const VECTORS: &str = concat!(
    env!("CARGO_MANIFEST_DIR"),
    "/../../packages/protocol/vectors/protocol.json"
);

fn unhex(text: &str) -> Vec<u8> {
    (0..text.len())
        .step_by(2)
        .map(|at| u8::from_str_radix(&text[at..at + 2], 16).unwrap())
        .collect()
}

/// The vectors' notation for what JSON lacks: 64-bit integers and byte strings.
fn plain(value: &Value) -> Value {
    match value {
        Value::Object(map) => match map.iter().next() {
            Some((key, number)) if key == "$u64" => {
                json!(number.as_str().unwrap().parse::<u64>().unwrap())
            }
            Some((key, hex)) if key == "$bytes" => json!(unhex(hex.as_str().unwrap())),
            _ => map
                .iter()
                .map(|(key, value)| (key.clone(), plain(value)))
                .collect(),
        },
        Value::Array(items) => items.iter().map(plain).collect(),
        other => other.clone(),
    }
}

/// Reads `payload` as `P`, compares it with `expected`, and writes it again.
fn round_trip<P: Serialize + DeserializeOwned>(payload: &[u8], expected: &Value) -> Vec<u8> {
    let typed: P = cbor::from_slice(payload).unwrap();
    assert_eq!(&serde_json::to_value(&typed).unwrap(), expected);
    cbor::to_vec(&typed).unwrap()
}

fn round_trip_as(kind: MessageType, payload: &[u8], expected: &Value) -> Vec<u8> {
    #[derive(Serialize, serde::Deserialize)]
    struct Empty {}
    use MessageType as T;
    match kind {
        T::Ready => round_trip::<Ready>(payload, expected),
        T::InitResolved => round_trip::<InitResolved>(payload, expected),
        T::RelayClientDisconnected => round_trip::<RelayClientDisconnected>(payload, expected),
        T::ClockSync => round_trip::<ClockSync>(payload, expected),
        T::Touched => round_trip::<Touched>(payload, expected),
        T::Error => round_trip::<CoreError>(payload, expected),
        T::ExecRequest => round_trip::<ExecRequest>(payload, expected),
        T::ExecStarted => round_trip::<ExecStarted>(payload, expected),
        T::ExecStdin => round_trip::<ExecStdin>(payload, expected),
        T::ExecStdinError => round_trip::<ExecStdinError>(payload, expected),
        T::ExecStdout => round_trip::<ExecStdout>(payload, expected),
        T::ExecStderr => round_trip::<ExecStderr>(payload, expected),
        T::ExecExited => round_trip::<ExecExited>(payload, expected),
        T::ExecFailed => round_trip::<ExecFailed>(payload, expected),
        T::ExecResize => round_trip::<ExecResize>(payload, expected),
        T::ExecSignal => round_trip::<ExecSignal>(payload, expected),
        T::FsRequest => round_trip::<FsRequest>(payload, expected),
        T::FsResponse => round_trip::<FsResponse>(payload, expected),
        T::FsData => round_trip::<FsData>(payload, expected),
        T::TcpConnect => round_trip::<TcpConnect>(payload, expected),
        T::TcpData => round_trip::<TcpData>(payload, expected),
        T::TcpFailed => round_trip::<TcpFailed>(payload, expected),
        T::Bootstrap => round_trip::<GuestBootstrap>(payload, expected),
        T::Shutdown => round_trip::<()>(payload, expected),
        T::InitAck | T::Ping | T::Pong | T::Touch => round_trip::<Empty>(payload, expected),
        T::TcpConnected | T::TcpEof | T::TcpClose | T::TcpClosed => {
            round_trip::<Empty>(payload, expected)
        }
    }
}

#[test]
fn every_shared_frame_is_read_and_written_identically() {
    let vectors: Value = serde_json::from_slice(&std::fs::read(VECTORS).unwrap()).unwrap();
    let frames = vectors["frames"].as_array().unwrap();
    assert!(frames.len() >= 24);
    for vector in frames {
        let name = vector["name"].as_str().unwrap();
        let bytes = unhex(vector["frameHex"].as_str().unwrap());
        let mut decoder = FrameDecoder::new();
        decoder.push(&bytes);
        let frame = decoder.next_frame().unwrap().unwrap();
        let mut message = Message::from_frame(&frame).unwrap();
        assert_eq!(json!(message.id), vector["id"], "{name}");
        assert_eq!(json!(message.flags), vector["flags"], "{name}");
        assert_eq!(json!(message.version), vector["version"], "{name}");
        assert_eq!(json!(message.kind.wire()), vector["type"], "{name}");
        assert_eq!(message.kind.flags(), message.flags, "{name}");
        message.payload = round_trip_as(message.kind, &message.payload, &plain(&vector["payload"]));
        assert_eq!(message.to_frame().encode().unwrap(), bytes, "{name}");
    }
}

#[test]
fn addresses_are_arrays_in_cbor() {
    let vectors: Value = serde_json::from_slice(&std::fs::read(VECTORS).unwrap()).unwrap();
    let fragments = vectors["fragments"].as_array().unwrap();
    let vector = fragments
        .iter()
        .find(|f| f["name"] == "bootstrap-ipv4")
        .unwrap();
    let bytes = unhex(vector["cborHex"].as_str().unwrap());
    assert_eq!(round_trip::<BootstrapIpv4>(&bytes, &vector["value"]), bytes);
}
