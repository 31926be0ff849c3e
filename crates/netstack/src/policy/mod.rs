//! The one evaluator of network policies (spec: network 11).
//!
//! A [`Policy`] is compiled when it is read: an index finds the few rules that may match a question, so that an
//! evaluation costs the same with three rules and with thousands of others.
//!
//! Pure: an evaluation reads a [`Policy`], a question and the [`Facts`] around it, and touches nothing else.

mod answer;
mod document;
mod egress;
mod explain;
mod group;
mod ingress;
mod lookup;
mod matching;
mod model;
mod name;
mod prefix_table;
mod question;
mod rule_index;

pub use document::PolicyError;
pub use explain::allow_rule;
pub use group::{Gateways, Group, canonical};
pub use model::{Action, Policy, Protocol};
pub use name::{NameError, normalise_name};
pub use question::{DecidedBy, Facts, HostnameSource, Outcome, Question, Verdict};
