//! What the host knows of how big a datagram may be on its way (spec: network 6.2). Only Linux says.

use mio::net::UdpSocket;
use rustix::io::Errno;
use std::io;

/// Whether an error says that a datagram was too big, here or further on.
pub fn is_too_big(error: &io::Error) -> bool {
    Errno::from_io_error(error) == Some(Errno::MSGSIZE)
}

/// Sets whether datagrams of a socket may be cut up on their way, as those of the guest may or may not.
#[cfg(target_os = "linux")]
pub fn keep_whole(socket: &UdpSocket, whole: bool) -> io::Result<()> {
    use rustix::net::sockopt::{self, Ipv4PathMtuDiscovery, Ipv6PathMtuDiscovery};
    match (socket.local_addr()?.is_ipv4(), whole) {
        (true, true) => sockopt::set_ip_mtu_discover(socket, Ipv4PathMtuDiscovery::DO),
        (true, false) => sockopt::set_ip_mtu_discover(socket, Ipv4PathMtuDiscovery::WANT),
        (false, true) => sockopt::set_ipv6_mtu_discover(socket, Ipv6PathMtuDiscovery::DO),
        (false, false) => sockopt::set_ipv6_mtu_discover(socket, Ipv6PathMtuDiscovery::WANT),
    }?;
    Ok(())
}

/// MTU of the way to the peer of a connected socket.
#[cfg(target_os = "linux")]
pub fn path_mtu(socket: &UdpSocket) -> io::Result<u32> {
    use rustix::net::sockopt;
    let mtu = match socket.local_addr()?.is_ipv4() {
        true => sockopt::ip_mtu(socket),
        false => sockopt::ipv6_mtu(socket),
    }?;
    Ok(mtu)
}

#[cfg(not(target_os = "linux"))]
pub fn keep_whole(_: &UdpSocket, _: bool) -> io::Result<()> {
    Ok(())
}

#[cfg(not(target_os = "linux"))]
pub fn path_mtu(_: &UdpSocket) -> io::Result<u32> {
    Err(io::ErrorKind::Unsupported.into())
}
