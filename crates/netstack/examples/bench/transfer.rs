use crate::light_guest::{Failure, LightGuest, SEGMENT};
use smoltcp::wire::{TcpControl, TcpSeqNumber};
use std::io::{Read, Write};
use std::net::TcpListener;
use std::thread;
use std::time::Instant;

const ALLOW_ALL: &str = r#"{"default_egress":"allow"}"#;
const FIRST: TcpSeqNumber = TcpSeqNumber(1000);

/// MB/s that a guest sends to a host server.
pub fn out_of_guest(bytes: usize) -> f64 {
    send(bytes).map_or_else(report, |seconds| bytes as f64 / 1e6 / seconds)
}

/// MB/s that a host server sends to a guest.
pub fn into_guest(bytes: usize) -> f64 {
    fetch(bytes).map_or_else(report, |seconds| bytes as f64 / 1e6 / seconds)
}

fn report(failure: Failure) -> f64 {
    eprintln!("{failure}");
    f64::NAN
}

fn send(bytes: usize) -> Result<f64, Failure> {
    let listener = TcpListener::bind("127.0.0.1:0")?;
    let ports = (40000, listener.local_addr()?.port());
    let server = thread::spawn(move || -> std::io::Result<()> {
        let (mut peer, _) = listener.accept()?;
        let mut buffer = vec![0; 256 * 1024];
        let mut left = bytes;
        while left > 0 {
            let count = peer.read(&mut buffer)?;
            if count == 0 {
                return Err(std::io::ErrorKind::UnexpectedEof.into());
            }
            left -= count;
        }
        Ok(())
    });
    let mut guest = LightGuest::start(ALLOW_ALL)?;
    let started = Instant::now();
    let theirs = guest.open(ports, FIRST)?;
    let payload = [0; SEGMENT];
    let (mut sent, mut acknowledged, mut window) = (0, 0, 65535);
    while acknowledged < bytes {
        while sent < bytes {
            let size = SEGMENT.min(bytes - sent);
            if sent + size > acknowledged + window {
                break;
            }
            let sequence = FIRST + 1 + sent;
            guest.segment(
                ports,
                TcpControl::None,
                sequence,
                Some(theirs),
                &payload[..size],
            );
            sent += size;
        }
        guest.flush()?;
        let mut next = guest.receive(true)?;
        while let Some(segment) = next {
            acknowledged = (segment.acknowledged - (FIRST + 1)).max(acknowledged);
            window = segment.window;
            next = guest.receive(false)?;
        }
    }
    server.join().map_err(|_| "server")??;
    Ok(started.elapsed().as_secs_f64())
}

fn fetch(bytes: usize) -> Result<f64, Failure> {
    let listener = TcpListener::bind("127.0.0.1:0")?;
    let ports = (40000, listener.local_addr()?.port());
    let server = thread::spawn(move || -> std::io::Result<()> {
        let (mut peer, _) = listener.accept()?;
        let chunk = vec![0; 64 * 1024];
        let mut left = bytes;
        while left > 0 {
            let size = left.min(chunk.len());
            peer.write_all(&chunk[..size])?;
            left -= size;
        }
        Ok(())
    });
    let mut guest = LightGuest::start(ALLOW_ALL)?;
    let started = Instant::now();
    let first = guest.open(ports, FIRST)?;
    let mut received = 0;
    while received < bytes {
        let mut next = guest.receive(true)?;
        while let Some(segment) = next {
            let expected = first + received;
            if segment.sequence == expected {
                received += segment.length;
            }
            if segment.fin {
                break;
            }
            next = guest.receive(false)?;
        }
        // One acknowledgement for all that came at once.
        guest.segment(
            ports,
            TcpControl::None,
            FIRST + 1,
            Some(first + received),
            &[],
        );
        guest.flush()?;
    }
    server.join().map_err(|_| "server")??;
    Ok(started.elapsed().as_secs_f64())
}
