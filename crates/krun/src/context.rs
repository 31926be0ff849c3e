//! The only `unsafe` of this crate: calls of libkrun's C functions.
//!
//! Sound because every pointer passed is a NUL-terminated string or an array that outlives the call (libkrun
//! copies what it keeps), and every descriptor is open and outlives the machine.

use crate::error::KrunError;
use crate::machine::{Disk, DiskFormat, DiskSync, Network, Port};
use std::convert::Infallible;
use std::ffi::{CString, c_int};
use std::os::fd::{AsRawFd, OwnedFd};
use std::path::Path;
use std::ptr;

/// `krun_set_kernel`: the file is an ELF.
const KERNEL_FORMAT_ELF: u32 = 1;

/// `krun_init_log`: errors and warnings to standard error, without colours, whatever the environment says.
const LOG_TO_STDERR: c_int = 2;
const LOG_WARNINGS: u32 = 2;
const LOG_WITHOUT_COLOUR: u32 = 2;
const LOG_IGNORES_ENVIRONMENT: u32 = 1;

/// A libkrun configuration. Freed on drop unless the machine was entered.
pub struct Context {
    id: u32,
}

impl Context {
    pub fn create() -> Result<Self, KrunError> {
        let id = check("krun_create_ctx", krun::krun_create_ctx(), String::new)?;
        Ok(Self { id })
    }

    pub fn set_vm_config(&mut self, vcpus: u8, memory_mib: u32) -> Result<(), KrunError> {
        let result = krun::krun_set_vm_config(self.id, vcpus, memory_mib);
        done("krun_set_vm_config", result, || {
            format!("{vcpus} vCPUs, {memory_mib} MiB")
        })
    }

    pub fn disable_implicit_vsock(&mut self) -> Result<(), KrunError> {
        let result = krun::krun_disable_implicit_vsock(self.id);
        done("krun_disable_implicit_vsock", result, String::new)
    }

    pub fn disable_implicit_console(&mut self) -> Result<(), KrunError> {
        let result = krun::krun_disable_implicit_console(self.id);
        done("krun_disable_implicit_console", result, String::new)
    }

    pub fn set_kernel(
        &mut self,
        kernel: &Path,
        initramfs: Option<&Path>,
        command_line: &str,
    ) -> Result<(), KrunError> {
        let path = c_path("kernel path", kernel)?;
        let initramfs = initramfs
            .map(|path| c_path("initramfs path", path))
            .transpose()?;
        let parameters = c_string("command line", command_line)?;
        let result = unsafe {
            krun::krun_set_kernel(
                self.id,
                path.as_ptr(),
                KERNEL_FORMAT_ELF,
                initramfs.as_ref().map_or(ptr::null(), |path| path.as_ptr()),
                parameters.as_ptr(),
            )
        };
        done("krun_set_kernel", result, || kernel.display().to_string())
    }

    pub fn set_console_output(&mut self, path: &Path) -> Result<(), KrunError> {
        let file = c_path("console log path", path)?;
        let result = unsafe { krun::krun_set_console_output(self.id, file.as_ptr()) };
        done("krun_set_console_output", result, || {
            path.display().to_string()
        })
    }

    /// Adds a console without ports and returns its number.
    pub fn add_console(&mut self) -> Result<u32, KrunError> {
        let result = unsafe { krun::krun_add_virtio_console_multiport(self.id) };
        check("krun_add_virtio_console_multiport", result, String::new)
    }

    pub fn add_port(&mut self, console: u32, port: &Port) -> Result<(), KrunError> {
        let name = c_string("port name", &port.name)?;
        let fd = port.socket.as_raw_fd();
        let result =
            unsafe { krun::krun_add_console_port_inout(self.id, console, name.as_ptr(), fd, fd) };
        done("krun_add_console_port_inout", result, || port.name.clone())
    }

    pub fn add_disk(&mut self, disk: &Disk) -> Result<(), KrunError> {
        let id = c_string("disk id", &disk.id)?;
        let path = c_path("disk path", &disk.path)?;
        let format = match disk.format {
            DiskFormat::Raw => 0,
            DiskFormat::Qcow2 => 1,
            DiskFormat::Vmdk => 2,
        };
        let sync = match disk.sync {
            DiskSync::None => 0,
            DiskSync::Relaxed => 1,
            DiskSync::Full => 2,
        };
        let result = unsafe {
            krun::krun_add_disk3(
                self.id,
                id.as_ptr(),
                path.as_ptr(),
                format,
                disk.read_only,
                false,
                sync,
            )
        };
        done("krun_add_disk3", result, || {
            format!("{}: {}", disk.id, disk.path.display())
        })
    }

    pub fn add_network(&mut self, network: &Network) -> Result<(), KrunError> {
        let mut mac = network.mac;
        // No offload features: the peer wants ordinary frames with valid checksums.
        let result = unsafe {
            krun::krun_add_net_unixstream(
                self.id,
                ptr::null(),
                network.socket.as_raw_fd(),
                mac.as_mut_ptr(),
                0,
                0,
            )
        };
        done("krun_add_net_unixstream", result, || {
            network.mac.map(|byte| format!("{byte:02x}")).join(":")
        })
    }

    pub fn add_serial(&mut self, output: &OwnedFd) -> Result<(), KrunError> {
        let result =
            unsafe { krun::krun_add_serial_console_default(self.id, -1, output.as_raw_fd()) };
        done("krun_add_serial_console_default", result, String::new)
    }

    pub fn start_enter(self) -> Result<Infallible, KrunError> {
        let id = self.id;
        // Why a machine cannot be built stands in the log only. A second call would panic, but nobody comes
        // back from below to make one.
        let logged = unsafe {
            krun::krun_init_log(
                LOG_TO_STDERR,
                LOG_WARNINGS,
                LOG_WITHOUT_COLOUR,
                LOG_IGNORES_ENVIRONMENT,
            )
        };
        done("krun_init_log", logged, String::new)?;
        // libkrun takes the context out of its table, whatever happens.
        std::mem::forget(self);
        let errno = -krun::krun_start_enter(id);
        Err(KrunError::Call {
            call: "krun_start_enter",
            argument: "see the lines above".to_owned(),
            errno,
        })
    }
}

impl Drop for Context {
    fn drop(&mut self) {
        krun::krun_free_ctx(self.id);
    }
}

pub fn max_vcpus() -> Result<u32, KrunError> {
    check(
        "krun_get_max_vcpus",
        krun::krun_get_max_vcpus(),
        String::new,
    )
}

fn done(
    call: &'static str,
    result: c_int,
    argument: impl FnOnce() -> String,
) -> Result<(), KrunError> {
    check(call, result, argument).map(|_| ())
}

/// Negative results are error numbers, others are values.
fn check(
    call: &'static str,
    result: c_int,
    argument: impl FnOnce() -> String,
) -> Result<u32, KrunError> {
    u32::try_from(result).map_err(|_| KrunError::Call {
        call,
        argument: argument(),
        errno: -result,
    })
}

fn c_path(what: &'static str, path: &Path) -> Result<CString, KrunError> {
    c_string(what, path.to_str().ok_or(KrunError::NotUtf8 { what })?)
}

fn c_string(what: &'static str, text: &str) -> Result<CString, KrunError> {
    CString::new(text).map_err(|_| KrunError::Nul { what })
}
