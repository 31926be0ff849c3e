//! The policy evaluator without a stack, and its answers.

use msb_netstack::policy::{DecidedBy, Outcome, Policy, Question, Verdict, allow_rule};
use msb_netstack::wire::{PolicyContext, QuestionDocument};
use napi::bindgen_prelude::Object;
use napi::{Env, Error};
use napi_derive::napi;

#[napi(object, object_from_js = false, use_nullable = true)]
pub struct PolicyReason {
    pub decided_by: &'static str,
    pub rule: Option<u32>,
}

#[napi(object, object_from_js = false, use_nullable = true)]
pub struct PolicyVerdict {
    pub action: &'static str,
    pub reason: PolicyReason,
    pub allow_rule: Option<String>,
}

impl From<DecidedBy> for PolicyReason {
    fn from(by: DecidedBy) -> PolicyReason {
        let (decided_by, rule) = match by {
            DecidedBy::Rule(index) => ("rule", Some(index as u32)),
            DecidedBy::Default => ("default", None),
            DecidedBy::Platform => ("platform", None),
            DecidedBy::Limit => ("limit", None),
        };
        PolicyReason { decided_by, rule }
    }
}

impl PolicyVerdict {
    pub fn new(verdict: Verdict, allow_rule: Option<String>) -> PolicyVerdict {
        let action = match verdict.outcome {
            Outcome::Allow => "allow",
            Outcome::Deny => "deny",
            Outcome::Defer => "defer",
            Outcome::None => "none",
        };
        PolicyVerdict {
            action,
            reason: verdict.decided_by.into(),
            allow_rule,
        }
    }
}

#[napi]
pub fn evaluate_policy(
    env: Env,
    policy_json: String,
    question: Object,
    context: Option<Object>,
) -> napi::Result<PolicyVerdict> {
    let policy = Policy::from_json(&policy_json).map_err(|e| Error::from_reason(e.to_string()))?;
    let question = read_question(env, question)?;
    let context: PolicyContext = match context {
        Some(context) => env.from_js_value(context)?,
        None => PolicyContext::default(),
    };
    let names = context.names_of(&question);
    let facts = context.facts(&names);
    let verdict = policy.evaluate(&question, &facts);
    let denied = verdict.outcome == Outcome::Deny;
    let allow = if denied {
        allow_rule(&question, &facts)
    } else {
        None
    };
    Ok(PolicyVerdict::new(verdict, allow))
}

pub fn read_question(env: Env, question: Object) -> napi::Result<Question> {
    let document: QuestionDocument = env.from_js_value(question)?;
    document
        .read()
        .map_err(|e| Error::from_reason(e.to_string()))
}
