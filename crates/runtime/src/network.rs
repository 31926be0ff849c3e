//! The network stack: functions and class of `packages/native/src/network.ts`.

use crate::network_events::NetworkEvent;
use crate::network_policy::{PolicyVerdict, read_question};
use crate::{error, sys};
use msb_netstack::Netstack;
use msb_netstack::address::{AddressRequest, Addresses};
use msb_netstack::index::HostnameInsert;
use msb_netstack::wire::StackOptions;
use napi::bindgen_prelude::{AsyncTask, Function, JsObjectValue, Object, Uint8Array, Unknown};
use napi::threadsafe_function::ThreadsafeFunctionCallMode;
use napi::{Env, Error, Task};
use napi_derive::napi;
use std::net::{IpAddr, SocketAddr};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, OnceLock, PoisonError, Weak};
use std::time::Duration;

/// Names and addresses of one DNS answer.
#[napi(object, object_to_js = false)]
pub struct HostnameEntry {
    pub name: String,
    pub family: u32,
    pub addresses: Vec<String>,
    pub ttl: f64,
}

/// A guest port that the host listens for.
#[napi(object, object_to_js = false)]
pub struct PublishedPort {
    pub protocol: String,
    pub host_bind: String,
    pub host_port: u16,
    pub guest_port: u16,
}

/// Totals since the start, and what is live now.
#[napi(object, object_from_js = false)]
pub struct NetworkCounters {
    pub frames_from_guest: f64,
    pub bytes_from_guest: f64,
    pub frames_to_guest: f64,
    pub bytes_to_guest: f64,
    pub frames_dropped: f64,
    pub tcp_opened: f64,
    pub tcp_refused: f64,
    pub dns_queries: f64,
    pub tcp_live: f64,
    pub udp_live: f64,
}

#[napi]
pub fn network_addresses<'env>(env: &'env Env, request: Object) -> napi::Result<Unknown<'env>> {
    let request: AddressRequest = env.from_js_value(request)?;
    env.to_js_value(&Addresses::derive(&request).map_err(reason)?)
}

/// Owner of a stack's thread; [`NetworkStack::stop`] lets go of it.
#[napi]
pub struct NetworkStack {
    stack: Mutex<Option<Arc<Netstack>>>,
}

#[napi]
pub fn start_network(
    env: Env,
    options: Object,
    on_events: Function<Vec<NetworkEvent>, ()>,
) -> napi::Result<NetworkStack> {
    let frame_fd: i32 = options.get_named_property("frameFd")?;
    let options: StackOptions = env.from_js_value(options)?;
    // The callback asks the stack for its events, and the stack is made with the callback.
    let made: Arc<OnceLock<Weak<Netstack>>> = Arc::default();
    let source = made.clone();
    let callback = on_events
        .build_threadsafe_function::<()>()
        .build_callback(move |_| {
            let events = source
                .get()
                .and_then(Weak::upgrade)
                .map(|stack| stack.take_events());
            let events = events.unwrap_or_default().into_iter();
            Ok(events.map(NetworkEvent::from).collect::<Vec<_>>())
        })?;
    let frames = sys::own(frame_fd).map_err(|e| error::system("fcntl", &e))?;
    let stack = Netstack::start(options, frames, move || {
        callback.call((), ThreadsafeFunctionCallMode::NonBlocking);
    });
    let stack = Arc::new(stack.map_err(reason)?);
    let _ = made.set(Arc::downgrade(&stack));
    Ok(NetworkStack {
        stack: Mutex::new(Some(stack)),
    })
}

#[napi]
impl NetworkStack {
    #[napi]
    pub fn close(&self, stream: u32) {
        self.with(|stack| stack.close(stream));
    }

    #[napi]
    pub fn reset(&self, stream: u32) {
        self.with(|stack| stack.reset(stream));
    }

    #[napi]
    pub fn splice(&self, stream: u32) {
        self.with(|stack| stack.splice(stream));
    }

    #[napi]
    pub fn respond(
        &self,
        query: u32,
        response: Option<Uint8Array>,
        inserts: Vec<HostnameEntry>,
    ) -> napi::Result<()> {
        let inserts = read_inserts(inserts)?;
        self.with(|stack| stack.respond(query, response.map(|r| r.to_vec()), inserts));
        Ok(())
    }

