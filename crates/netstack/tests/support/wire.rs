use smoltcp::phy::{Device, DeviceCapabilities, Medium, RxToken, TxToken};
use smoltcp::time::Instant;
use std::collections::VecDeque;
use std::io::{ErrorKind, Read, Write};
use std::os::unix::net::UnixStream;

/// The guest's network card: frames after their length on a stream.
pub struct Wire {
    stream: UnixStream,
    bytes: Vec<u8>,
    pub frames: VecDeque<Vec<u8>>,
    outgoing: Vec<u8>,
    /// Of the guest's routes.
    mtu: usize,
    /// Largest frames that went to the stack and came from it.
    pub largest: (usize, usize),
}

impl Wire {
    pub fn new(stream: UnixStream, mtu: usize) -> Wire {
        stream.set_nonblocking(true).unwrap();
        Wire {
            stream,
            bytes: Vec::new(),
            frames: VecDeque::new(),
            outgoing: Vec::new(),
            mtu,
            largest: (0, 0),
        }
    }

    /// Moves bytes; true when something came.
    pub fn pump(&mut self) -> bool {
        while !self.outgoing.is_empty() {
            match self.stream.write(&self.outgoing) {
                Ok(n) => drop(self.outgoing.drain(..n)),
                Err(e) if e.kind() == ErrorKind::WouldBlock => break,
                Err(_) => self.outgoing.clear(),
            }
        }
        let mut buffer = [0; 65536];
        let came = match self.stream.read(&mut buffer) {
            Ok(n) => {
                self.bytes.extend_from_slice(&buffer[..n]);
                n > 0
            }
            Err(_) => false,
        };
        let mut at = 0;
        while let Some(prefix) = self.bytes[at..].first_chunk::<4>() {
            let end = at + 4 + u32::from_be_bytes(*prefix) as usize;
            let Some(frame) = self.bytes.get(at + 4..end) else {
                break;
            };
            self.largest.1 = self.largest.1.max(frame.len());
            self.frames.push_back(frame.to_vec());
            at = end;
        }
        self.bytes.drain(..at);
        came
    }

    pub fn send(&mut self, frame: &[u8]) {
        self.outgoing
            .extend_from_slice(&(frame.len() as u32).to_be_bytes());
        self.largest.0 = self.largest.0.max(frame.len());
        self.outgoing.extend_from_slice(frame);
    }
}

pub struct Rx(Vec<u8>);
pub struct Tx<'a>(&'a mut Wire);

impl RxToken for Rx {
    fn consume<R, F: FnOnce(&[u8]) -> R>(self, f: F) -> R {
        f(&self.0)
    }
}

impl TxToken for Tx<'_> {
    fn consume<R, F: FnOnce(&mut [u8]) -> R>(self, length: usize, f: F) -> R {
        let mut frame = vec![0; length];
        let result = f(&mut frame);
        self.0.send(&frame);
        result
    }
}

impl Device for Wire {
    type RxToken<'a> = Rx;
    type TxToken<'a> = Tx<'a>;

    fn receive(&mut self, _: Instant) -> Option<(Rx, Tx<'_>)> {
        let frame = self.frames.pop_front()?;
        Some((Rx(frame), Tx(self)))
    }

    fn transmit(&mut self, _: Instant) -> Option<Tx<'_>> {
        (self.outgoing.len() < 256 * 1024).then_some(Tx(self))
    }

    fn capabilities(&self) -> DeviceCapabilities {
        let mut capabilities = DeviceCapabilities::default();
        capabilities.medium = Medium::Ethernet;
        capabilities.max_transmission_unit = self.mtu + 14;
        capabilities
    }
}
