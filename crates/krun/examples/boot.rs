//! Boots an ELF guest and shows its serial port.
//!
//! `boot <kernel> <initramfs or -> <vCPUs> <MiB> <command line> [ro:<disk> | rw:<disk>]... [net] [port:<name>]...`

use msb_krun::{Disk, DiskFormat, DiskSync, Machine, Network, Port};
use std::error::Error;
use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::net::UnixStream;
use std::path::PathBuf;

fn main() -> Result<(), Box<dyn Error>> {
    let mut args = std::env::args().skip(1);
    let mut next = || args.next().ok_or("argument missing");
    let mut machine = Machine {
        kernel: next()?.into(),
        initramfs: Some(next()?).filter(|path| path != "-").map(PathBuf::from),
        vcpus: next()?.parse()?,
        memory_mib: next()?.parse()?,
        command_line: next()?,
        disks: Vec::new(),
        ports: Vec::new(),
        network: None,
        kernel_log: None,
        serial: Some(io::stdout().as_fd().try_clone_to_owned()?),
    };
    // Peers must stay open for the machine's life.
    let mut peers = Vec::new();
    let mut socket = || -> io::Result<OwnedFd> {
        let (own, peer) = UnixStream::pair()?;
        peers.push(peer);
        Ok(own.into())
    };
    for device in args {
        match device.split_once(':') {
            Some(("port", name)) => machine.ports.push(Port {
                name: name.to_owned(),
                socket: socket()?,
            }),
            Some((access @ ("ro" | "rw"), path)) => machine.disks.push(Disk {
                id: format!("disk{}", machine.disks.len()),
                path: path.into(),
                format: DiskFormat::Raw,
                read_only: access == "ro",
                sync: if access == "ro" {
                    DiskSync::None
                } else {
                    DiskSync::Full
                },
            }),
            _ => {
                machine.network = Some(Network {
                    socket: socket()?,
                    mac: [2, 0, 0, 0, 0, 9],
                });
            }
        }
    }
    if std::env::var_os("CONFINE").is_some() {
        eprintln!("confinement: {:?}", machine.confine(&[])?);
        if let Ok(text) = std::fs::read_to_string("/etc/passwd") {
            return Err(format!("could still read /etc/passwd, {} bytes", text.len()).into());
        }
    }
    match machine.enter()? {}
}
