//! What the user wants mounted, parents first (protocol section 14.3).

use std::path::{Component, Path};

use msb_protocol::payload::{
    BootstrapDirMount, BootstrapDiskMount, BootstrapFileMount, BootstrapTmpfsMount, GuestBootstrap,
    MountFlags, SecurityProfile,
};

use super::disk;
use super::error::InitError;
use super::mount::{ensure_folder, kernel_flags, mount};
use super::shares;
use crate::share::{first_file_port, first_folder_port};

#[derive(Debug, Clone, Copy)]
enum What<'a> {
    /// With the number of its port.
    Folder(usize, &'a BootstrapDirMount),
    /// With the number of its port.
    File(usize, &'a BootstrapFileMount),
    Disk(&'a BootstrapDiskMount),
    Tmpfs(&'a BootstrapTmpfsMount),
}

#[derive(Debug, Clone)]
struct Planned<'a> {
    /// Normalised path.
    path: String,
    depth: usize,
    what: What<'a>,
}

/// Mounts everything `bootstrap` asks for.
///
/// # Errors
/// [`InitError`], before anything is mounted when the plan itself is wrong.
pub fn mount_all(bootstrap: &GuestBootstrap) -> Result<(), InitError> {
    let restricted = bootstrap.security_profile == SecurityProfile::Restricted;
    for planned in plan(bootstrap)? {
        if !matches!(planned.what, What::File(..)) {
            ensure_folder(&planned.path)?;
        }
        match planned.what {
            What::Folder(port, spec) => {
                let flags = kernel_flags(restrict(spec.flags, restricted));
                shares::mount_folder(port, &spec.tag, &planned.path, flags)?;
            }
            What::File(port, spec) => {
                let flags = kernel_flags(restrict(spec.flags, restricted));
                shares::mount_file(port, spec, &planned.path, flags)?;
            }
            What::Disk(spec) => {
                let device = disk::by_serial(&spec.id)?;
                let flags = kernel_flags(restrict(spec.flags, restricted));
                disk::mount_disk(&device, &planned.path, spec.fstype.as_deref(), flags)?;
            }
            What::Tmpfs(spec) => {
                let flags = kernel_flags(restrict(spec.flags, restricted));
                mount(
                    "tmpfs",
                    &planned.path,
                    "tmpfs",
                    flags,
                    &tmpfs_options(&planned.path, spec),
                )?;
            }
        }
    }
    Ok(())
}

fn restrict(flags: MountFlags, restricted: bool) -> MountFlags {
    MountFlags {
        nosuid: flags.nosuid || restricted,
        nodev: flags.nodev || restricted,
        ..flags
    }
}

fn tmpfs_options(path: &str, spec: &BootstrapTmpfsMount) -> String {
    let shared = path == "/tmp" || path == "/var/tmp";
    let mode = spec.mode.unwrap_or(if shared { 0o1777 } else { 0o755 });
    let size = spec
        .size_mib
        .map(|mib| format!("size={},", u64::from(mib) << 20));
    format!("{}mode={mode:o}", size.unwrap_or_default())
}

fn plan(bootstrap: &GuestBootstrap) -> Result<Vec<Planned<'_>>, InitError> {
    let folders = (first_folder_port(bootstrap)..)
        .zip(&bootstrap.dir_mounts)
        .map(|(port, spec)| (&spec.guest_path, What::Folder(port, spec)));
    let files = (first_file_port(bootstrap)..)
        .zip(&bootstrap.file_mounts)
        .map(|(port, spec)| (&spec.guest_path, What::File(port, spec)));
    let disks = bootstrap
        .disk_mounts
        .iter()
        .map(|spec| (&spec.guest_path, What::Disk(spec)));
    let tmpfs = bootstrap
        .tmpfs_mounts
        .iter()
        .map(|spec| (&spec.path, What::Tmpfs(spec)));
    let mut planned = folders
        .chain(files)
        .chain(disks)
        .chain(tmpfs)
        .map(|(path, what)| {
            let (path, depth) = normalise(path)?;
            Ok(Planned { path, depth, what })
        })
        .collect::<Result<Vec<_>, InitError>>()?;
    planned.sort_by(|a, b| (a.depth, &a.path).cmp(&(b.depth, &b.path)));
    refuse_nested_files(&planned)?;
    match planned.windows(2).find(|pair| pair[0].path == pair[1].path) {
        Some(pair) => Err(InitError::Invalid(format!(
            "multiple volumes cannot mount the same guest path: {}",
            pair[0].path
        ))),
        None => Ok(planned),
    }
}

/// Nothing can be mounted below a file.
fn refuse_nested_files(planned: &[Planned<'_>]) -> Result<(), InitError> {
    let files = || {
        planned
            .iter()
            .filter(|entry| matches!(entry.what, What::File(..)))
    };
    for (outer, inner) in files().flat_map(|outer| files().map(move |inner| (outer, inner))) {
        if outer.depth < inner.depth && Path::new(&inner.path).starts_with(&outer.path) {
            return Err(InitError::Invalid(format!(
                "file mount cannot contain another mount: {} is an ancestor of {}",
                outer.path, inner.path
            )));
        }
    }
    Ok(())
}

/// The path without `.` and doubled slashes, and how deep it is.
fn normalise(path: &str) -> Result<(String, usize), InitError> {
    if !path.starts_with('/') {
        return Err(InitError::Invalid(format!(
            "invalid guest mount path: {path}"
        )));
    }
    let mut normal = String::new();
    let mut depth = 0;
    for component in Path::new(path).components() {
        match component {
            Component::ParentDir => {
                let text = format!("guest mount path must not contain '..': {path}");
                return Err(InitError::Invalid(text));
            }
            Component::Normal(name) => {
                depth += 1;
                normal.push('/');
                normal.push_str(&name.to_string_lossy());
            }
            _ => {}
        }
    }
    if depth == 0 {
        return Err(InitError::Invalid(
            "cannot mount a volume at guest root /".to_owned(),
        ));
    }
    Ok((normal, depth))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tmpfs(path: &str) -> BootstrapTmpfsMount {
        BootstrapTmpfsMount {
            path: path.into(),
            size_mib: None,
            mode: None,
            flags: MountFlags::default(),
        }
    }

    fn with_tmpfs(paths: &[&str]) -> GuestBootstrap {
        GuestBootstrap {
            tmpfs_mounts: paths.iter().map(|path| tmpfs(path)).collect(),
            ..GuestBootstrap::default()
        }
    }

    fn refused(bootstrap: &GuestBootstrap) -> String {
        plan(bootstrap).unwrap_err().to_string()
    }

    #[test]
    fn parents_come_before_children_whatever_their_kind() {
        let mut bootstrap = with_tmpfs(&["/a/b/c", "/z", "//a/./b"]);
        bootstrap.disk_mounts.push(BootstrapDiskMount {
            id: "d".into(),
            guest_path: "/a".into(),
            fstype: None,
            flags: MountFlags::default(),
        });
        let paths: Vec<_> = plan(&bootstrap)
            .unwrap()
            .into_iter()
            .map(|p| p.path)
            .collect();
        assert_eq!(paths, ["/a", "/z", "/a/b", "/a/b/c"]);
    }

    #[test]
    fn impossible_plans_are_refused_with_their_path() {
        assert_eq!(refused(&with_tmpfs(&["a"])), "invalid guest mount path: a");
        assert_eq!(
            refused(&with_tmpfs(&["/a/../b"])),
            "guest mount path must not contain '..': /a/../b"
        );
        assert_eq!(
            refused(&with_tmpfs(&["/./"])),
            "cannot mount a volume at guest root /"
        );
        assert_eq!(
            refused(&with_tmpfs(&["/a", "/a/"])),
            "multiple volumes cannot mount the same guest path: /a"
        );
    }

    #[test]
    fn shares_have_the_ports_after_the_root() {
        let mut bootstrap = with_tmpfs(&["/data/tmp"]);
        let flags = MountFlags::default();
        for path in ["/data/b", "/data"] {
            bootstrap.dir_mounts.push(BootstrapDirMount {
                tag: "t".into(),
                guest_path: path.into(),
                flags,
            });
        }
        bootstrap.file_mounts.push(file("/etc/f"));
        let ports: Vec<_> = plan(&bootstrap)
            .unwrap()
            .into_iter()
            .map(|planned| match planned.what {
                What::Folder(port, _) | What::File(port, _) => (planned.path, Some(port)),
                _ => (planned.path, None),
            })
            .collect();
        let expected = [
            ("/data", Some(2)),
            ("/data/b", Some(1)),
            ("/data/tmp", None),
            ("/etc/f", Some(3)),
        ];
        assert_eq!(ports, expected.map(|(path, port)| (path.to_owned(), port)));
    }

    #[test]
    fn nothing_is_mounted_below_a_file() {
        let bootstrap = GuestBootstrap {
            file_mounts: vec![file("/a/f/g"), file("/a/f")],
            ..GuestBootstrap::default()
        };
        assert_eq!(
            refused(&bootstrap),
            "file mount cannot contain another mount: /a/f is an ancestor of /a/f/g"
        );
    }

    fn file(path: &str) -> BootstrapFileMount {
        BootstrapFileMount {
            tag: "t".into(),
            filename: "f".into(),
            guest_path: path.into(),
            flags: MountFlags::default(),
        }
    }

    #[test]
    fn memory_file_systems_get_size_and_mode() {
        assert_eq!(tmpfs_options("/tmp", &tmpfs("/tmp")), "mode=1777");
        assert_eq!(tmpfs_options("/x", &tmpfs("/x")), "mode=755");
        let spec = BootstrapTmpfsMount {
            size_mib: Some(5000),
            mode: Some(0o700),
            ..tmpfs("/x")
        };
        assert_eq!(tmpfs_options("/x", &spec), "size=5242880000,mode=700");
    }

    #[test]
    fn the_restricted_profile_takes_set_user_id_and_devices_away() {
        let flags = MountFlags {
            readonly: true,
            ..MountFlags::default()
        };
        let restricted = MountFlags {
            nosuid: true,
            nodev: true,
            ..flags
        };
        assert_eq!(restrict(flags, true), restricted);
        assert_eq!(restrict(flags, false), flags);
    }
}
