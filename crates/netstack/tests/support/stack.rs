use super::Guest;
use msb_netstack::Netstack;
use msb_netstack::address::{AddressRequest, Addresses, Families};
use msb_netstack::event::Event;
use msb_netstack::wire::StackOptions;
use std::os::unix::net::UnixStream;
use std::time::{Duration, Instant};

/// Options with a policy, for slot 1 with both families.
pub fn options(policy: &str) -> StackOptions {
    let addresses = Addresses::derive(&AddressRequest {
        slot: 1,
        families: Some(Families {
            ipv4: true,
            ipv6: true,
        }),
        ..AddressRequest::default()
    });
    serde_json::from_value(serde_json::json!({
        "addresses": addresses.unwrap(),
        "policyJson": policy,
    }))
    .unwrap()
}

/// A stack and how it is asked for its events.
pub struct TestStack {
    pub stack: Netstack,
}

impl TestStack {
    pub fn start(options: StackOptions) -> (TestStack, Guest) {
        let mtu = options.addresses.mtu.into();
        TestStack::with_route_mtu(options, mtu)
    }

    pub fn with_route_mtu(options: StackOptions, mtu: usize) -> (TestStack, Guest) {
        let (host, guest) = UnixStream::pair().unwrap();
        let guest = Guest::new(guest, &options.addresses, mtu);
        let stack = Netstack::start(options, host.into(), || {}).unwrap();
        (TestStack { stack }, guest)
    }

    pub fn with_policy(policy: &str) -> (TestStack, Guest) {
        TestStack::start(options(policy))
    }

    /// Events since the last call.
    pub fn events(&self) -> Vec<Event> {
        self.stack.take_events()
    }

    /// Turns the guest until an event fits.
    #[track_caller]
    pub fn event<T>(&self, guest: &mut Guest, mut pick: impl FnMut(Event) -> Option<T>) -> T {
        let mut found = None;
        guest.until("event", |_| {
            for event in self.events() {
                if found.is_none() {
                    found = pick(event);
                }
            }
            found.is_some()
        });
        found.unwrap()
    }

    pub fn live(&self) -> u64 {
        self.stack
            .counters()
            .tcp_live
            .load(std::sync::atomic::Ordering::Relaxed)
    }
}

/// Waits for a condition outside of the guest; fails after 20 s.
#[track_caller]
pub fn wait_until(what: &str, mut condition: impl FnMut() -> bool) {
    let deadline = Instant::now() + Duration::from_secs(20);
    while !condition() {
        assert!(Instant::now() < deadline, "timed out: {what}");
        std::thread::sleep(Duration::from_millis(1));
    }
}
