//! napi-rs addon of microsandbox: what Node itself does not offer to the host side.
//!
//! The functions are those of `NativeAddon` in `packages/native/src/addon.ts`. `unsafe` stands in `sys` and
//! `shared_memory` only.

// Test builds leave napi's registration out, so the exported functions look unused there.
#![cfg_attr(test, allow(dead_code))]

mod certificates;
mod channels;
mod error;
mod flock;
mod json_lines;
mod kernel;
mod krunfw;
mod kvm;
mod layers;
mod machine;
mod metrics;
mod network;
mod network_events;
mod network_policy;
mod shared_memory;
#[cfg_attr(target_os = "macos", path = "shares_macos.rs")]
mod shares;
mod supervise;
mod sys;
mod terminal;
mod tsc;
