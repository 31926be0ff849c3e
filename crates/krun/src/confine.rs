//! Landlock rules for a machine's process: it may open its own files and nothing else.

use crate::error::KrunError;
use crate::machine::Machine;
use landlock::{
    ABI, Access, AccessFs, CompatLevel, Compatible, PathBeneath, PathFd, PathFdError, Ruleset,
    RulesetAttr, RulesetCreated, RulesetCreatedAttr, RulesetError, RulesetStatus,
};
use std::fs::OpenOptions;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

/// Rights known to Linux 6.2, the first with rights to truncate. Later ones stay as they are.
const RIGHTS: ABI = ABI::V3;

const HYPERVISOR: &str = "/dev/kvm";

/// What the kernel made of the rules.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Confinement {
    /// All rules hold.
    Full,
    /// An older kernel enforces part of them.
    Partial,
    /// The kernel has no Landlock.
    None,
}

impl Machine {
    /// Gives up, for the calling thread and every thread it starts, the right to open any file but this
    /// machine's: kernel and initramfs to read, disks as the machine has them, the console log to write, the
    /// hypervisor. `readable` adds files and folders that disks refer to, such as a VMDK's extents.
    ///
    /// Files that the machine opens must exist; the console log is created here.
    ///
    /// # Errors
    ///
    /// When a file is missing, or the rules cannot be applied. A kernel without Landlock is no error.
    pub fn confine(&self, readable: &[PathBuf]) -> Result<Confinement, KrunError> {
        let mut rules = Rules(
            Ruleset::default()
                .set_compatibility(CompatLevel::BestEffort)
                .handle_access(AccessFs::from_all(RIGHTS))
                .and_then(Ruleset::create)
                .map_err(refused)?,
        );
        rules.allow_read(&self.kernel)?;
        if let Some(initramfs) = &self.initramfs {
            rules.allow_read(initramfs)?;
        }
        for path in readable {
            rules.allow_read(path)?;
        }
        for disk in &self.disks {
            if disk.read_only {
                rules.allow_read(&disk.path)?;
            } else {
                rules.allow_write(&disk.path)?;
            }
        }
        if let Some(log) = &self.kernel_log {
            create(log)?;
            rules.allow_write(log)?;
        }
        if Path::new(HYPERVISOR).exists() {
            rules.allow_write(Path::new(HYPERVISOR))?;
        }
        let status = rules.0.restrict_self().map_err(refused)?;
        Ok(match status.ruleset {
            RulesetStatus::FullyEnforced => Confinement::Full,
            RulesetStatus::PartiallyEnforced => Confinement::Partial,
            RulesetStatus::NotEnforced => Confinement::None,
        })
    }
}

struct Rules(RulesetCreated);

impl Rules {
    fn allow_read(&mut self, path: &Path) -> Result<(), KrunError> {
        self.allow(path, AccessFs::from_read(RIGHTS) & !AccessFs::Execute)
    }

    fn allow_write(&mut self, path: &Path) -> Result<(), KrunError> {
        let access = AccessFs::ReadFile | AccessFs::WriteFile | AccessFs::Truncate;
        self.allow(path, access)
    }

    fn allow(
        &mut self,
        path: &Path,
        access: landlock::BitFlags<AccessFs>,
    ) -> Result<(), KrunError> {
        let opened = PathFd::new(path).map_err(|error| missing(path, &error))?;
        // Rights of folders mean nothing on a file, and the kernel refuses them there.
        let access = if path.is_dir() {
            access
        } else {
            access & AccessFs::from_file(RIGHTS)
        };
        (&mut self.0)
            .add_rule(PathBeneath::new(opened, access))
            .map(|_| ())
            .map_err(refused)
    }
}

fn create(path: &Path) -> Result<(), KrunError> {
    OpenOptions::new()
        .create(true)
        .append(true)
        .mode(0o600)
        .open(path)
        .map(|_| ())
        .map_err(|error| KrunError::File {
            path: path.to_owned(),
            reason: error.to_string(),
        })
}

fn missing(path: &Path, error: &PathFdError) -> KrunError {
    KrunError::File {
        path: path.to_owned(),
        reason: error.to_string(),
    }
}

fn refused(error: RulesetError) -> KrunError {
    KrunError::Confine {
        reason: error.to_string(),
    }
}
