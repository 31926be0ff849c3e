//! Wire codec of the host-guest agent protocol.
