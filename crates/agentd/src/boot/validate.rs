//! Is the configuration possible at all? (protocol section 7)

use std::collections::BTreeSet;

use msb_protocol::payload::{
    BootstrapBlockRoot, BootstrapBlockRootUpper, BootstrapEnvVar, GuestBootstrap,
};

use crate::rlimit::resource_number;

type Checked = Result<(), String>;

/// Checks `bootstrap` before anything is done with it.
///
/// # Errors
/// The first thing that is wrong, for people.
pub fn validate(bootstrap: &GuestBootstrap) -> Checked {
    if let Some(root) = &bootstrap.block_root {
        block_root(root)?;
    }
    mounts(bootstrap)?;
    network(bootstrap)?;
    let texts = [
        ("bootstrap hostname", &bootstrap.hostname),
        ("bootstrap host alias", &bootstrap.host_alias),
        ("bootstrap user", &bootstrap.user),
        ("bootstrap default cwd", &bootstrap.default_cwd),
    ];
    for (label, value) in texts {
        value
            .as_deref()
            .map_or(Ok(()), |value| plain(label, value))?;
    }
    rlimits(bootstrap)?;
    environment("bootstrap default env", &bootstrap.default_env)?;
    handoff(bootstrap)
}

fn block_root(root: &BootstrapBlockRoot) -> Checked {
    match root {
        BootstrapBlockRoot::DiskImage { device, fstype } => {
            absolute("bootstrap block root device", device)?;
            optional("bootstrap block root fstype", fstype.as_deref())
        }
        BootstrapBlockRoot::OciErofs { lower, upper } => {
            absolute("bootstrap block root lower device", lower)?;
            match upper {
                BootstrapBlockRootUpper::Device { device, fstype } => {
                    absolute("bootstrap block root upper device", device)?;
                    plain("bootstrap block root upper fstype", fstype)
                }
                BootstrapBlockRootUpper::Tmpfs { .. } => Ok(()),
            }
        }
    }
}

fn mounts(bootstrap: &GuestBootstrap) -> Checked {
    for mount in &bootstrap.dir_mounts {
        plain("bootstrap directory mount tag", &mount.tag)?;
        absolute("bootstrap directory mount path", &mount.guest_path)?;
    }
    for mount in &bootstrap.file_mounts {
        plain("bootstrap file mount tag", &mount.tag)?;
        plain("bootstrap file mount filename", &mount.filename)?;
        absolute("bootstrap file mount path", &mount.guest_path)?;
    }
    for mount in &bootstrap.disk_mounts {
        plain("bootstrap disk mount id", &mount.id)?;
        absolute("bootstrap disk mount path", &mount.guest_path)?;
        optional("bootstrap disk mount fstype", mount.fstype.as_deref())?;
    }
    for mount in &bootstrap.tmpfs_mounts {
        absolute("bootstrap tmpfs mount path", &mount.path)?;
    }
    Ok(())
}

fn network(bootstrap: &GuestBootstrap) -> Checked {
    let Some(network) = &bootstrap.network else {
        return Ok(());
    };
    plain("bootstrap network interface", &network.interface)?;
    let out_of_range = |family: &str, length: u8| {
        Err(format!(
            "bootstrap {family} prefix length out of range: {length}"
        ))
    };
    match (&network.ipv4, &network.ipv6) {
        (Some(ipv4), _) if ipv4.prefix_len > 32 => out_of_range("IPv4", ipv4.prefix_len),
        (_, Some(ipv6)) if ipv6.prefix_len > 128 => out_of_range("IPv6", ipv6.prefix_len),
        _ => Ok(()),
    }
}

fn rlimits(bootstrap: &GuestBootstrap) -> Checked {
    let mut seen = BTreeSet::new();
    for limit in &bootstrap.rlimits {
        let name = &limit.resource;
        let Some(number) = resource_number(name) else {
            return Err(format!(
                "bootstrap rlimits contains unknown resource: {name}"
            ));
        };
        if limit.soft > limit.hard {
            return Err(format!(
                "bootstrap rlimit {name} has soft limit above hard limit"
            ));
        }
        if !seen.insert(number) {
            return Err(format!(
                "bootstrap rlimits contains duplicate resource: {name}"
            ));
        }
    }
    Ok(())
}

fn environment(label: &str, entries: &[BootstrapEnvVar]) -> Checked {
    for BootstrapEnvVar { key, value } in entries {
        if key.is_empty() {
            return Err(format!("{label} contains an empty key"));
        }
        if key.contains(['=', '\0']) {
            return Err(format!("{label} key {key:?} must not contain '=' or NUL"));
        }
        if value.contains('\0') {
            return Err(format!("{label} value of {key:?} must not contain NUL"));
        }
    }
    Ok(())
}

fn handoff(bootstrap: &GuestBootstrap) -> Checked {
    let Some(init) = &bootstrap.handoff_init else {
        return Ok(());
    };
    if init.cmd != "auto" && !is_absolute(&init.cmd) {
        return Err(format!(
            "bootstrap handoff command must be absolute or `auto`: {}",
            init.cmd
        ));
    }
    init.cwd
        .as_deref()
        .map_or(Ok(()), |cwd| absolute("bootstrap handoff cwd", cwd))?;
    environment("bootstrap handoff env", &init.env)
}

