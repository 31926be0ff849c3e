use super::Stack;
use crate::frame::ReadOutcome;
use crate::packet::{Class, classify};
use crate::shared::bump;
use std::io;
use std::sync::atomic::Ordering;

/// Reads of the stream in one turn; the buffer is larger than what a socket holds by default.
const READS: usize = 4;
/// Ethernet header with a VLAN tag.
const OVERHEAD: usize = 18;

impl Stack {
    /// Takes the frames that came; false when the monitor has closed the stream.
    pub(crate) fn read_frames(&mut self) -> io::Result<bool> {
        if !self.take_frames()? {
            return Ok(true);
        }
        for _ in 0..READS {
            if !self.schedule.readable {
                break;
            }
            match self.reader.fill(&mut self.stream)? {
                ReadOutcome::Some => {}
                ReadOutcome::Empty => self.schedule.readable = false,
                ReadOutcome::Closed => return Ok(false),
            }
            if !self.take_frames()? {
                break;
            }
        }
        Ok(true)
    }

    /// Takes the complete frames in the buffer; false when the rate limit holds one back.
    fn take_frames(&mut self) -> io::Result<bool> {
        let taken = self.take_admitted()?;
        let counters = &self.core.shared.counters;
        counters
            .frames_from_guest
            .store(self.reader.frames, Ordering::Relaxed);
        counters
            .bytes_from_guest
            .store(self.reader.bytes, Ordering::Relaxed);
        Ok(taken)
    }

    fn take_admitted(&mut self) -> io::Result<bool> {
        while let Some(length) = self.reader.next_length()? {
            if let Err(wait) = self.egress.admit(length, self.core.now) {
                self.hold_until(wait);
                return Ok(false);
            }
            self.take_frame(length);
        }
        Ok(true)
    }

    fn take_frame(&mut self, length: usize) {
        let frame = self.reader.take(length);
        let core = &mut self.core;
        let addresses = &core.settings.addresses;
        let class = if frame.len() > usize::from(addresses.route_mtu) + OVERHEAD {
            Class::Drop
        } else {
            classify(frame, addresses)
        };
        match class {
            Class::Drop => bump(&core.shared.counters.frames_dropped),
            Class::Stack => self.net.ingest(frame),
            Class::Tcp(segment) => self.flows.on_frame(frame, segment, &mut self.net, core),
            Class::Udp(datagram) => {
                self.udp
                    .on_datagram(&datagram, &mut self.net, &self.emitter, core)
            }
            Class::Fragment(fragment) => {
                if let Some(datagram) = self.fragments.add(&fragment, core.now) {
                    self.udp
                        .on_datagram(&datagram, &mut self.net, &self.emitter, core);
                }
            }
            Class::Echo(echo) => self
                .pings
                .on_echo(&echo, &mut self.net, &self.emitter, core),
        }
    }
}
