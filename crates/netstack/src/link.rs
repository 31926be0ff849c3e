//! The stack's network device: one frame in, a bounded queue out.

use crate::frame::FrameWriter;
use crate::packet::fill_tcp;
use smoltcp::phy::{Checksum, Device, DeviceCapabilities, Medium, RxToken, TxToken};
use smoltcp::time::Instant;

const ETHERNET: usize = 14;

pub struct Link<'a> {
    pub incoming: Option<&'a [u8]>,
    pub out: &'a mut FrameWriter,
    pub mtu: usize,
}

pub struct Incoming<'a>(&'a [u8]);
pub struct Outgoing<'a>(&'a mut FrameWriter);

impl RxToken for Incoming<'_> {
    fn consume<R, F: FnOnce(&[u8]) -> R>(self, f: F) -> R {
        f(self.0)
    }
}

impl TxToken for Outgoing<'_> {
    fn consume<R, F: FnOnce(&mut [u8]) -> R>(self, length: usize, f: F) -> R {
        match self.0.frame(length) {
            Some(frame) => {
                let result = f(&mut frame[..]);
                fill_tcp(frame);
                result
            }
            // A reply to a frame that came while the queue was full: built, then dropped.
            None => f(&mut vec![0; length]),
        }
    }
}

impl Device for Link<'_> {
    type RxToken<'t>
        = Incoming<'t>
    where
        Self: 't;
    type TxToken<'t>
        = Outgoing<'t>
    where
        Self: 't;

    fn receive(&mut self, _: Instant) -> Option<(Incoming<'_>, Outgoing<'_>)> {
        let frame = self.incoming.take()?;
        Some((Incoming(frame), Outgoing(self.out)))
    }

    fn transmit(&mut self, _: Instant) -> Option<Outgoing<'_>> {
        self.out.has_room().then_some(Outgoing(self.out))
    }

    fn capabilities(&self) -> DeviceCapabilities {
        let mut capabilities = DeviceCapabilities::default();
        capabilities.medium = Medium::Ethernet;
        // Classification has verified what comes in; what goes out is summed up in `consume`.
        capabilities.checksum.tcp = Checksum::None;
        capabilities.max_transmission_unit = self.mtu + ETHERNET;
        capabilities
    }
}
