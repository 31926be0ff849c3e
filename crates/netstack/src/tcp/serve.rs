use super::dial::{Dial, Dialled};
use super::dns::DnsConnection;
use super::drain::Drain;
use super::flow::{Flow, Stage};
use super::host_socket::HostSocket;
use super::peek::{Decision, Peek};
use super::splice::{Progress, Splice};
use super::stream::Stream;
use crate::core::Core;
use crate::event::{Event, StreamKind};
use smoltcp::socket::tcp::{Socket, State};
use std::time::Duration;

/// A guest that does not finish a handshake is given up.
const HANDSHAKE: Duration = Duration::from_secs(10);
const DNS_PORT: u16 = 53;
const DNS_TLS_PORT: u16 = 853;

/// Does for a connection what can be done now; goes on through stages as long as they change.
pub fn serve(flow: &mut Flow, guest: &mut Socket, core: &mut Core) {
    if was_reset(flow, guest) {
        abandon(flow, core);
        return;
    }
    let handshaking = matches!(flow.stage, Stage::Opening { .. } | Stage::Entering(_));
    let unfinished = matches!(guest.state(), State::SynSent | State::SynReceived);
    if handshaking && unfinished && core.now.duration_since(flow.opened) >= HANDSHAKE {
        guest.abort();
        abandon(flow, core);
        return;
    }
    loop {
        let stage = std::mem::replace(&mut flow.stage, Stage::Dead);
        let (stage, moved) = step(stage, flow, guest, core);
        flow.stage = stage;
        if !moved {
            return;
        }
    }
}

/// The guest reset the connection, or it never came about.
fn was_reset(flow: &Flow, guest: &Socket) -> bool {
    let ended = matches!(guest.state(), State::Closed | State::Listen);
    ended && !flow.guest_finished && !flow.is_over()
}

/// Drops what belongs to a connection whose guest side is gone; a host peer sees a reset.
pub fn abandon(flow: &mut Flow, core: &Core) {
    match std::mem::replace(&mut flow.stage, Stage::Dead) {
        Stage::Spliced(splice) => splice.host.reset(),
        Stage::Entering(peer) => HostSocket::new(peer).reset(),
        Stage::HandedUp(stream) => tell_of_reset(flow.id, stream, core),
        _ => {}
    }
}

fn tell_of_reset(id: u32, stream: Stream, core: &Core) {
    core.shared.events.push(Event::Closed {
        stream: id,
        reset: true,
        held: Some(stream.into_end()),
    });
}

fn tell_of_end(stream: u32, core: &Core) {
    core.shared.events.push(Event::Closed {
        stream,
        reset: false,
        held: None,
    });
}

/// The next stage, and whether it is another one.
fn step(stage: Stage, flow: &Flow, guest: &mut Socket, core: &mut Core) -> (Stage, bool) {
    match stage {
        Stage::Opening { deferred } => {
            if matches!(guest.state(), State::Listen | State::SynReceived) {
                return (stage, false);
            }
            (first_stage(deferred, flow, guest, core), true)
        }
        Stage::Entering(peer) => {
            if matches!(guest.state(), State::SynSent | State::SynReceived) {
                return (Stage::Entering(peer), false);
            }
            (
                Stage::Spliced(Splice::new(HostSocket::new(peer), Vec::new())),
                true,
            )
        }
        Stage::Peeking(peek) => match peek.decide(guest, flow.tuple.remote, core) {
            Decision::Wait => (Stage::Peeking(peek), false),
            Decision::Refuse => (drain(guest, core), true),
            Decision::Dial => (dial(flow, guest, Vec::new(), core), true),
            Decision::HandUp(kind, name) => (hand_up(flow, guest, kind, name, core), true),
        },
        Stage::Dialling(dial) => match dial.progress(core, flow.id) {
            Dialled::Waiting(dial) => (Stage::Dialling(dial), false),
            Dialled::Connected(host, replay) => (Stage::Spliced(Splice::new(host, replay)), true),
            Dialled::Failed => (reset(guest), false),
        },
        Stage::Spliced(mut splice) => match splice.pump(guest) {
            Ok(Progress::Open) => (Stage::Spliced(splice), false),
            Ok(Progress::Finished) => (drain(guest, core), true),
            Err(_) => (reset(guest), false),
        },
        Stage::HandedUp(mut stream) => {
            if stream.pump(guest, &core.shared) {
                tell_of_end(flow.id, core);
                return (drain(guest, core), true);
            }
            (Stage::HandedUp(stream), false)
        }
        Stage::Dns(mut connection) => {
            if connection.pump(guest, core) {
                return (drain(guest, core), true);
            }
            (Stage::Dns(connection), false)
        }
        Stage::Draining(drain) => {
            drain.pump(guest, core.now);
            (Stage::Draining(drain), false)
        }
        Stage::Dead => (Stage::Dead, false),
    }
}

