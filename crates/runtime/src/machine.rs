//! libkrun for JavaScript: the process that calls [`krun_enter`] becomes the machine.

use msb_krun::{Disk, DiskFormat, DiskSync, Machine, Network, Port};
use napi::Error;
use napi_derive::napi;
use std::os::fd::OwnedFd;
use std::path::PathBuf;

/// A block device.
#[napi(object)]
pub struct KrunDisk {
    pub id: String,
    pub path: String,
    /// `raw`, `qcow2` or `vmdk`.
    pub format: String,
    pub read_only: bool,
    /// `none`, `relaxed` or `full`.
    pub sync: String,
}

/// A named console port on a connected stream socket.
#[napi(object)]
pub struct KrunPort {
    pub name: String,
    pub fd: i32,
}

/// A network interface on a connected stream socket.
#[napi(object)]
pub struct KrunNetwork {
    pub fd: i32,
    /// Six bytes.
    pub mac: Vec<u8>,
}

/// Description of one machine.
#[napi(object)]
pub struct KrunMachine {
    pub cpus: u8,
    pub memory_mib: u32,
    pub kernel_path: String,
    pub initramfs_path: Option<String>,
    pub command_line: String,
    pub disks: Vec<KrunDisk>,
    pub ports: Vec<KrunPort>,
    pub network: Option<KrunNetwork>,
    pub kernel_log_path: Option<String>,
    /// Descriptor for the first serial port, for guests that have no virtio console.
    pub serial_fd: Option<i32>,
    /// Files and folders that disks refer to, such as the extents of a VMDK.
    pub readable: Vec<String>,
}

/// Why no virtual processor can be made here, or nothing when one can.
#[napi]
pub fn krun_unavailable() -> Option<String> {
    msb_krun::max_vcpus().err().map(|error| error.to_string())
}

/// Confines this process to the machine's files (on Linux) and turns it into the machine, which ends with whoever
/// started this process. Returns only by an error; when
/// the guest ends, the process ends. The descriptors of the description belong to the machine from then on.
#[napi]
pub fn krun_enter(machine: KrunMachine) -> napi::Result<()> {
    #[cfg(target_os = "linux")]
    let readable: Vec<PathBuf> = machine.readable.iter().map(PathBuf::from).collect();
    let machine = describe(machine)?;
    crate::sys::end_with_parent().map_err(|e| crate::error::system("kqueue", &e))?;
    #[cfg(target_os = "linux")]
    machine.confine(&readable).map_err(reason)?;
    match machine.enter().map_err(reason)? {}
}

fn reason(error: msb_krun::KrunError) -> Error {
    Error::from_reason(error.to_string())
}

fn describe(machine: KrunMachine) -> napi::Result<Machine> {
    Ok(Machine {
        vcpus: machine.cpus,
        memory_mib: machine.memory_mib,
        kernel: machine.kernel_path.into(),
        initramfs: machine.initramfs_path.map(PathBuf::from),
        command_line: machine.command_line,
        disks: machine
            .disks
            .into_iter()
            .map(disk)
            .collect::<napi::Result<_>>()?,
        ports: machine
            .ports
            .into_iter()
            .map(|port| {
                Ok(Port {
                    name: port.name,
                    socket: owned(port.fd)?,
                })
            })
            .collect::<napi::Result<_>>()?,
        network: machine.network.map(network).transpose()?,
        kernel_log: machine.kernel_log_path.map(PathBuf::from),
        serial: machine.serial_fd.map(owned).transpose()?,
    })
}

fn disk(disk: KrunDisk) -> napi::Result<Disk> {
    Ok(Disk {
        id: disk.id,
        path: disk.path.into(),
        format: match disk.format.as_str() {
            "raw" => DiskFormat::Raw,
            "qcow2" => DiskFormat::Qcow2,
            "vmdk" => DiskFormat::Vmdk,
            other => return Err(unknown("disk format", other)),
        },
        read_only: disk.read_only,
        sync: match disk.sync.as_str() {
            "none" => DiskSync::None,
            "relaxed" => DiskSync::Relaxed,
            "full" => DiskSync::Full,
            other => return Err(unknown("disk sync", other)),
        },
    })
}

fn network(network: KrunNetwork) -> napi::Result<Network> {
    Ok(Network {
        mac: network
            .mac
            .try_into()
            .map_err(|_| Error::from_reason("a MAC address has six bytes"))?,
        socket: owned(network.fd)?,
    })
}

fn unknown(what: &str, value: &str) -> Error {
    Error::from_reason(format!("unknown {what}: {value}"))
}

fn owned(fd: i32) -> napi::Result<OwnedFd> {
    crate::sys::own(fd).map_err(|error| crate::error::system("fcntl", &error))
}
