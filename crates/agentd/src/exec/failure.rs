//! How a program that never ran is reported (protocol section 16.4).

use std::io;

use msb_protocol::payload::{ExecFailed, ExecFailureKind, ExecStdinError};

use super::child::SpawnReport;
use crate::text::shorten;
use crate::user::UserError;

/// Step between fork and exec.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub enum Stage {
    /// Becoming a session leader.
    Session = 1,
    /// Installing descriptors 0, 1, 2.
    Stdio,
    /// Taking the terminal.
    Terminal,
    /// Setting resource limits.
    Limits,
    /// Entering the working directory.
    Cwd,
    /// Giving up privileges.
    Profile,
    /// Becoming the user.
    User,
    /// Executing the program.
    Exec,
}

impl Stage {
    const ALL: [Self; 8] = [
        Self::Session,
        Self::Stdio,
        Self::Terminal,
        Self::Limits,
        Self::Cwd,
        Self::Profile,
        Self::User,
        Self::Exec,
    ];

    /// Reads the number that a child wrote.
    #[must_use]
    pub fn from_code(code: u8) -> Option<Self> {
        Self::ALL.into_iter().find(|stage| *stage as u8 == code)
    }

    /// Name on the wire. The last step keeps the two names that clients know.
    fn name(self, tty: bool) -> &'static str {
        match self {
            Self::Session => "setsid",
            Self::Stdio => "dup2",
            Self::Terminal => "tiocsctty",
            Self::Limits => "setrlimit",
            Self::Cwd => "chdir",
            Self::Profile => "security profile",
            Self::User => "setuid",
            Self::Exec if tty => "execvp",
            Self::Exec => "Command::spawn",
        }
    }

    fn kind(self, errno: i32) -> ExecFailureKind {
        match self {
            Self::Cwd => ExecFailureKind::BadCwd,
            Self::User => ExecFailureKind::UserSetupFailed,
            Self::Terminal => ExecFailureKind::PtySetupFailed,
            _ => kind_of(errno),
        }
    }
}

/// A child that could not execute `cmd`.
#[must_use]
pub fn from_report(cmd: &str, tty: bool, report: SpawnReport) -> ExecFailed {
    ExecFailed {
        kind: report.stage.kind(report.errno),
        errno: Some(report.errno),
        errno_name: errno_name(report.errno).map(str::to_owned),
        message: spawn_message(cmd, &io::Error::from_raw_os_error(report.errno)),
        stage: Some(report.stage.name(tty).to_owned()),
    }
}

/// No child could be made for `cmd`; `stage` says what was tried.
#[must_use]
pub fn from_io(cmd: &str, stage: &str, error: &io::Error) -> ExecFailed {
    let errno = error.raw_os_error();
    ExecFailed {
        kind: errno.map_or(ExecFailureKind::Other, kind_of),
        errno,
        errno_name: errno.and_then(errno_name).map(str::to_owned),
        message: spawn_message(cmd, error),
        stage: Some(stage.to_owned()),
    }
}

/// No terminal to be had for `cmd`.
#[must_use]
pub fn from_pty(cmd: &str, error: &io::Error) -> ExecFailed {
    ExecFailed {
        kind: ExecFailureKind::PtySetupFailed,
        ..from_io(cmd, "openpty", error)
    }
}

/// The request's user is no user of this guest.
#[must_use]
pub fn from_user(error: &UserError) -> ExecFailed {
    without_errno(ExecFailureKind::UserSetupFailed, error.to_string())
}

/// Something in the request cannot be passed to a program.
#[must_use]
pub fn bad_argument(message: &str) -> ExecFailed {
    without_errno(ExecFailureKind::BadArgs, message.to_owned())
}

fn without_errno(kind: ExecFailureKind, message: String) -> ExecFailed {
    let message = shorten(format!("exec session error: {message}"));
    ExecFailed {
        kind,
        errno: None,
        errno_name: None,
        message,
        stage: None,
    }
}

