//! Addresses and routes as the host says; nothing is asked for (protocol section 14.4).

use std::fs;
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use msb_protocol::payload::BootstrapNetwork;

use super::error::{Context, InitError};
use super::netlink::{Netlink, Request};

/// Brings the loopback up, and the network card where there is one.
///
/// # Errors
/// [`InitError`] naming the step.
pub fn configure(network: Option<&BootstrapNetwork>) -> Result<(), InitError> {
    let mut netlink = Netlink::open().context("open netlink")?;
    configure_loopback(&mut netlink)?;
    network.map_or(Ok(()), |network| configure_card(&mut netlink, network))
}

fn configure_loopback(netlink: &mut Netlink) -> Result<(), InitError> {
    let index = index_of("lo")?;
    netlink
        .send(&Request::link_up(index))
        .context("bring lo up")?;
    let ipv4 = Request::add_address(index, Ipv4Addr::LOCALHOST.into(), 8);
    unless_present(netlink.send(&ipv4)).context("add 127.0.0.1/8")?;
    let ipv6 = Request::add_address(index, Ipv6Addr::LOCALHOST.into(), 128);
    unless_present(netlink.send(&ipv6)).context("add ::1/128")
}

/// The kernel itself gives the loopback its addresses; a kernel without IPv6 has none to give.
fn unless_present(result: io::Result<()>) -> io::Result<()> {
    match result.as_ref().map_err(io::Error::raw_os_error) {
        Err(Some(libc::EEXIST | libc::EAFNOSUPPORT | libc::EOPNOTSUPP)) => Ok(()),
        _ => result,
    }
}

fn configure_card(netlink: &mut Netlink, network: &BootstrapNetwork) -> Result<(), InitError> {
    let card = &network.interface;
    let index = index_of(card)?;
    netlink
        .send(&Request::configure_link(index, network.mac, network.mtu))
        .context(format_args!("set address and MTU of {card}"))?;
    let ipv4 = network
        .ipv4
        .as_ref()
        .map(|ip| (ip.address.into(), ip.prefix_len, ip.gateway.into()));
    let ipv6 = network
        .ipv6
        .as_ref()
        .map(|ip| (ip.address.into(), ip.prefix_len, ip.gateway.into()));
    let families: Vec<(IpAddr, u8, IpAddr)> = ipv4.into_iter().chain(ipv6).collect();
    for (address, prefix_len, _) in &families {
        netlink
            .send(&Request::add_address(index, *address, *prefix_len))
            .context(format_args!("add {address}/{prefix_len} to {card}"))?;
    }
    netlink
        .send(&Request::link_up(index))
        .context(format_args!("bring {card} up"))?;
    let mtu = network.route_mtu;
    for (_, _, gateway) in &families {
        // Without an MTU of its own the address's route does.
        if mtu.is_some() {
            netlink
                .send(&Request::gateway_route(index, *gateway, mtu))
                .context(format_args!("route packets for {gateway}"))?;
        }
        netlink
            .send(&Request::default_route(index, *gateway, mtu))
            .context(format_args!("route everything to {gateway}"))?;
    }
    Ok(())
}

fn index_of(card: &str) -> Result<u32, InitError> {
    let path = format!("/sys/class/net/{card}/ifindex");
    let text = fs::read_to_string(&path).context(format_args!("find network card {card}"))?;
    text.trim()
        .parse()
        .map_err(io::Error::other)
        .context(format_args!("read {path}"))
}
