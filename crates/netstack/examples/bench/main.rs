//! Figures of the stack, as ratios within one run, as one JSON line:
//! `cargo run --release -p msb-netstack --example bench [rounds]`.
//!
//! Frames are generated on the host by a guest that does next to nothing ([`light_guest`]), so that the stack is
//! what is measured. Throughput is held against a plain socket pair, which moves the same frames
//! (and, for scale, the same bytes without frames); the cost of 1 000 policy rules against none. Rounds alternate, medians are printed.

mod light_guest;
mod plain;
mod setup;
mod transfer;

use serde_json::json;
use setup::Rules;

const BYTES: usize = 400_000_000;
const CONNECTIONS: usize = 2000;

fn main() {
    let given = std::env::args().nth(1).and_then(|text| text.parse().ok());
    let rounds: usize = given.unwrap_or(5);
    let mut byte_rates = Vec::new();
    let mut frame_rates = Vec::new();
    let mut out_rates = Vec::new();
    let mut in_rates = Vec::new();
    let mut no_rules = Vec::new();
    let mut many_rules = Vec::new();
    let mut port_rules = Vec::new();
    for _ in 0..rounds {
        byte_rates.push(plain::bytes_through_socket_pair(BYTES));
        frame_rates.push(plain::frames_through_socket_pair(BYTES));
        out_rates.push(transfer::out_of_guest(BYTES));
        in_rates.push(transfer::into_guest(BYTES));
        no_rules.push(setup::connect(CONNECTIONS, Rules::None));
        many_rules.push(setup::connect(CONNECTIONS, Rules::OtherPlaces(1000)));
        port_rules.push(setup::connect(CONNECTIONS, Rules::OtherPorts(1000)));
    }
    let (bytes, frames) = (median(byte_rates), median(frame_rates));
    let (outgoing, incoming) = (median(out_rates), median(in_rates));
    let (none, many, ports) = (median(no_rules), median(many_rules), median(port_rules));
    let figures = json!({
        "rounds": rounds,
        "plainBytesMbPerS": bytes.round(),
        "plainFramesMbPerS": frames.round(),
        "outOfGuestMbPerS": outgoing.round(),
        "intoGuestMbPerS": incoming.round(),
        "outOfGuestToPlainFrames": outgoing / frames,
        "intoGuestToPlainFrames": incoming / frames,
        "outOfGuestToPlainBytes": outgoing / bytes,
        "intoGuestToPlainBytes": incoming / bytes,
        "connectionUs": none * 1e6,
        "connectionWith1000RulesUs": many * 1e6,
        "cost1000Rules": many / none,
        "cost1000RulesForOtherPorts": ports / none,
    });
    println!("{figures}");
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or(f64::NAN)
}
