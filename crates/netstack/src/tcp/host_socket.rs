use mio::net::{TcpStream, UnixStream};
use socket2::SockRef;
use std::io::{self, Read, Write};
use std::net::Shutdown;
use std::time::Duration;

/// What a host connection consists of.
pub trait HostStream: Read + Write {
    fn end(&self) -> io::Result<()>;
}

impl HostStream for TcpStream {
    fn end(&self) -> io::Result<()> {
        self.shutdown(Shutdown::Write)
    }
}

impl HostStream for UnixStream {
    fn end(&self) -> io::Result<()> {
        self.shutdown(Shutdown::Write)
    }
}

/// A non-blocking host connection with what is known of its readiness (the poller reports edges only).
pub struct HostSocket<S = TcpStream> {
    stream: S,
    readable: bool,
    writable: bool,
}

impl HostSocket {
    pub fn new(stream: TcpStream) -> HostSocket {
        let _ = stream.set_nodelay(true);
        HostSocket::of(stream)
    }

    /// Closes with a reset instead of an orderly end.
    pub fn reset(self) {
        let _ = SockRef::from(&self.stream).set_linger(Some(Duration::ZERO));
    }
}

impl<S: HostStream> HostSocket<S> {
    pub fn of(stream: S) -> HostSocket<S> {
        HostSocket {
            stream,
            readable: true,
            writable: true,
        }
    }

    pub fn into_stream(self) -> S {
        self.stream
    }

    pub fn ready(&mut self, readable: bool, writable: bool) {
        self.readable |= readable;
        self.writable |= writable;
    }

    pub fn is_writable(&self) -> bool {
        self.writable
    }

    pub fn is_readable(&self) -> bool {
        self.readable
    }

    /// Bytes taken; 0 when the socket is full.
    pub fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match self.stream.write(bytes) {
            Ok(count) => Ok(count),
            Err(e) if is_temporary(&e) => {
                self.writable = e.kind() == io::ErrorKind::Interrupted;
                Ok(0)
            }
            Err(e) => Err(e),
        }
    }

    /// None when there is nothing now, 0 at the end.
    pub fn read(&mut self, buffer: &mut [u8]) -> io::Result<Option<usize>> {
        match self.stream.read(buffer) {
            Ok(count) => Ok(Some(count)),
            Err(e) if is_temporary(&e) => {
                self.readable = e.kind() == io::ErrorKind::Interrupted;
                Ok(None)
            }
            Err(e) => Err(e),
        }
    }

    pub fn end(&mut self) {
        let _ = self.stream.end();
    }
}

fn is_temporary(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::WouldBlock | io::ErrorKind::Interrupted
    )
}
