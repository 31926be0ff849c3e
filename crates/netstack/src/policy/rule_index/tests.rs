//! The index against the walk over all rules that it saves.

use super::*;
use crate::policy::{DecidedBy, Facts, Gateways, HostnameSource, Outcome, Protocol, Question};
use serde_json::{Value, json};

/// Deterministic choices (xorshift).
struct Choices(u64);

impl Choices {
    fn below(&mut self, limit: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 % limit as u64) as usize
    }

    fn one<T: Clone>(&mut self, of: &[T]) -> T {
        of[self.below(of.len())].clone()
    }

    fn several<T: Clone>(&mut self, of: &[T]) -> Vec<T> {
        (0..self.below(3)).map(|_| self.one(of)).collect()
    }
}

/// Few enough of each that rules meet, cover and contradict each other.
const ADDRESSES: [&str; 12] = [
    "10.0.0.1",
    "10.0.1.1",
    "172.16.0.5",
    "1.1.1.1",
    "1.1.1.2",
    "0.0.0.0",
    "fd42:6d73:62:1::1",
    "2606:4700::1111",
    "2606:4700::1112",
    "::ffff:10.0.0.1",
    "64:ff9b::10.0.0.1",
    "2002:101:101::1",
];
const NAMES: [&str; 6] = ["com", "a.com", "b.com", "x.a.com", "y.x.a.com", "xa.com"];
const GROUPS: [&str; 4] = ["public", "private", "host", "multicast"];
const PORTS: [u16; 3] = [53, 80, 443];
const PROTOCOLS: [Protocol; 3] = [Protocol::Tcp, Protocol::Udp, Protocol::Icmpv4];

fn rule(choices: &mut Choices) -> Value {
    let destination = match choices.below(12) {
        0 => json!("any"),
        1..=4 => {
            let address = choices.one(&ADDRESSES);
            let width = if address.contains(':') { 128 } else { 32 };
            json!({"cidr": format!("{address}/{}", width - choices.below(20))})
        }
        5..=7 => json!({"domain": choices.one(&NAMES)}),
        8..=9 => json!({"domain_suffix": choices.one(&NAMES)}),
        _ => json!({"group": choices.one(&GROUPS)}),
    };
    let ports = choices.several(&PORTS);
    let protocols = choices.several(&PROTOCOLS);
    json!({
        "direction": choices.one(&["egress", "egress", "ingress", "any"]),
        "destination": destination,
        "protocols": protocols.iter().map(|p| p.name()).collect::<Vec<_>>(),
        "ports": ports.iter().map(|p| json!({"start": p, "end": p + 30})).collect::<Vec<_>>(),
        "action": choices.one(&["allow", "deny"]),
    })
}

fn policy(choices: &mut Choices) -> Policy {
    let rules: Vec<Value> = (0..choices.below(30)).map(|_| rule(choices)).collect();
    let default = choices.one(&["allow", "deny"]);
    let text = json!({"default_egress": default, "default_ingress": default, "rules": rules});
    Policy::from_json(&text.to_string()).unwrap()
}

fn question(choices: &mut Choices) -> Question {
    let address = choices.one(&ADDRESSES).parse().unwrap();
    let protocol = choices.one(&PROTOCOLS);
    let (port, name) = (choices.one(&PORTS), choices.one(&NAMES).to_owned());
    match choices.below(8) {
        0 => Question::Answer { protocol, address },
        1 => Question::Ingress {
            protocol,
            address,
            port,
        },
        2 => Question::Dns {
            name: choices.one(&[None, Some(name)]),
            protocol,
            port,
        },
        _ => Question::Egress {
            protocol,
            address,
            port: (protocol != Protocol::Icmpv4).then_some(port),
            hostname: choices.one(&[
                HostnameSource::Sni(name),
                HostnameSource::Cache,
                HostnameSource::Deferred,
            ]),
        },
    }
}

/// The same rules, each of them compared with every question.
fn walked_over(policy: &Policy) -> Policy {
    Policy {
        index: RuleIndex {
            any: (0..policy.rules.len()).collect(),
            ..RuleIndex::default()
        },
        ..policy.clone()
    }
}

#[test]
fn a_verdict_is_the_one_of_a_walk_over_all_rules() {
    let mut choices = Choices(0x5eed);
    let gateways = Gateways {
        ipv4: Some([172, 16, 0, 5].into()),
        ipv6: "fd42:6d73:62:1::1".parse().ok(),
    };
    let mut deferred = 0;
    let mut by_late_rule = 0;
    for _ in 0..2_000 {
        let indexed = policy(&mut choices);
        let linear = walked_over(&indexed);
        for _ in 0..25 {
            let question = question(&mut choices);
            let names: Vec<String> = choices
                .several(&NAMES)
                .into_iter()
                .map(Into::into)
                .collect();
            let facts = Facts {
                gateways,
                names: &names,
            };
            let verdict = indexed.evaluate(&question, &facts);
            let expected = linear.evaluate(&question, &facts);
            assert_eq!(
                verdict, expected,
                "{question:?} {names:?} {:?}",
                indexed.rules
            );
            deferred += usize::from(verdict.outcome == Outcome::Defer);
            by_late_rule += usize::from((5..30).any(|n| verdict.decided_by == DecidedBy::Rule(n)));
        }
    }
    // Else the generator asks nothing of interest.
    assert!(deferred > 1_000 && by_late_rule > 1_000);
}

#[test]
fn only_rules_that_may_match_are_compared() {
    let rules: Vec<Value> = (0..1_000)
        .map(|i| match i % 2 {
            0 => json!({"cidr": format!("10.{}.{}.0/24", i / 250, i % 250)}),
            _ => json!({"domain_suffix": format!("site-{i}.example.com")}),
        })
        .map(|to| json!({"direction": "egress", "destination": to, "action": "deny"}))
        .collect();
    let policy = Policy::from_json(&json!({ "rules": rules }).to_string()).unwrap();
    let target = Target::new("10.1.2.3".parse().unwrap(), &Gateways::default());
    let candidates = policy.index.candidates().of_target(&target);
    let candidates = candidates.of_names(["www.site-7.example.com", "example.com"]);
    assert_eq!(candidates.in_order(), [7, 252]);
}
