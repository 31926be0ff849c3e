//! Payloads of `core.exec.*` (protocol section 6.2).

use serde::{Deserialize, Serialize};
use serde_bytes::ByteBuf;

/// `core.exec.request`: start a process.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ExecRequest {
    /// Program: a path, or a name looked up on the child's `PATH`.
    pub cmd: String,
    /// Arguments without `argv[0]`.
    #[serde(default)]
    pub args: Vec<String>,
    /// `KEY=VALUE` entries on top of the sandbox's environment.
    #[serde(default)]
    pub env: Vec<String>,
    /// Working directory; the sandbox's default when absent.
    #[serde(default)]
    pub cwd: Option<String>,
    /// `USER[:GROUP]`; the sandbox's default when absent.
    #[serde(default)]
    pub user: Option<String>,
    /// Run on a terminal.
    #[serde(default)]
    pub tty: bool,
    /// Rows of the terminal.
    #[serde(default = "default_rows")]
    pub rows: u16,
    /// Columns of the terminal.
    #[serde(default = "default_cols")]
    pub cols: u16,
    /// Limits of this process only.
    #[serde(default)]
    pub rlimits: Vec<ExecRlimit>,
}

const fn default_rows() -> u16 {
    24
}

const fn default_cols() -> u16 {
    80
}

/// One resource limit.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ExecRlimit {
    /// Name such as `nofile`, case does not matter.
    pub resource: String,
    /// Soft limit.
    pub soft: u64,
    /// Hard limit.
    pub hard: u64,
}

/// `core.exec.started`: the process runs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ExecStarted {
    /// Process id in the guest.
    pub pid: u32,
}

/// `core.exec.stdin`: input; empty data is the end of input.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ExecStdin {
    /// Bytes for the process.
    pub data: ByteBuf,
}

/// `core.exec.stdout`: output, or everything a terminal shows.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ExecStdout {
    /// Bytes from the process.
    pub data: ByteBuf,
}

/// `core.exec.stderr`: error output; never in terminal mode.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ExecStderr {
    /// Bytes from the process.
    pub data: ByteBuf,
}

/// `core.exec.stdin.error`: input could not be delivered; the session goes on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ExecStdinError {
    /// Linux error number.
    #[serde(default)]
    pub errno: Option<i32>,
    /// Its name, for example `EPIPE`.
    #[serde(default)]
    pub errno_name: Option<String>,
    /// The same for people.
    pub message: String,
}

/// `core.exec.exited`: the process ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ExecExited {
    /// Exit status, or -1 when a signal ended it.
    pub code: i32,
    /// The signal that ended it, which the reference leaves out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub signal: Option<i32>,
}

/// Why a process could not be started.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ExecFailureKind {
    /// No such program.
    NotFound,
    /// Not allowed.
    PermissionDenied,
    /// Not a program this machine can run.
    NotExecutable,
    /// The working directory does not exist or cannot be entered.
    BadCwd,
    /// Arguments or names the kernel refuses.
    BadArgs,
    /// A limit on processes or files was hit.
    ResourceLimit,
    /// User or group unknown, or not to be had.
    UserSetupFailed,
    /// No memory.
    OutOfMemory,
    /// No terminal to be had.
    PtySetupFailed,
    /// Anything else.
    Other,
}

/// `core.exec.failed`: the program never ran.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ExecFailed {
    /// Class of the failure.
    pub kind: ExecFailureKind,
    /// Linux error number.
    #[serde(default)]
    pub errno: Option<i32>,
    /// Its name, for example `ENOENT`.
    #[serde(default)]
    pub errno_name: Option<String>,
    /// The same for people.
    pub message: String,
    /// The step that failed.
    #[serde(default)]
    pub stage: Option<String>,
}

/// `core.exec.resize`: new size of the terminal.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ExecResize {
    /// Rows.
    pub rows: u16,
    /// Columns.
    pub cols: u16,
}

/// `core.exec.signal`: signal to the process group.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ExecSignal {
    /// Linux signal number, 1 to 31.
    pub signal: i32,
}
