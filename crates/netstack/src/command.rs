//! What the owner asks of the stack's thread. Order is kept.

use std::net::{TcpListener, UdpSocket};

pub enum Command {
    Close {
        stream: u32,
    },
    Reset {
        stream: u32,
    },
    Splice {
        stream: u32,
    },
    Respond {
        query: u32,
        response: Option<Vec<u8>>,
    },
    PublishTcp {
        listener: TcpListener,
        guest_port: u16,
    },
    PublishUdp {
        socket: UdpSocket,
        guest_port: u16,
    },
    Stop,
}

impl Command {
    pub fn is_about(&self, id: u32) -> bool {
        match self {
            Command::Close { stream } | Command::Reset { stream } | Command::Splice { stream } => {
                *stream == id
            }
            _ => false,
        }
    }
}
