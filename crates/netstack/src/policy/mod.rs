//! The one evaluator of network policies (spec: network 11).
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
mod question;

pub use document::PolicyError;
pub use explain::allow_rule;
pub use group::{Gateways, Group, canonical};
pub use model::{Action, Policy, Protocol};
pub use name::{NameError, normalise_name};
pub use question::{DecidedBy, Facts, HostnameSource, Outcome, Question, Verdict};
