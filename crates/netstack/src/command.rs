//! What the owner asks of the stack's thread. Order is kept.

use std::net::{TcpListener, UdpSocket};

pub enum Command {
    Write {
        stream: u32,
        data: Vec<u8>,
    },
    Consumed {
        stream: u32,
        bytes: usize,
    },
    End {
        stream: u32,
    },
    Close {
        stream: u32,
    },
    Reset {
        stream: u32,
    },
    Splice {
        stream: u32,
        replay: Vec<u8>,
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
