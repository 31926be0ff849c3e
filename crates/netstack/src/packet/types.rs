use std::net::{IpAddr, SocketAddr};

/// A whole UDP datagram from the guest.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Datagram<'a> {
    pub source: SocketAddr,
    pub destination: SocketAddr,
    /// No router may cut it up: the guest wants to hear what fits.
    pub whole: bool,
    pub payload: &'a [u8],
}

/// An echo request from the guest.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Echo<'a> {
    pub source: IpAddr,
    pub destination: IpAddr,
    pub identifier: u16,
    pub sequence: u16,
    pub data: &'a [u8],
}

/// What says that fragments belong together.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct FragmentKey {
    pub source: IpAddr,
    pub destination: IpAddr,
    pub identification: u32,
}

/// A piece of a UDP datagram.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Fragment<'a> {
    pub key: FragmentKey,
    /// Bytes from the start of the datagram, UDP header included.
    pub offset: usize,
    pub more: bool,
    pub payload: &'a [u8],
}

/// What a segment without data acknowledges, and the window that it announces, not scaled.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Acknowledgement {
    pub number: u32,
    pub window: u16,
}

/// What matters of a TCP segment before the stack has it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Segment {
    pub source: SocketAddr,
    pub destination: SocketAddr,
    /// SYN without ACK.
    pub opens: bool,
    /// What it says when it does nothing but acknowledge.
    pub acknowledgement: Option<Acknowledgement>,
}

/// What to do with a frame.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Class<'a> {
    /// ARP, neighbour discovery: the stack's business.
    Stack,
    Tcp(Segment),
    Udp(Datagram<'a>),
    Fragment(Fragment<'a>),
    Echo(Echo<'a>),
    /// Malformed, spoofed, or of a kind that nobody serves.
    Drop,
}
