//! Small files that the agent writes into the guest (protocol sections 14.1 and 14.4).

use std::fs::{self, OpenOptions, Permissions};
use std::io::Write;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use msb_protocol::constants::SCRIPTS_PATH;
use msb_protocol::payload::GuestBootstrap;

use super::error::{Context, InitError};
use super::mount::ensure_folder;

const BLOCK_START: &str = "# >>> microsandbox scripts path >>>";
const BLOCK_END: &str = "# <<< microsandbox scripts path <<<";

/// Writes `/etc/hosts`, and the host name where there is one.
///
/// # Errors
/// [`InitError`] naming the file.
pub fn write_names(bootstrap: &GuestBootstrap) -> Result<(), InitError> {
    ensure_folder("/etc")?;
    write("/etc/hosts", &hosts(bootstrap))?;
    if let Some(name) = &bootstrap.hostname {
        rustix::system::sethostname(name.as_bytes()).context("set the host name")?;
        write("/etc/hostname", &format!("{name}\n"))?;
    }
    Ok(())
}

fn hosts(bootstrap: &GuestBootstrap) -> String {
    let name = bootstrap
        .hostname
        .as_ref()
        .map(|name| format!(" {name}"))
        .unwrap_or_default();
    let mut text =
        format!("127.0.0.1\tlocalhost{name}\n::1\tlocalhost ip6-localhost ip6-loopback{name}\n");
    if let (Some(alias), Some(network)) = (&bootstrap.host_alias, &bootstrap.network) {
        if let Some(ipv4) = &network.ipv4 {
            text += &format!("{}\t{alias}\n", ipv4.gateway);
        }
        if let Some(ipv6) = &network.ipv6 {
            text += &format!("{}\t{alias}\n", ipv6.gateway);
        }
    }
    text + "fe00::\tip6-localnet\nff00::\tip6-mcastprefix\nff02::1\tip6-allnodes\n\
            ff02::2\tip6-allrouters\n"
}

/// Writes the name servers of the network; without any the image's file stays.
///
/// # Errors
/// [`InitError`] naming the file.
pub fn write_name_servers(bootstrap: &GuestBootstrap) -> Result<(), InitError> {
    let Some(network) = &bootstrap.network else {
        return Ok(());
    };
    let ipv4 = network
        .ipv4
        .as_ref()
        .and_then(|ipv4| ipv4.dns)
        .map(|dns| dns.to_string());
    let ipv6 = network
        .ipv6
        .as_ref()
        .and_then(|ipv6| ipv6.dns)
        .map(|dns| dns.to_string());
    let text: String = ipv4
        .into_iter()
        .chain(ipv6)
        .map(|dns| format!("nameserver {dns}\n"))
        .collect();
    if text.is_empty() {
        Ok(())
    } else {
        write("/etc/resolv.conf", &text)
    }
}

/// Everybody reads these files, and their owner writes them.
const MODE: u32 = 0o644;

/// A root that persists has the same from an earlier boot, mostly. ext4 writes a file that was cut to nothing and filled
/// again to the disk at once, which costs a boot more than to read it.
fn write(path: &str, text: &str) -> Result<(), InitError> {
    if is_present(path, text) {
        return Ok(());
    }
    fs::write(path, text).context(format_args!("write {path}"))?;
    fs::set_permissions(path, Permissions::from_mode(MODE)).context(format_args!("chmod {path}"))
}

/// Looks at the kind and the size first: an image may have put something there that has no end.
fn is_present(path: &str, text: &str) -> bool {
    fs::metadata(path).is_ok_and(|file| {
        file.is_file()
            && file.len() == text.len() as u64
            && file.permissions().mode() & 0o7777 == MODE
    }) && fs::read(path).is_ok_and(|present| present == text.as_bytes())
}

/// `/tmp` and `/var/tmp` for everybody; `/run` and the folders the agent needs.
///
/// # Errors
/// [`InitError`] naming the folder.
pub fn prepare_folders() -> Result<(), InitError> {
    for path in ["/tmp", "/var/tmp"] {
        ensure_folder(path)?;
        let mode = fs::metadata(path)
            .context(format_args!("stat {path}"))?
            .permissions()
            .mode();
        if mode & 0o7777 != 0o1777 {
            fs::set_permissions(path, Permissions::from_mode(0o1777))
                .context(format_args!("chmod {path}"))?;
        }
    }
    ensure_folder("/run/microsandbox")?;
    ensure_folder(SCRIPTS_PATH)
}

