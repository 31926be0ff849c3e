use crate::light_guest::{Failure, LightGuest, SEGMENT};
use smoltcp::wire::{TcpControl, TcpSeqNumber};
use std::io::{Read, Write};
use std::os::unix::net::UnixStream;
use std::thread;
use std::time::Instant;

/// MB/s of one thread writing to another through a socket pair, 64 KiB at a time.
pub fn bytes_through_socket_pair(bytes: usize) -> f64 {
    let send = move |mut writer: UnixStream| -> Result<(), Failure> {
        let chunk = vec![0; 64 * 1024];
        for at in (0..bytes).step_by(chunk.len()) {
            writer.write_all(&chunk[..chunk.len().min(bytes - at)])?;
        }
        Ok(())
    };
    through_socket_pair(bytes, send).unwrap_or(f64::NAN)
}

/// The same for the payload of the frames that the transfers send, made the same way, 64 KiB at a time.
pub fn frames_through_socket_pair(bytes: usize) -> f64 {
    const BURST: usize = 44;
    let send = move |writer: UnixStream| -> Result<(), Failure> {
        let mut guest = LightGuest::without_stack(writer)?;
        let payload = [0; SEGMENT];
        let mut sent = 0;
        while sent < bytes {
            for _ in 0..BURST {
                let sequence = TcpSeqNumber(1) + sent;
                guest.segment((1, 2), TcpControl::None, sequence, Some(sequence), &payload);
                sent += SEGMENT;
            }
            guest.flush()?;
        }
        Ok(())
    };
    through_socket_pair(bytes, send).unwrap_or(f64::NAN)
}

fn through_socket_pair(
    bytes: usize,
    send: impl FnOnce(UnixStream) -> Result<(), Failure> + Send + 'static,
) -> Result<f64, Failure> {
    let (writer, mut reader) = UnixStream::pair()?;
    let started = Instant::now();
    let sender = thread::spawn(move || send(writer));
    let mut buffer = vec![0; 256 * 1024];
    while reader.read(&mut buffer)? > 0 {}
    sender.join().map_err(|_| "sender")??;
    Ok(bytes as f64 / 1e6 / started.elapsed().as_secs_f64())
}
