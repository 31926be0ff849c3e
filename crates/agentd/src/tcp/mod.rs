//! TCP from inside the guest for the host (protocol section 18).

mod connect;
mod session;
mod table;

pub use connect::Connected;
pub use session::{TcpChunk, TcpSession};
pub use table::TcpSessions;