/// Puts the scripts folder into the `PATH` of login shells, once.
///
/// # Errors
/// [`InitError`] when `/etc/profile` cannot be written.
pub fn extend_profile() -> Result<(), InitError> {
    let path = Path::new("/etc/profile");
    let present = fs::read(path).unwrap_or_default();
    let Some(addition) = profile_addition(&String::from_utf8_lossy(&present)) else {
        return Ok(());
    };
    let file = OpenOptions::new().create(true).append(true).open(path);
    let mut file = file.context("open /etc/profile")?;
    file.write_all(addition.as_bytes())
        .context("write /etc/profile")
}

fn profile_addition(present: &str) -> Option<String> {
    if present.contains(BLOCK_START) {
        return None;
    }
    let gap = if present.is_empty() || present.ends_with('\n') {
        ""
    } else {
        "\n"
    };
    Some(format!(
        "{gap}{BLOCK_START}\ncase \":$PATH:\" in\n  *:{SCRIPTS_PATH}:*) ;;\n  \
         *) PATH=\"{SCRIPTS_PATH}:$PATH\"; export PATH ;;\nesac\n{BLOCK_END}\n"
    ))
}

#[cfg(test)]
mod tests {
    use super::*;
    use msb_protocol::payload::{BootstrapIpv4, BootstrapNetwork};
    use std::net::Ipv4Addr;

    #[test]
    fn hosts_without_and_with_names() {
        assert_eq!(
            hosts(&GuestBootstrap::default()),
            "127.0.0.1\tlocalhost\n::1\tlocalhost ip6-localhost ip6-loopback\n\
             fe00::\tip6-localnet\nff00::\tip6-mcastprefix\nff02::1\tip6-allnodes\n\
             ff02::2\tip6-allrouters\n"
        );
        let bootstrap = GuestBootstrap {
            hostname: Some("box".into()),
            host_alias: Some("host.microsandbox.internal".into()),
            network: Some(BootstrapNetwork {
                interface: "eth0".into(),
                mac: [2, 0, 0, 0, 0, 1],
                mtu: 1500,
                route_mtu: None,
                ipv4: Some(BootstrapIpv4 {
                    address: Ipv4Addr::new(172, 16, 0, 2),
                    prefix_len: 30,
                    gateway: Ipv4Addr::new(172, 16, 0, 1),
                    dns: None,
                }),
                ipv6: None,
            }),
            ..GuestBootstrap::default()
        };
        let text = hosts(&bootstrap);
        assert!(text.starts_with(
            "127.0.0.1\tlocalhost box\n::1\tlocalhost ip6-localhost ip6-loopback box\n\
             172.16.0.1\thost.microsandbox.internal\nfe00::"
        ));
    }

    #[test]
    fn a_file_is_written_unless_it_is_there_already() {
        let path = std::env::temp_dir().join(format!("agentd-write-{}", std::process::id()));
        let name = path.to_str().unwrap();
        let mode = || fs::metadata(&path).unwrap().permissions().mode() & 0o7777;
        write(name, "one\n").unwrap();
        assert!(is_present(name, "one\n"));

        let long_ago = std::time::UNIX_EPOCH + std::time::Duration::from_secs(1);
        fs::File::open(&path)
            .unwrap()
            .set_modified(long_ago)
            .unwrap();
        write(name, "one\n").unwrap();
        assert_eq!(fs::metadata(&path).unwrap().modified().unwrap(), long_ago);

        fs::set_permissions(&path, Permissions::from_mode(0o600)).unwrap();
        write(name, "one\n").unwrap();
        assert_eq!(mode(), MODE);
        assert!(!is_present("/dev/zero", "one\n"));
        write(name, "2\n").unwrap();
        assert_eq!(fs::read_to_string(&path).unwrap(), "2\n");
        fs::remove_file(&path).unwrap();
    }

    #[test]
    fn the_profile_gets_its_block_once() {
        let first = profile_addition("export A=1").unwrap();
        assert!(first.starts_with("\n# >>> microsandbox scripts path >>>\n"));
        assert!(first.ends_with("# <<< microsandbox scripts path <<<\n"));
        assert_eq!(profile_addition(&first), None);
        assert!(profile_addition("").unwrap().starts_with('#'));
    }
}
