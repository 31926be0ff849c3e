//! Whose socket became ready, packed into the poller's token.

use mio::Token;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Owner {
    Frames,
    Wake,
    Flow(u32),
    Listener(u32),
    Session(u32),
    PublishedUdp(u32),
    Ping(u32),
}

const KIND_BITS: u32 = 3;

impl Owner {
    pub fn token(self) -> Token {
        let (kind, id) = match self {
            Owner::Frames => (0, 0),
            Owner::Wake => (1, 0),
            Owner::Flow(id) => (2, id),
            Owner::Listener(id) => (3, id),
            Owner::Session(id) => (4, id),
            Owner::PublishedUdp(id) => (5, id),
            Owner::Ping(id) => (6, id),
        };
        Token((id as usize) << KIND_BITS | kind)
    }

    pub fn of(token: Token) -> Owner {
        let id = (token.0 >> KIND_BITS) as u32;
        match token.0 & ((1 << KIND_BITS) - 1) {
            0 => Owner::Frames,
            2 => Owner::Flow(id),
            3 => Owner::Listener(id),
            4 => Owner::Session(id),
            5 => Owner::PublishedUdp(id),
            6 => Owner::Ping(id),
            _ => Owner::Wake,
        }
    }
}
