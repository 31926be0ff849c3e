use super::Stack;
use crate::command::Command;
use crate::event::Event;
use crate::queries::Asker;
use crate::token::Owner;
use mio::Events;

impl Stack {
    /// Notes whose sockets became ready.
    pub(crate) fn dispatch(&mut self, events: &Events) {
        for event in events {
            let readable = event.is_readable() || event.is_read_closed() || event.is_error();
            let writable = event.is_writable() || event.is_write_closed() || event.is_error();
            match Owner::of(event.token()) {
                Owner::Frames => self.schedule.readable |= readable,
                Owner::Wake => {}
                Owner::Flow(id) => self.flows.host_ready(id, readable, writable),
                Owner::Listener(id) => self.listeners.ready(id),
                Owner::Session(id) => self.udp.relay.ready(id),
                Owner::PublishedUdp(id) => self.udp.published.ready(id),
                Owner::Ping(id) => self.pings.ready(id, &mut self.net, &self.emitter),
            }
        }
    }

    /// Does what the owner asked for; false when that is to stop.
    pub(crate) fn obey(&mut self) -> bool {
        for command in self.core.shared.take_commands() {
            match command {
                Command::Close { stream } => self.flows.with_stream(stream, |s| s.close()),
                Command::Reset { stream } => self.flows.reset(stream, &mut self.net, &self.core),
                Command::Splice { stream } => {
                    self.flows.give_back(stream, &mut self.net, &self.core);
                }
                Command::Respond { query, response } => self.respond(query, response.as_deref()),
                Command::PublishTcp {
                    listener,
                    guest_port,
                } => {
                    let added = self.listeners.add(listener, guest_port, &self.core);
                    self.warn_if("published TCP port listener failed", added);
                }
                Command::PublishUdp { socket, guest_port } => {
                    let added = self.udp.published.add(socket, guest_port, &self.core);
                    self.warn_if("published UDP port listener failed", added);
                }
                Command::Stop => return false,
            }
        }
        true
    }

    fn respond(&mut self, query: u32, response: Option<&[u8]>) {
        match self.core.queries.take(query) {
            Some(Asker::Udp { guest, resolver }) => {
                if let Some(response) = response {
                    self.emitter
                        .udp(&mut self.net.out, resolver, guest, response);
                }
            }
            Some(Asker::Flow(id)) => self.flows.respond(id, response, &self.core),
            None => {}
        }
    }

    fn warn_if(&self, what: &str, result: std::io::Result<()>) {
        if let Err(e) = result {
            self.core
                .shared
                .events
                .push(Event::Warning(format!("{what}: {e}")));
        }
    }
}
