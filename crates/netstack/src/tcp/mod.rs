//! TCP connections of the guest, and into it.

mod admission;
mod dial;
mod dns;
mod drain;
mod flow;
mod flows;
mod host_socket;
mod peek;
mod publish;
mod reopening;
mod serve;
pub mod sni;
mod splice;
mod stream;

pub use flows::Flows;
pub use publish::Listeners;