    #[napi]
    pub fn insert_hostnames(&self, inserts: Vec<HostnameEntry>) -> napi::Result<()> {
        let inserts = read_inserts(inserts)?;
        self.with(|stack| stack.insert_hostnames(inserts));
        Ok(())
    }

    #[napi]
    pub fn hostnames_of(&self, address: String) -> napi::Result<Vec<String>> {
        let address = read_address(&address)?;
        Ok(self
            .with(|stack| stack.names_of(address))
            .unwrap_or_default())
    }

    #[napi]
    pub fn evaluate(
        &self,
        env: Env,
        question: Object,
        report: Option<bool>,
    ) -> napi::Result<PolicyVerdict> {
        let question = read_question(env, question)?;
        let judged = self.with(|stack| stack.evaluate(&question, report.unwrap_or(false)));
        let judged = judged.ok_or_else(stopped)?;
        Ok(PolicyVerdict::new(judged.verdict, judged.allow_rule))
    }

    #[napi]
    pub fn set_policy(&self, policy_json: String) -> napi::Result<()> {
        self.with(|stack| stack.set_policy(&policy_json))
            .transpose()
            .map_err(reason)?;
        Ok(())
    }

    #[napi]
    pub fn publish(&self, port: PublishedPort) -> napi::Result<u16> {
        let bind = SocketAddr::new(read_address(&port.host_bind)?, port.host_port);
        let published = self.with(|stack| match port.protocol.as_str() {
            "udp" => stack.publish_udp(bind, port.guest_port),
            _ => stack.publish_tcp(bind, port.guest_port),
        });
        published.ok_or_else(stopped)?.map_err(reason)
    }

    #[napi]
    pub fn counters(&self) -> NetworkCounters {
        let read = |counter: fn(&msb_netstack::Counters) -> &AtomicU64| {
            let value = |stack: &Netstack| counter(stack.counters()).load(Ordering::Relaxed);
            self.with(value).unwrap_or(0) as f64
        };
        NetworkCounters {
            frames_from_guest: read(|c| &c.frames_from_guest),
            bytes_from_guest: read(|c| &c.bytes_from_guest),
            frames_to_guest: read(|c| &c.frames_to_guest),
            bytes_to_guest: read(|c| &c.bytes_to_guest),
            frames_dropped: read(|c| &c.frames_dropped),
            tcp_opened: read(|c| &c.tcp_opened),
            tcp_refused: read(|c| &c.tcp_refused),
            dns_queries: read(|c| &c.dns_queries),
            tcp_live: read(|c| &c.tcp_live),
            udp_live: read(|c| &c.udp_live),
        }
    }

    #[napi(ts_return_type = "Promise<void>")]
    pub fn stop(&self) -> AsyncTask<Stopping> {
        let taken = self
            .stack
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .take();
        AsyncTask::new(Stopping(taken))
    }

    /// None once the stack was stopped.
    fn with<T>(&self, act: impl FnOnce(&Netstack) -> T) -> Option<T> {
        let stack = self.stack.lock().unwrap_or_else(PoisonError::into_inner);
        stack.as_deref().map(act)
    }
}

/// Waits for a stack's thread off the event loop.
pub struct Stopping(Option<Arc<Netstack>>);

impl Task for Stopping {
    type Output = ();
    type JsValue = ();

    fn compute(&mut self) -> napi::Result<()> {
        if let Some(stack) = self.0.take() {
            stack.stop();
        }
        Ok(())
    }

    fn resolve(&mut self, _: Env, (): ()) -> napi::Result<()> {
        Ok(())
    }
}

fn read_inserts(entries: Vec<HostnameEntry>) -> napi::Result<Vec<HostnameInsert>> {
    let read = |entry: HostnameEntry| {
        let addresses = entry.addresses.iter().map(|text| read_address(text));
        Ok(HostnameInsert {
            name: entry.name,
            ipv6: entry.family == 6,
            addresses: addresses.collect::<napi::Result<_>>()?,
            ttl: Duration::try_from_secs_f64(entry.ttl).unwrap_or_default(),
        })
    };
    entries.into_iter().map(read).collect()
}

fn read_address(text: &str) -> napi::Result<IpAddr> {
    text.parse()
        .map_err(|_| Error::from_reason(format!("invalid IP address `{text}`")))
}

fn stopped() -> Error {
    Error::from_reason("the network stack was stopped")
}

fn reason(error: impl std::fmt::Display) -> Error {
    Error::from_reason(error.to_string())
}
