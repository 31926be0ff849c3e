//! `core.bootstrap` (protocol section 7): everything a guest is told about itself.

use std::net::{Ipv4Addr, Ipv6Addr};

use serde::{Deserialize, Serialize};

use super::ExecRlimit;

/// The first frame a guest gets. Everything is optional; an absent part is not set up.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct GuestBootstrap {
    /// Where the root file system comes from.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub block_root: Option<BootstrapBlockRoot>,
    /// Shared folders.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub dir_mounts: Vec<BootstrapDirMount>,
    /// Single shared files.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub file_mounts: Vec<BootstrapFileMount>,
    /// Disks besides the root's.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub disk_mounts: Vec<BootstrapDiskMount>,
    /// File systems in memory.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub tmpfs_mounts: Vec<BootstrapTmpfsMount>,
    /// Host name.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub hostname: Option<String>,
    /// Name under which the gateway stands in `/etc/hosts`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub host_alias: Option<String>,
    /// The network card.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub network: Option<BootstrapNetwork>,
    /// Limits of every process.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub rlimits: Vec<ExecRlimit>,
    /// Default user, `USER[:GROUP]`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub user: Option<String>,
    /// Default working directory.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub default_cwd: Option<String>,
    /// Environment of every process. Secrets stand here as placeholders only.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub default_env: Vec<BootstrapEnvVar>,
    /// How much processes may do; the one field that is always written.
    pub security_profile: SecurityProfile,
    /// Another init that takes process id 1 over.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub handoff_init: Option<BootstrapHandoffInit>,
}

/// Where the root file system comes from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "kebab-case")]
pub enum BootstrapBlockRoot {
    /// One disk that holds the whole root.
    DiskImage {
        /// Device path.
        device: String,
        /// File system; tried out when absent.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        fstype: Option<String>,
    },
    /// An image's EROFS below, something writable above.
    OciErofs {
        /// Device path of the EROFS.
        lower: String,
        /// The writable layer.
        upper: BootstrapBlockRootUpper,
    },
}

/// The writable layer of an OCI root.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "kebab-case")]
pub enum BootstrapBlockRootUpper {
    /// A disk.
    Device {
        /// Device path.
        device: String,
        /// File system.
        fstype: String,
    },
    /// Memory.
    Tmpfs {
        /// Largest size in MiB.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        size_mib: Option<u32>,
    },
}

/// Options of a mount.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct MountFlags {
    /// No writing.
    pub readonly: bool,
    /// No programs.
    pub noexec: bool,
    /// No set-user-id.
    pub nosuid: bool,
    /// No device files.
    pub nodev: bool,
}

/// A shared folder.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct BootstrapDirMount {
    /// Name of the share.
    pub tag: String,
    /// Where it appears.
    pub guest_path: String,
    /// Options.
    #[serde(default)]
    pub flags: MountFlags,
}

/// A single shared file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct BootstrapFileMount {
    /// Name of the share that holds it.
    pub tag: String,
    /// Its name in the share.
    pub filename: String,
    /// Where it appears.
    pub guest_path: String,
    /// Options.
    #[serde(default)]
    pub flags: MountFlags,
}

/// A disk besides the root's.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct BootstrapDiskMount {
    /// Serial of the disk.
    pub id: String,
    /// Where it appears.
    pub guest_path: String,
    /// File system; tried out when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fstype: Option<String>,
    /// Options.
    #[serde(default)]
    pub flags: MountFlags,
}

/// A file system in memory.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct BootstrapTmpfsMount {
    /// Where it appears.
    pub path: String,
    /// Largest size in MiB.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub size_mib: Option<u32>,
    /// Permission bits of its root.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mode: Option<u32>,
    /// Options.
    #[serde(default)]
    pub flags: MountFlags,
}

/// The network card.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct BootstrapNetwork {
    /// Name, for example `eth0`.
    pub interface: String,
    /// Ethernet address.
    pub mac: [u8; 6],
    /// Largest packet in bytes.
    pub mtu: u16,
    /// Largest packet that the routes take, where the other end accepts more than the card's MTU.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub route_mtu: Option<u16>,
    /// IPv4 set-up.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ipv4: Option<BootstrapIpv4>,
    /// IPv6 set-up.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ipv6: Option<BootstrapIpv6>,
}

/// IPv4 set-up of the network card.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct BootstrapIpv4 {
    /// Own address.
    pub address: Ipv4Addr,
    /// Length of the network prefix.
    pub prefix_len: u8,
    /// Default route.
    pub gateway: Ipv4Addr,
    /// Name server.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub dns: Option<Ipv4Addr>,
}

/// IPv6 set-up of the network card.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct BootstrapIpv6 {
    /// Own address.
    pub address: Ipv6Addr,
    /// Length of the network prefix.
    pub prefix_len: u8,
    /// Default route.
    pub gateway: Ipv6Addr,
    /// Name server.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub dns: Option<Ipv6Addr>,
}

/// One environment variable.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct BootstrapEnvVar {
    /// Name.
    pub key: String,
    /// Value.
    pub value: String,
}

/// How much processes may do.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SecurityProfile {
    /// Everything the guest's kernel allows.
    #[default]
    Default,
    /// No new privileges, no system administration, no set-user-id on mounts.
    Restricted,
}

/// Another init that takes process id 1 over.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct BootstrapHandoffInit {
    /// Absolute path, or `auto`.
    pub cmd: String,
    /// Arguments without `argv[0]`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub args: Vec<String>,
    /// Working directory.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cwd: Option<String>,
    /// Environment on top of the sandbox's.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub env: Vec<BootstrapEnvVar>,
}
