use super::host_socket::HostSocket;
use crate::core::Core;
use crate::token::Owner;
use mio::Interest;
use mio::net::TcpStream;
use std::collections::VecDeque;
use std::io;
use std::net::SocketAddr;

/// A connection to the host side that is being made.
pub struct Dial {
    stream: TcpStream,
    /// Addresses to try when this one refuses.
    others: VecDeque<SocketAddr>,
    /// Bytes that go to the host first.
    replay: Vec<u8>,
}

pub enum Dialled {
    Waiting(Dial),
    Connected(HostSocket, Vec<u8>),
    Failed,
}

impl Dial {
    /// Starts to connect to what the guest dialled; none when nothing answers at once.
    pub fn start(core: &Core, flow: u32, dialled: SocketAddr, replay: Vec<u8>) -> Option<Dial> {
        let mut targets = VecDeque::from(core.host_targets(dialled));
        let stream = open_next(core, flow, &mut targets)?;
        Some(Dial {
            stream,
            others: targets,
            replay,
        })
    }

    /// Looks whether the connection is made.
    pub fn progress(mut self, core: &Core, flow: u32) -> Dialled {
        let failure = match self.stream.take_error() {
            Ok(None) => None,
            Ok(Some(error)) | Err(error) => Some(error),
        };
        match failure {
            Some(error) if may_try_next(&error) => match open_next(core, flow, &mut self.others) {
                Some(stream) => Dialled::Waiting(Dial { stream, ..self }),
                None => Dialled::Failed,
            },
            Some(_) => Dialled::Failed,
            None if self.stream.peer_addr().is_ok() => {
                Dialled::Connected(HostSocket::new(self.stream), self.replay)
            }
            None => Dialled::Waiting(self),
        }
    }
}

fn open_next(core: &Core, flow: u32, targets: &mut VecDeque<SocketAddr>) -> Option<TcpStream> {
    while let Some(target) = targets.pop_front() {
        let Ok(mut stream) = TcpStream::connect(target) else {
            continue;
        };
        let interest = Interest::READABLE | Interest::WRITABLE;
        let token = Owner::Flow(flow).token();
        if core.registry.register(&mut stream, token, interest).is_ok() {
            return Some(stream);
        }
    }
    None
}

fn may_try_next(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::ConnectionRefused
            | io::ErrorKind::AddrNotAvailable
            | io::ErrorKind::NetworkUnreachable
    )
}
