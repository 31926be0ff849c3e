//! microsandbox guest agent.
//!
//! The binary (`main.rs`) is process 1 of a sandbox's initramfs. This library holds its parts, so
//! that tests can run the agent's loop over a socket without a virtual machine.

#![deny(unsafe_code)]

pub mod agent;
pub mod boot;
pub mod clock;
pub mod environment;
pub mod exec;
pub mod fs;
pub mod held_ids;
pub mod memory;
pub mod parsed_file;
pub mod port;
pub mod rlimit;
pub mod share;
pub mod shutdown;
pub mod sys;
pub mod tcp;
pub mod text;
pub mod user;
pub mod waker;
pub mod write_queue;
