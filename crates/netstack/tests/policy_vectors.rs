//! The vectors that Rust and TypeScript share.

#![allow(clippy::unwrap_used)]

use msb_netstack::policy::{Policy, Verdict, allow_rule};
use msb_netstack::wire::{PolicyContext, QuestionDocument};
use serde_json::Value;

#[test]
fn every_vector_comes_out_as_written() {
    let path = concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/../../packages/network/vectors/policy.json"
    );
    let file: Value = serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap();
    let vectors = file["vectors"].as_array().unwrap();
    assert!(vectors.len() > 100);
    let wrong: Vec<String> = vectors.iter().filter_map(|v| check(&file, v)).collect();
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

fn check(file: &Value, vector: &Value) -> Option<String> {
    let policy = &file["policies"][vector["policy"].as_str().unwrap()];
    let policy = Policy::from_json(&policy.to_string()).unwrap();
    let context: PolicyContext = serde_json::from_value(vector["context"].clone()).unwrap();
    let question: QuestionDocument = serde_json::from_value(vector["question"].clone()).unwrap();
    let question = question.read().unwrap();
    let names = context.names_of(&question);
    let facts = context.facts(&names);
    let verdict = policy.evaluate(&question, &facts);
    let expected = [
        vector["action"].clone(),
        vector["decidedBy"].clone(),
        vector["rule"].clone(),
    ];
    let got = in_words(verdict);
    if got != expected {
        return Some(format!("{}: {got:?}, not {expected:?}", vector["name"]));
    }
    let allow = vector.get("allowRule")?.as_str();
    let suggested = allow_rule(&question, &facts);
    (suggested.as_deref() != allow).then(|| format!("{}: {suggested:?}", vector["name"]))
}

fn in_words(verdict: Verdict) -> [Value; 3] {
    use msb_netstack::policy::{DecidedBy, Outcome};
    let action = match verdict.outcome {
        Outcome::Allow => "allow",
        Outcome::Deny => "deny",
        Outcome::Defer => "defer",
        Outcome::None => "none",
    };
    let (by, rule) = match verdict.decided_by {
        DecidedBy::Rule(index) => ("rule", Value::from(index)),
        DecidedBy::Default => ("default", Value::Null),
        DecidedBy::Platform => ("platform", Value::Null),
        DecidedBy::Limit => ("limit", Value::Null),
    };
    [action.into(), by.into(), rule]
}
