//! The frozen surface of this generation, as the TypeScript package keeps it.

#![allow(clippy::unwrap_used)] // Helpers outside of #[test] functions.

use msb_protocol::constants::{
    FLAG_SESSION_START, FLAG_SHUTDOWN, FLAG_TERMINAL, FRAME_HEADER_SIZE, MAX_FRAME_SIZE,
};
use msb_protocol::{MessageType, PROTOCOL_VERSION};
use serde_json::{Value, json};

#[test]
fn the_tables_are_those_of_the_snapshot() {
    let path = format!(
        "{}/../../packages/protocol/schema/gen-{PROTOCOL_VERSION}.json",
        env!("CARGO_MANIFEST_DIR")
    );
    let snapshot: Value = serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap();
    let types: Vec<Value> = MessageType::ALL
        .iter()
        .map(|kind| json!({ "introduced_in": kind.since(), "wire": kind.wire() }))
        .collect();
    let ours = json!({
        "frame": {
            "flag_session_start": FLAG_SESSION_START,
            "flag_shutdown": FLAG_SHUTDOWN,
            "flag_terminal": FLAG_TERMINAL,
            "header_size": FRAME_HEADER_SIZE,
            "max_frame_size": MAX_FRAME_SIZE,
        },
        "message_types": types,
        "protocol_version": PROTOCOL_VERSION,
    });
    assert_eq!(ours, snapshot);
}
