use msb_netstack::Netstack;
use msb_netstack::address::{AddressRequest, Addresses, Families};
use smoltcp::phy::ChecksumCapabilities;
use smoltcp::wire::{
    ArpOperation, ArpPacket, ArpRepr, EthernetAddress, EthernetFrame, EthernetProtocol,
    EthernetRepr, IpAddress, IpProtocol, Ipv4Packet, Ipv4Repr, TcpControl, TcpOption, TcpPacket,
    TcpRepr, TcpSeqNumber,
};
use std::io::{Read, Write};
use std::net::Ipv4Addr;
use std::os::unix::net::UnixStream;

pub type Failure = Box<dyn std::error::Error + Send + Sync>;

/// One TCP connection at a time, with segments that are written and read by hand and data that is not looked at.
pub struct LightGuest {
    /// Ends its thread with the guest.
    stack: Option<Netstack>,
    stream: UnixStream,
    addresses: Addresses,
    guest: Ipv4Addr,
    gateway: Ipv4Addr,
    incoming: Vec<u8>,
    start: usize,
    end: usize,
    outgoing: Vec<u8>,
    /// Scale of the windows that the stack announces.
    scale: u8,
}

/// What matters of a segment from the stack.
#[derive(Clone, Copy)]
pub struct Segment {
    pub sequence: TcpSeqNumber,
    pub acknowledged: TcpSeqNumber,
    /// In bytes.
    pub window: usize,
    scale: u8,
    pub length: usize,
    pub syn: bool,
    pub fin: bool,
    pub port: u16,
}

pub const SEGMENT: usize = 1460;
/// Scale of the guest's own window.
const SCALE: u8 = 4;

impl LightGuest {
    pub fn start(policy: &str) -> Result<LightGuest, Failure> {
        let (host, stream) = UnixStream::pair()?;
        let mut guest = LightGuest::without_stack(stream)?;
        let options = serde_json::json!({"addresses": guest.addresses, "policyJson": policy});
        let stack = Netstack::start(serde_json::from_value(options)?, host.into(), || {})?;
        guest.stack = Some(stack);
        guest.ask_for_gateway();
        guest.flush()?;
        Ok(guest)
    }

    /// A guest that only sends.
    pub fn without_stack(stream: UnixStream) -> Result<LightGuest, Failure> {
        let families = Some(Families {
            ipv4: true,
            ipv6: false,
        });
        let request = AddressRequest {
            slot: 1,
            families,
            ..AddressRequest::default()
        };
        let addresses = Addresses::derive(&request)?;
        let family = addresses.ipv4.ok_or("no IPv4")?;
        Ok(LightGuest {
            stack: None,
            stream,
            guest: family.guest,
            gateway: family.gateway,
            addresses,
            incoming: vec![0; 256 * 1024],
            start: 0,
            end: 0,
            outgoing: Vec::new(),
            scale: 0,
        })
    }

    fn ethernet(&mut self, length: usize, ethertype: EthernetProtocol) -> &mut [u8] {
        let total = 14 + length;
        self.outgoing
            .extend_from_slice(&(total as u32).to_be_bytes());
        let at = self.outgoing.len();
        self.outgoing.resize(at + total, 0);
        let repr = EthernetRepr {
            src_addr: EthernetAddress(self.addresses.guest_mac),
            dst_addr: EthernetAddress(self.addresses.gateway_mac),
            ethertype,
        };
        repr.emit(&mut EthernetFrame::new_unchecked(&mut self.outgoing[at..]));
        &mut self.outgoing[at + 14..]
    }

    fn ask_for_gateway(&mut self) {
        let repr = ArpRepr::EthernetIpv4 {
            operation: ArpOperation::Request,
            source_hardware_addr: EthernetAddress(self.addresses.guest_mac),
            source_protocol_addr: self.guest,
            target_hardware_addr: EthernetAddress([0; 6]),
            target_protocol_addr: self.gateway,
        };
        let packet = self.ethernet(repr.buffer_len(), EthernetProtocol::Arp);
        repr.emit(&mut ArpPacket::new_unchecked(packet));
    }