fn is_absolute(path: &str) -> bool {
    path.starts_with('/') && !path.contains('\0')
}

fn absolute(label: &str, value: &str) -> Checked {
    if is_absolute(value) {
        return Ok(());
    }
    Err(format!("{label} must be an absolute Linux path: {value}"))
}

fn plain(label: &str, value: &str) -> Checked {
    if value.is_empty() || value.contains('\0') {
        return Err(format!(
            "{label} must be non-empty and must not contain NUL"
        ));
    }
    Ok(())
}

fn optional(label: &str, value: Option<&str>) -> Checked {
    value.map_or(Ok(()), |value| plain(label, value))
}

#[cfg(test)]
mod tests {
    use super::*;
    use msb_protocol::payload::{
        BootstrapHandoffInit, BootstrapIpv4, BootstrapNetwork, BootstrapTmpfsMount, ExecRlimit,
        MountFlags,
    };
    use std::net::Ipv4Addr;

    fn refused(change: impl FnOnce(&mut GuestBootstrap)) -> String {
        let mut bootstrap = GuestBootstrap::default();
        change(&mut bootstrap);
        validate(&bootstrap).unwrap_err()
    }

    fn limit(resource: &str, soft: u64, hard: u64) -> ExecRlimit {
        ExecRlimit {
            resource: resource.into(),
            soft,
            hard,
        }
    }

    fn variable(key: &str, value: &str) -> BootstrapEnvVar {
        BootstrapEnvVar {
            key: key.into(),
            value: value.into(),
        }
    }

    #[test]
    fn an_empty_bootstrap_is_fine() {
        assert_eq!(validate(&GuestBootstrap::default()), Ok(()));
    }

    #[test]
    fn paths_are_absolute() {
        let text = refused(|b| {
            b.block_root = Some(BootstrapBlockRoot::DiskImage {
                device: "vda".into(),
                fstype: None,
            });
        });
        assert_eq!(
            text,
            "bootstrap block root device must be an absolute Linux path: vda"
        );
        let text = refused(|b| {
            let flags = MountFlags::default();
            let mount = BootstrapTmpfsMount {
                path: "tmp".into(),
                size_mib: None,
                mode: None,
                flags,
            };
            b.tmpfs_mounts.push(mount);
        });
        assert_eq!(
            text,
            "bootstrap tmpfs mount path must be an absolute Linux path: tmp"
        );
    }

    #[test]
    fn texts_are_not_empty_and_hold_no_nul() {
        let expected = "bootstrap hostname must be non-empty and must not contain NUL";
        assert_eq!(refused(|b| b.hostname = Some(String::new())), expected);
        assert_eq!(refused(|b| b.hostname = Some("a\0".into())), expected);
    }

    #[test]
    fn prefixes_fit_their_family() {
        let text = refused(|b| {
            b.network = Some(BootstrapNetwork {
                interface: "eth0".into(),
                mac: [0; 6],
                mtu: 1500,
                route_mtu: None,
                ipv4: Some(BootstrapIpv4 {
                    address: Ipv4Addr::LOCALHOST,
                    prefix_len: 33,
                    gateway: Ipv4Addr::LOCALHOST,
                    dns: None,
                }),
                ipv6: None,
            });
        });
        assert_eq!(text, "bootstrap IPv4 prefix length out of range: 33");
    }

    #[test]
    fn limits_are_known_ordered_and_unique() {
        assert_eq!(
            refused(|b| b.rlimits.push(limit("files", 1, 1))),
            "bootstrap rlimits contains unknown resource: files"
        );
        assert_eq!(
            refused(|b| b.rlimits.push(limit("nofile", 2, 1))),
            "bootstrap rlimit nofile has soft limit above hard limit"
        );
        assert_eq!(
            refused(|b| b
                .rlimits
                .extend([limit("nofile", 1, 1), limit("NOFILE", 1, 1)])),
            "bootstrap rlimits contains duplicate resource: NOFILE"
        );
    }

    #[test]
    fn variables_have_names() {
        assert_eq!(
            refused(|b| b.default_env.push(variable("", "x"))),
            "bootstrap default env contains an empty key"
        );
        assert_eq!(
            refused(|b| b.default_env.push(variable("a=b", "x"))),
            "bootstrap default env key \"a=b\" must not contain '=' or NUL"
        );
        assert_eq!(
            refused(|b| b.default_env.push(variable("a", "x\0"))),
            "bootstrap default env value of \"a\" must not contain NUL"
        );
    }

    #[test]
    fn another_init_is_absolute_or_auto() {
        let init = |cmd: &str| {
            Some(BootstrapHandoffInit {
                cmd: cmd.into(),
                args: vec![],
                cwd: None,
                env: vec![],
            })
        };
        assert_eq!(
            refused(|b| b.handoff_init = init("systemd")),
            "bootstrap handoff command must be absolute or `auto`: systemd"
        );
        let auto = GuestBootstrap {
            handoff_init: init("auto"),
            ..GuestBootstrap::default()
        };
        assert_eq!(validate(&auto), Ok(()));
    }
}
