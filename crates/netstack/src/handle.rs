//! The owner's side of a running stack.

use crate::command::Command;
use crate::core::{Core, Settings};
use crate::event::{Event, EventQueue};
use crate::frame::{FrameReader, FrameWriter};
use crate::index::HostnameInsert;
use crate::net::Net;
use crate::packet::{Emitter, Reassembly};
use crate::pings::Pings;
use crate::policy::{Policy, PolicyError, Question};
use crate::queries::Queries;
use crate::rate::Limiter;
use crate::shared::{Counters, Judgement, Shared, lock};
use crate::stack::{Schedule, Stack};
use crate::tcp::{Flows, Listeners};
use crate::token::Owner;
use crate::udp::Udp;
use crate::wire::{HARD_MAX_CONNECTIONS, StackOptions};
use mio::net::UnixStream;
use mio::{Interest, Poll, Waker};
use std::hash::{BuildHasher, RandomState};
use std::io;
use std::net::{IpAddr, SocketAddr, TcpListener, UdpSocket};
use std::os::fd::OwnedFd;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Mutex};
use std::thread::{self, JoinHandle};
use std::time::Instant;

#[derive(Debug, thiserror::Error)]
pub enum StackError {
    #[error(transparent)]
    Policy(#[from] PolicyError),
    #[error("max_connections {0} exceeds hard limit {HARD_MAX_CONNECTIONS}")]
    Connections(usize),
    #[error("network stack: {0}")]
    System(#[from] io::Error),
    #[error("the guest has no address")]
    NoAddress,
}

/// A stack on a thread of its own. Dropping it ends the thread.
pub struct Netstack {
    shared: Arc<Shared>,
    waker: Arc<Waker>,
    thread: Mutex<Option<JoinHandle<()>>>,
    has_ipv4: bool,
    has_ipv6: bool,
}

impl Netstack {
    /// Starts the thread. `tell` is called when events wait, see [`EventQueue::new`].
    pub fn start(
        options: StackOptions,
        frames: OwnedFd,
        tell: impl Fn() + Send + Sync + 'static,
    ) -> Result<Netstack, StackError> {
        if options.limits.max_connections > HARD_MAX_CONNECTIONS {
            return Err(StackError::Connections(options.limits.max_connections));
        }
        let policy = Policy::from_json(&options.policy_json)?;
        let platform = options.platform_policy_json.as_deref();
        let platform = platform.map(Policy::from_json).transpose()?;
        let gateways = options.addresses.gateways();
        let shared = Shared::new(EventQueue::new(tell), gateways, policy, platform);
        let shared = Arc::new(shared);
        let (has_ipv4, has_ipv6) = (
            options.addresses.ipv4.is_some(),
            options.addresses.ipv6.is_some(),
        );
        let (stack, waker) = assemble(options, frames, shared.clone())?;
        let builder = thread::Builder::new().name("msb-netstack".into());
        let witness = shared.clone();
        let thread = builder.spawn(move || {
            // The owner must hear of it even when the thread dies of a mistake in this crate or below.
            if catch_unwind(AssertUnwindSafe(|| stack.run())).is_err() {
                let reason = Some("internal error".to_owned());
                witness.events.push(Event::Stopped(reason));
                witness.events.announce();
            }
        })?;
        Ok(Netstack {
            shared,
            waker: Arc::new(waker),
            thread: Mutex::new(Some(thread)),
            has_ipv4,
            has_ipv6,
        })
    }

    /// Events since the last call.
    pub fn take_events(&self) -> Vec<Event> {
        self.shared.events.take()
    }

    /// The owner wants no more of a stream, whose end it is about to close.
    pub fn close(&self, stream: u32) {
        self.send(Command::Close { stream });
    }

    /// Resets the guest's connection. Before the owner closes its end.
    pub fn reset(&self, stream: u32) {
        self.send(Command::Reset { stream });
    }

    /// Gives a stream back, whose end the owner is about to close.
    pub fn splice(&self, stream: u32) {
        self.send(Command::Splice { stream });
    }

    /// The index knows the names before the response can reach the guest.
    pub fn respond(&self, query: u32, response: Option<Vec<u8>>, inserts: Vec<HostnameInsert>) {
        self.shared.insert_hostnames(inserts);
        self.send(Command::Respond { query, response });
    }

    pub fn insert_hostnames(&self, inserts: Vec<HostnameInsert>) {
        self.shared.insert_hostnames(inserts);
    }

    pub fn names_of(&self, address: IpAddr) -> Vec<String> {
        self.shared.names_of(address)
    }

    pub fn evaluate(&self, question: &Question, report: bool) -> Judgement {
        let judgement = self.shared.judge(question, report);
        self.shared.events.announce();
        judgement
    }

    pub fn set_policy(&self, json: &str) -> Result<(), StackError> {
        Ok(self.shared.set_policy(json)?)
    }

    /// Listens now; returns the port.
    pub fn publish_tcp(&self, bind: SocketAddr, guest_port: u16) -> Result<u16, StackError> {
        if !self.has_ipv4 && !self.has_ipv6 {
            return Err(StackError::NoAddress);
        }
        let listener = TcpListener::bind(bind)?;
        listener.set_nonblocking(true)?;
        let port = listener.local_addr()?.port();
        self.send(Command::PublishTcp {
            listener,
            guest_port,
        });
        Ok(port)
    }

    /// Binds now; returns the port.
    pub fn publish_udp(&self, bind: SocketAddr, guest_port: u16) -> Result<u16, StackError> {
        if !(if bind.is_ipv4() {
            self.has_ipv4
        } else {
            self.has_ipv6
        }) {
            return Err(StackError::NoAddress);
        }
        let socket = UdpSocket::bind(bind)?;
        socket.set_nonblocking(true)?;
        let port = socket.local_addr()?.port();
        self.send(Command::PublishUdp { socket, guest_port });
        Ok(port)
    }

    pub fn counters(&self) -> &Counters {
        &self.shared.counters
    }

    /// Ends the thread and waits for it.
    pub fn stop(&self) {
        self.send(Command::Stop);
        if let Some(thread) = lock(&self.thread).take() {
            let _ = thread.join();
        }
    }

    fn send(&self, command: Command) {
        self.shared.send(command);
        let _ = self.waker.wake();
    }
}

impl Drop for Netstack {
    fn drop(&mut self) {
        self.send(Command::Stop);
    }
}

fn assemble(
    options: StackOptions,
    frames: OwnedFd,
    shared: Arc<Shared>,
) -> io::Result<(Stack, Waker)> {
    let poll = Poll::new()?;
    let waker = Waker::new(poll.registry(), Owner::Wake.token())?;
    let frames = std::os::unix::net::UnixStream::from(frames);
    frames.set_nonblocking(true)?;
    let mut stream = UnixStream::from_std(frames);
    poll.registry()
        .register(&mut stream, Owner::Frames.token(), Interest::READABLE)?;
    let now = Instant::now();
    let rates = options.rate_limiter.unwrap_or_default();
    let out = FrameWriter::new(Limiter::new(rates.ingress.unwrap_or_default(), now));
    let settings = Settings::new(options);
    // Initial sequence numbers must not be guessable.
    let seed = RandomState::new().hash_one(std::process::id());
    let stack = Stack {
        stream,
        reader: FrameReader::new(),
        egress: Limiter::new(rates.egress.unwrap_or_default(), now),
        net: Net::new(&settings.addresses, out, seed),
        emitter: Emitter::new(&settings.addresses),
        fragments: Reassembly::new(),
        flows: Flows::default(),
        listeners: Listeners::default(),
        udp: Udp::new(),
        pings: Pings::default(),
        schedule: Schedule::new(now),
        core: Core {
            shared,
            registry: poll.registry().try_clone()?,
            queries: Queries::new(settings.limits.max_dns_queries),
            settings,
            now,
        },
        poll,
    };
    Ok((stack, waker))
}
