use crate::light_guest::{Failure, LightGuest};
use smoltcp::wire::{TcpControl, TcpSeqNumber};
use std::net::TcpListener;
use std::time::Instant;

/// What the rules in front of the one that decides look like; none of them covers the connection.
#[derive(Clone, Copy)]
pub enum Rules {
    None,
    /// Prefixes, groups and names that the gateway does not belong to.
    OtherPlaces(usize),
    /// Any destination, but other ports.
    OtherPorts(u16),
}

/// Seconds from a guest's SYN to the host server's accept.
pub fn connect(connections: usize, rules: Rules) -> f64 {
    run(connections, rules).unwrap_or_else(|failure| {
        eprintln!("{failure}");
        f64::NAN
    })
}

fn run(connections: usize, rules: Rules) -> Result<f64, Failure> {
    let listener = TcpListener::bind("127.0.0.1:0")?;
    let to = listener.local_addr()?.port();
    let mut guest = LightGuest::start(&policy(rules))?;
    let first = TcpSeqNumber(1000);
    let started = Instant::now();
    for index in 0..connections {
        let ports = (2000 + (index % 60_000) as u16, to);
        let theirs = guest.open(ports, first)?;
        drop(listener.accept()?);
        guest.segment(ports, TcpControl::Rst, first + 1, Some(theirs), &[]);
        guest.flush()?;
    }
    Ok(started.elapsed().as_secs_f64() / connections as f64)
}

fn policy(rules: Rules) -> String {
    let rules: Vec<_> = match rules {
        Rules::None => Vec::new(),
        Rules::OtherPlaces(count) => (0..count).map(rule_for_another_place).collect(),
        Rules::OtherPorts(count) => (1..=count).map(rule_for_another_port).collect(),
    };
    serde_json::json!({"default_egress": "allow", "rules": rules}).to_string()
}

fn rule_for_another_place(i: usize) -> serde_json::Value {
    let destination = match i % 3 {
        0 => serde_json::json!({"cidr": format!("10.{}.{}.0/24", i / 250, i % 250)}),
        1 => serde_json::json!({"group": "multicast"}),
        _ => serde_json::json!({"domain_suffix": format!("site-{i}.example.com")}),
    };
    serde_json::json!({"direction": "egress", "destination": destination, "action": "allow"})
}

fn rule_for_another_port(port: u16) -> serde_json::Value {
    let ports = [serde_json::json!({"start": port, "end": port})];
    serde_json::json!({"direction": "egress", "destination": "any", "ports": ports, "action": "deny"})
}