/// Input could not be written.
#[must_use]
pub fn stdin_error(error: &io::Error) -> ExecStdinError {
    let errno = error.raw_os_error();
    let name = errno.and_then(errno_name).map(str::to_owned);
    ExecStdinError {
        errno,
        errno_name: name,
        message: format!("io error: {error}"),
    }
}

fn spawn_message(cmd: &str, error: &io::Error) -> String {
    format!("spawn {:?}: {error}", shorten(cmd.to_owned()))
}

fn kind_of(errno: i32) -> ExecFailureKind {
    match errno {
        libc::ENOENT => ExecFailureKind::NotFound,
        libc::ENOTDIR => ExecFailureKind::BadCwd,
        libc::EACCES | libc::EPERM => ExecFailureKind::PermissionDenied,
        libc::ENOEXEC | libc::EISDIR | libc::ETXTBSY => ExecFailureKind::NotExecutable,
        libc::E2BIG | libc::ELOOP | libc::ENAMETOOLONG | libc::EFAULT => ExecFailureKind::BadArgs,
        libc::EMFILE | libc::ENFILE | libc::EAGAIN => ExecFailureKind::ResourceLimit,
        libc::ENOMEM => ExecFailureKind::OutOfMemory,
        _ => ExecFailureKind::Other,
    }
}

fn errno_name(errno: i32) -> Option<&'static str> {
    Some(match errno {
        libc::E2BIG => "E2BIG",
        libc::EACCES => "EACCES",
        libc::EAGAIN => "EAGAIN",
        libc::EBADF => "EBADF",
        libc::EBUSY => "EBUSY",
        libc::EFAULT => "EFAULT",
        libc::EFBIG => "EFBIG",
        libc::EINVAL => "EINVAL",
        libc::EIO => "EIO",
        libc::EISDIR => "EISDIR",
        libc::ELOOP => "ELOOP",
        libc::EMFILE => "EMFILE",
        libc::ENAMETOOLONG => "ENAMETOOLONG",
        libc::ENFILE => "ENFILE",
        libc::ENOBUFS => "ENOBUFS",
        libc::ENOENT => "ENOENT",
        libc::ENOEXEC => "ENOEXEC",
        libc::ENOMEM => "ENOMEM",
        libc::ENOSPC => "ENOSPC",
        libc::ENOSYS => "ENOSYS",
        libc::ENOTDIR => "ENOTDIR",
        libc::ENXIO => "ENXIO",
        libc::EPERM => "EPERM",
        libc::EPIPE => "EPIPE",
        libc::ETXTBSY => "ETXTBSY",
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_missing_program_reads_as_clients_expect() {
        let report = SpawnReport {
            stage: Stage::Exec,
            errno: libc::ENOENT,
        };
        let failed = from_report("nope", false, report);
        assert_eq!(failed.kind, ExecFailureKind::NotFound);
        assert_eq!(
            (failed.errno, failed.errno_name.as_deref()),
            (Some(2), Some("ENOENT"))
        );
        assert_eq!(
            failed.message,
            "spawn \"nope\": No such file or directory (os error 2)"
        );
        assert_eq!(failed.stage.as_deref(), Some("Command::spawn"));
        assert_eq!(
            from_report("nope", true, report).stage.as_deref(),
            Some("execvp")
        );
    }

    #[test]
    fn a_missing_folder_is_not_a_missing_program() {
        let report = SpawnReport {
            stage: Stage::Cwd,
            errno: libc::ENOENT,
        };
        let failed = from_report("ls", false, report);
        assert_eq!(failed.kind, ExecFailureKind::BadCwd);
        assert_eq!(failed.stage.as_deref(), Some("chdir"));
    }

    #[test]
    fn stages_survive_the_status_pipe() {
        for stage in Stage::ALL {
            assert_eq!(Stage::from_code(stage as u8), Some(stage));
        }
        assert_eq!(Stage::from_code(0), None);
    }
}
