use crate::context::Context;
use crate::error::KrunError;
use std::convert::Infallible;
use std::os::fd::OwnedFd;
use std::path::PathBuf;

/// Format of a disk file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DiskFormat {
    Raw,
    Qcow2,
    /// Flat and zero extents only; read-only.
    Vmdk,
}

/// What a guest's flush does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DiskSync {
    /// Nothing; the guest is offered no flush.
    None,
    Relaxed,
    /// Reaches the medium.
    Full,
}

/// A block device; the first one is `/dev/vda` in the guest.
#[derive(Clone, Debug)]
pub struct Disk {
    pub id: String,
    pub path: PathBuf,
    pub format: DiskFormat,
    pub read_only: bool,
    pub sync: DiskSync,
}

/// A named port of the virtio console.
#[derive(Debug)]
pub struct Port {
    pub name: String,
    /// Connected stream socket.
    pub socket: OwnedFd,
}

/// A network interface whose frames travel over a stream socket, each after its length (u32, big-endian).
#[derive(Debug)]
pub struct Network {
    pub socket: OwnedFd,
    pub mac: [u8; 6],
}

/// One machine. Nothing but what stands here reaches the guest: no implicit vsock, no init, no root share.
#[derive(Debug)]
pub struct Machine {
    pub vcpus: u8,
    pub memory_mib: u32,
    /// ELF file, loaded at its physical addresses and entered in 64-bit mode.
    pub kernel: PathBuf,
    pub initramfs: Option<PathBuf>,
    /// Kernel parameters; libkrun appends its device descriptions.
    pub command_line: String,
    pub disks: Vec<Disk>,
    pub ports: Vec<Port>,
    pub network: Option<Network>,
    /// File that receives the first virtio console (hvc0), truncated. No such console without it.
    pub kernel_log: Option<PathBuf>,
    /// Descriptor that receives the first serial port, which Linux guests of ours have no driver for.
    pub serial: Option<OwnedFd>,
}

impl Machine {
    /// Checks and configures the machine without starting it.
    fn configure(&self) -> Result<Context, KrunError> {
        let mut context = Context::create()?;
        context.set_vm_config(self.vcpus, self.memory_mib)?;
        context.disable_implicit_vsock()?;
        context.set_kernel(&self.kernel, self.initramfs.as_deref(), &self.command_line)?;
        match &self.kernel_log {
            Some(path) => context.set_console_output(path)?,
            None => context.disable_implicit_console()?,
        }
        if !self.ports.is_empty() {
            let console = context.add_console()?;
            for port in &self.ports {
                context.add_port(console, port)?;
            }
        }
        for disk in &self.disks {
            context.add_disk(disk)?;
        }
        if let Some(network) = &self.network {
            context.add_network(network)?;
        }
        if let Some(serial) = &self.serial {
            context.add_serial(serial)?;
        }
        Ok(context)
    }

    /// Turns this process into the machine.
    ///
    /// # Errors
    ///
    /// Returns only when the machine cannot be built. A machine that ran ends the process: with 0 when the
    /// guest reset or stopped it.
    pub fn enter(self) -> Result<Infallible, KrunError> {
        let context = self.configure()?;
        // The descriptors stay open for the machine's life: this process never returns from here.
        context.start_enter()
    }
}
