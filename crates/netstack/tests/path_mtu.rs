//! Datagrams that are too big for their way, in networks of the tests' own.

#![allow(clippy::unwrap_used)]

mod support;

use msb_netstack::address::Addresses;
use smoltcp::wire::{Icmpv4Packet, Icmpv6Packet, Ipv4Packet, Ipv6Packet, UdpPacket};
use std::net::{IpAddr, SocketAddr, UdpSocket};
use std::process::{Child, Command, Stdio};
use std::time::Duration;
use support::{ALLOW_ALL, Guest, TestStack, guest_ip, udp_fragments, udp_frame, wait_until};

const GUEST_PORT: u16 = 5000;

/// Runs the test of this name by itself in a new network; true there, where the test is to go on.
fn in_own_network(test: &str) -> bool {
    const MARK: &str = "MSB_TEST_OWN_NETWORK";
    if std::env::var_os(MARK).is_some() {
        return true;
    }
    let possible = Command::new("unshare").args(["--net", "true"]).status();
    if !possible.is_ok_and(|status| status.success()) {
        eprintln!("{test}: skipped: making a network namespace takes root and unshare");
        return false;
    }
    let status = Command::new("unshare")
        .args(["--net", "--"])
        .arg(std::env::current_exe().unwrap())
        .args(["--exact", test, "--nocapture"])
        .env(MARK, "1")
        .status();
    assert!(status.unwrap().success());
    false
}

fn send(guest: &mut Guest, frame: &[u8]) {
    guest.wire.send(frame);
    guest.wire.pump();
}

#[track_caller]
fn sh(script: &str) {
    let status = Command::new("sh").args(["-ec", script]).status().unwrap();
    assert!(status.success(), "{script}");
}

/// The MTU that the next frame tells, which must be about a datagram of the guest's to this address.
#[track_caller]
fn told_mtu(guest: &mut Guest, who: &Addresses, to: SocketAddr, length: usize) -> u32 {
    let mut frame = None;
    wait_until("too big", || {
        guest.wire.pump();
        frame = guest.wire.frames.pop_front();
        frame.is_some()
    });
    let frame = frame.unwrap();
    let (mtu, quoted) = match to.ip() {
        IpAddr::V4(address) => {
            let packet = Ipv4Packet::new_checked(&frame[14..]).unwrap();
            assert!(packet.verify_checksum());
            assert_eq!(
                (packet.src_addr(), IpAddr::V4(packet.dst_addr())),
                (address, guest_ip(who, to.ip()))
            );
            let icmp = packet.payload();
            assert!(Icmpv4Packet::new_checked(icmp).unwrap().verify_checksum());
            assert_eq!(icmp[..2], [3, 4]);
            let inner = Ipv4Packet::new_unchecked(&icmp[8..]);
            assert!(inner.verify_checksum());
            assert_eq!(usize::from(inner.total_len()), 28 + length);
            assert_eq!(
                (IpAddr::V4(inner.src_addr()), inner.dst_addr()),
                (guest_ip(who, to.ip()), address)
            );
            (
                u32::from(u16::from_be_bytes([icmp[6], icmp[7]])),
                &icmp[28..],
            )
        }
        IpAddr::V6(address) => {
            let packet = Ipv6Packet::new_checked(&frame[14..]).unwrap();
            assert_eq!(
                (packet.src_addr(), IpAddr::V6(packet.dst_addr())),
                (address, guest_ip(who, to.ip()))
            );
            let icmp = Icmpv6Packet::new_checked(packet.payload()).unwrap();
            assert!(icmp.verify_checksum(&packet.src_addr(), &packet.dst_addr()));
            assert_eq!(packet.payload()[..2], [2, 0]);
            let inner = Ipv6Packet::new_unchecked(&packet.payload()[8..]);
            assert_eq!(
                (IpAddr::V6(inner.src_addr()), inner.dst_addr()),
                (guest_ip(who, to.ip()), address)
            );
            (icmp.pkt_too_big_mtu(), &packet.payload()[48..])
        }
    };
    let udp = UdpPacket::new_unchecked(quoted);
    assert_eq!((udp.src_port(), udp.dst_port()), (GUEST_PORT, to.port()));
    mtu
}

