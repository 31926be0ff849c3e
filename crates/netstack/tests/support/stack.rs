use super::Guest;
use msb_netstack::Netstack;
use msb_netstack::address::{AddressRequest, Addresses, Families};
use msb_netstack::event::Event;
use msb_netstack::wire::StackOptions;
use std::os::unix::net::UnixStream;
use std::sync::Mutex;
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

/// A stack whose events are collected.
pub struct TestStack {
    pub stack: Netstack,
    seen: Mutex<Vec<Event>>,
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
        let seen = Mutex::default();
        (TestStack { stack, seen }, guest)
    }

    pub fn with_policy(policy: &str) -> (TestStack, Guest) {
        TestStack::start(options(policy))
    }

    /// New events, also kept for [`Self::all`].
    pub fn events(&self) -> Vec<Event> {
        let events = self.stack.take_events();
        self.seen.lock().unwrap().extend(events.iter().cloned());
        events
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

    /// Everything seen so far.
    pub fn all(&self) -> Vec<Event> {
        self.events();
        self.seen.lock().unwrap().clone()
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
