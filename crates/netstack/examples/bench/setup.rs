use crate::light_guest::{Failure, LightGuest};
use smoltcp::wire::{TcpControl, TcpSeqNumber};
use std::net::TcpListener;
use std::time::Instant;

/// Seconds from a guest's SYN to the host server's accept, with this many rules in front of the one that allows.
pub fn connect(connections: usize, rules: usize) -> f64 {
    run(connections, rules).unwrap_or_else(|failure| {
        eprintln!("{failure}");
        f64::NAN
    })
}

fn run(connections: usize, rules: usize) -> Result<f64, Failure> {
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

/// Rules of every kind, none of which covers the gateway.
fn policy(rules: usize) -> String {
    let rules = (0..rules).map(|i| {
        let destination = match i % 3 {
            0 => serde_json::json!({"cidr": format!("10.{}.{}.0/24", i / 250, i % 250)}),
            1 => serde_json::json!({"group": "multicast"}),
            _ => serde_json::json!({"domain_suffix": format!("site-{i}.example.com")}),
        };
        serde_json::json!({"direction": "egress", "destination": destination, "action": "allow"})
    });
    let rules: Vec<_> = rules.collect();
    serde_json::json!({"default_egress": "allow", "rules": rules}).to_string()
}