#[test]
fn the_guest_hears_what_the_hosts_own_link_takes() {
    if !in_own_network("the_guest_hears_what_the_hosts_own_link_takes") {
        return;
    }
    sh("ip link set lo up mtu 1300");
    for address in ["127.0.0.1:0", "[::1]:0"] {
        let server = UdpSocket::bind(address).unwrap();
        server
            .set_read_timeout(Some(Duration::from_secs(20)))
            .unwrap();
        let (_stack, mut guest) = TestStack::with_policy(ALLOW_ALL);
        let who = guest.addresses.clone();
        let gateway: IpAddr = match server.local_addr().unwrap() {
            SocketAddr::V4(_) => who.ipv4.unwrap().gateway.into(),
            SocketAddr::V6(_) => who.ipv6.unwrap().gateway.into(),
        };
        let to = SocketAddr::new(gateway, server.local_addr().unwrap().port());
        let mut buffer = [0; 65536];
        for size in [1400, 1200] {
            send(&mut guest, &udp_frame(&who, GUEST_PORT, to, &vec![7; size]));
            if size == 1400 {
                assert_eq!(told_mtu(&mut guest, &who, to, size), 1300);
            }
        }
        assert_eq!(server.recv(&mut buffer).unwrap(), 1200);
        // What came in pieces may go in pieces.
        for piece in udp_fragments(&who, GUEST_PORT, to, &[7; 3000], 1448) {
            send(&mut guest, &piece);
        }
        assert_eq!(server.recv(&mut buffer).unwrap(), 3000);
    }
}

/// A process whose network is a router, ended with this.
struct Router(Child);

impl Router {
    /// A router behind `near0` (1500) with a link of 1300 bytes to 10.9.1.0/24 and fd09:1::/64.
    fn start() -> Router {
        let mut sleep = Command::new("unshare");
        let child = sleep
            .args(["--net", "sleep", "120"])
            .stdin(Stdio::null())
            .spawn()
            .unwrap();
        let network = |process: &str| std::fs::read_link(format!("/proc/{process}/ns/net")).ok();
        let id = child.id();
        wait_until("router", || network(&id.to_string()) != network("self"));
        sh(&format!(
            "ip link set lo up
            ip link add near0 type veth peer name near1 netns {id}
            ip address add 10.9.0.1/24 dev near0
            ip -6 address add fd09::1/64 dev near0 nodad
            ip link set near0 up
            nsenter --target {id} --net sh -ec '
                ip address add 10.9.0.2/24 dev near1
                ip -6 address add fd09::2/64 dev near1 nodad
                ip link set near1 up
                ip link add far type veth peer name beyond
                ip link set beyond up
                ip link set far mtu 1300 up
                ip address add 10.9.1.1/24 dev far
                ip -6 address add fd09:1::1/64 dev far nodad
                echo 1 > /proc/sys/net/ipv4/ip_forward
                echo 1 > /proc/sys/net/ipv6/conf/all/forwarding'
            ip route add 10.9.1.0/24 via 10.9.0.2
            ip -6 route add fd09:1::/64 via fd09::2"
        ));
        Router(child)
    }
}

impl Drop for Router {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[test]
fn the_guest_hears_what_a_router_further_on_takes() {
    if !in_own_network("the_guest_hears_what_a_router_further_on_takes") {
        return;
    }
    let _router = Router::start();
    let (_stack, mut guest) = TestStack::with_policy(ALLOW_ALL);
    let who = guest.addresses.clone();
    for to in ["10.9.1.5:9", "[fd09:1::5]:9"] {
        let to: SocketAddr = to.parse().unwrap();
        send(&mut guest, &udp_frame(&who, GUEST_PORT, to, &[7; 1400]));
        assert_eq!(told_mtu(&mut guest, &who, to, 1400), 1300);
        // The host knows now, and says so itself.
        send(&mut guest, &udp_frame(&who, GUEST_PORT, to, &[7; 1350]));
        assert_eq!(told_mtu(&mut guest, &who, to, 1350), 1300);
    }
}

#[test]
fn a_closed_port_is_silence_and_costs_no_datagram_after_it() {
    if !in_own_network("a_closed_port_is_silence_and_costs_no_datagram_after_it") {
        return;
    }
    sh("ip link set lo up");
    let (_stack, mut guest) = TestStack::with_policy(ALLOW_ALL);
    let who = guest.addresses.clone();
    let to = guest.gateway(4000);
    // Port unreachable, like all but the size of the way, is not told (spec: network 7).
    send(&mut guest, &udp_frame(&who, GUEST_PORT, to, b"nobody"));
    assert!(guest.frames_within(Duration::from_millis(200)).is_empty());
    let server = UdpSocket::bind("127.0.0.1:4000").unwrap();
    server
        .set_read_timeout(Some(Duration::from_secs(20)))
        .unwrap();
    send(&mut guest, &udp_frame(&who, GUEST_PORT, to, b"somebody"));
    let mut buffer = [0; 64];
    assert_eq!(server.recv(&mut buffer).unwrap(), b"somebody".len());
}