/// Who serves a connection that has just been established (spec: network 5.2).
fn first_stage(deferred: bool, flow: &Flow, guest: &mut Socket, core: &mut Core) -> Stage {
    let port = flow.tuple.remote.port();
    match port {
        DNS_PORT => Stage::Dns(DnsConnection::new(flow.id, flow.tuple.remote, core.now)),
        DNS_TLS_PORT if core.settings.tls.is_some() => {
            hand_up(flow, guest, StreamKind::Dot, None, core)
        }
        _ if core.settings.intercepts(port) => Stage::Peeking(Peek::new(true, core.now)),
        // An address that is allowed whatever its name needs no look at the name.
        _ if deferred => Stage::Peeking(Peek::new(false, core.now)),
        _ if core.settings.hand_up_plain => hand_up(flow, guest, StreamKind::Plain, None, core),
        _ => dial(flow, guest, Vec::new(), core),
    }
}

fn hand_up(
    flow: &Flow,
    guest: &mut Socket,
    kind: StreamKind,
    server_name: Option<String>,
    core: &Core,
) -> Stage {
    // Without a descriptor to spare nobody can serve it.
    let Ok((stream, end)) = Stream::open(flow.id, kind, core) else {
        return reset(guest);
    };
    core.shared.events.push(Event::Stream {
        stream: flow.id,
        end,
        kind,
        source: flow.tuple.guest,
        destination: flow.tuple.remote,
        server_name,
    });
    Stage::HandedUp(stream)
}

fn dial(flow: &Flow, guest: &mut Socket, replay: Vec<u8>, core: &Core) -> Stage {
    match Dial::start(core, flow.id, flow.tuple.remote, replay) {
        Some(dial) => Stage::Dialling(dial),
        None => reset(guest),
    }
}

/// Takes a connection back from the owner and connects it to its destination, which gets what the owner was given.
pub fn give_back(flow: &mut Flow, guest: &mut Socket, core: &Core) {
    if let Stage::HandedUp(stream) = &mut flow.stage {
        flow.stage = match stream.take_delivered() {
            Some(replay) => dial(flow, guest, replay, core),
            None => reset(guest),
        };
        // While it connects and runs, the owner hears of it no more.
        tell_of_end(flow.id, core);
    }
}

/// The owner resets a connection that it serves.
pub fn reset_stream(flow: &mut Flow, guest: &mut Socket, core: &Core) {
    match std::mem::replace(&mut flow.stage, Stage::Dead) {
        Stage::HandedUp(stream) => {
            tell_of_reset(flow.id, stream, core);
            guest.abort();
        }
        other => flow.stage = other,
    }
}

fn drain(guest: &mut Socket, core: &Core) -> Stage {
    Stage::Draining(Drain::new(guest, core.now))
}

fn reset(guest: &mut Socket) -> Stage {
    guest.abort();
    Stage::Dead
}