    /// Queues a segment to the gateway; its payload is zeros.
    pub fn segment(
        &mut self,
        (from, to): (u16, u16),
        control: TcpControl,
        sequence: TcpSeqNumber,
        acknowledged: Option<TcpSeqNumber>,
        payload: &[u8],
    ) {
        let syn = control == TcpControl::Syn;
        let tcp = TcpRepr {
            src_port: from,
            dst_port: to,
            control,
            seq_number: sequence,
            ack_number: acknowledged,
            window_len: 65535,
            window_scale: syn.then_some(SCALE),
            max_seg_size: syn.then_some(SEGMENT as u16),
            sack_permitted: false,
            sack_ranges: [None, None, None],
            timestamp: None,
            payload,
        };
        let (guest, gateway) = (self.guest, self.gateway);
        let ip = Ipv4Repr {
            src_addr: guest,
            dst_addr: gateway,
            next_header: IpProtocol::Tcp,
            payload_len: tcp.buffer_len(),
            hop_limit: 64,
        };
        let checksums = ChecksumCapabilities::default();
        let packet = self.ethernet(20 + tcp.buffer_len(), EthernetProtocol::Ipv4);
        ip.emit(&mut Ipv4Packet::new_unchecked(&mut packet[..]), &checksums);
        tcp.emit(
            &mut TcpPacket::new_unchecked(&mut packet[20..]),
            &IpAddress::from(guest),
            &IpAddress::from(gateway),
            &checksums,
        );
    }

    pub fn flush(&mut self) -> Result<(), Failure> {
        self.stream.write_all(&self.outgoing)?;
        self.outgoing.clear();
        Ok(())
    }

    /// The next segment from the stack, without waiting when `wait` is false and none is complete.
    pub fn receive(&mut self, wait: bool) -> Result<Option<Segment>, Failure> {
        loop {
            while let Some(segment) = self.take() {
                if let Some(segment) = segment {
                    return Ok(Some(segment));
                }
            }
            if !wait {
                return Ok(None);
            }
            self.incoming.copy_within(self.start..self.end, 0);
            self.end -= self.start;
            self.start = 0;
            let count = self.stream.read(&mut self.incoming[self.end..])?;
            if count == 0 {
                return Err("the stack ended".into());
            }
            self.end += count;
        }
    }

    /// Takes a complete frame; inner none when it is no TCP.
    fn take(&mut self) -> Option<Option<Segment>> {
        let held = &self.incoming[self.start..self.end];
        let length = u32::from_be_bytes(*held.first_chunk::<4>()?) as usize;
        let frame = held.get(4..4 + length)?;
        self.start += 4 + length;
        if frame[12..14] != [8, 0] || frame[23] != 6 {
            return Some(None);
        }
        let packet = TcpPacket::new_unchecked(&frame[34..]);
        Some(Some(Segment {
            sequence: packet.seq_number(),
            acknowledged: packet.ack_number(),
            window: usize::from(packet.window_len()) << self.scale,
            scale: if packet.syn() {
                window_scale(&packet)
            } else {
                0
            },
            length: packet.payload().len(),
            syn: packet.syn(),
            fin: packet.fin(),
            port: packet.dst_port(),
        }))
    }

    /// Opens a connection; the stack's first sequence number.
    pub fn open(
        &mut self,
        ports: (u16, u16),
        sequence: TcpSeqNumber,
    ) -> Result<TcpSeqNumber, Failure> {
        self.segment(ports, TcpControl::Syn, sequence, None, &[]);
        self.flush()?;
        loop {
            let segment = self.receive(true)?.ok_or("no segment")?;
            if segment.port != ports.0 {
                continue;
            }
            if !segment.syn {
                return Err("refused".into());
            }
            self.scale = segment.scale;
            let next = segment.sequence + 1;
            self.segment(ports, TcpControl::None, sequence + 1, Some(next), &[]);
            self.flush()?;
            return Ok(next);
        }
    }
}

fn window_scale(packet: &TcpPacket<&[u8]>) -> u8 {
    let mut options = packet.options();
    while let Ok((rest, option)) = TcpOption::parse(options) {
        match option {
            TcpOption::WindowScale(scale) => return scale,
            TcpOption::EndOfList => return 0,
            _ => options = rest,
        }
    }
    0
}

impl Drop for LightGuest {
    fn drop(&mut self) {
        if let Some(stack) = self.stack.take() {
            stack.stop();
        }
    }
}
