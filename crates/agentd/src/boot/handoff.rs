//! A program of the image as process 1 (protocol section 14.6).
//!
//! The agent is process 1 until it knows that another program is to be. Then it forks, before it has any thread: the
//! child sets the guest up and stays the agent, and process 1 waits for its word to become the program. Both share
//! root and working directory (`CLONE_FS`), so process 1 enters the new root along with the child.

use std::ffi::CString;
use std::fs::{File, Metadata, OpenOptions};
use std::io::{self, Read, Write};
use std::mem::ManuallyDrop;
use std::os::fd::OwnedFd;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use msb_protocol::constants::{HANDOFF_INIT_AUTO, HANDOFF_INIT_AUTO_CANDIDATES};
use msb_protocol::payload::{BootstrapHandoffInit, GuestBootstrap};
use rustix::pipe::{PipeFlags, pipe_with};

use super::error::{Context, InitError};
use crate::environment::Environment;
use crate::rlimit::known_limits;
use crate::shutdown;
use crate::sys::{self, Forked, InitProgram};

/// Where messages of the agent go afterwards: the console belongs to the new process 1.
const LOG: &str = "/run/microsandbox/agentd.log";

/// The agent's side of a handoff.
#[derive(Debug)]
pub struct Handoff {
    /// Never closed by us: its end tells process 1 that the agent died, and one that fails says why first.
    go: ManuallyDrop<OwnedFd>,
}

/// Splits process 1 from the agent when the bootstrap asks for it. Only the agent returns.
///
/// # Errors
/// When the process cannot be made.
pub fn prepare(bootstrap: &GuestBootstrap) -> Result<Option<Handoff>, InitError> {
    let Some(init) = &bootstrap.handoff_init else {
        return Ok(None);
    };
    let (wait, go) = pipe_with(PipeFlags::CLOEXEC).context("handoff pipe")?;
    match sys::fork_sharing_root().context("handoff fork")? {
        Forked::Parent => {
            drop(go);
            become_init(init, bootstrap, wait)
        }
        Forked::Child => Ok(Some(Handoff {
            go: ManuallyDrop::new(go),
        })),
    }
}

impl Handoff {
    /// Lets process 1 become the program, with `environment` under its own variables; the guest is set up.
    ///
    /// # Errors
    /// [`InitError`] naming what is wrong with the program. The guest is of no use then.
    pub fn complete(
        &self,
        init: &BootstrapHandoffInit,
        mut environment: Environment,
    ) -> Result<(), InitError> {
        let program = program_of(&init.cmd, Path::new("/"))?;
        if !is_executable(&program) {
            let text = format!("{program} is not an executable file");
            return Err(InitError::Invalid(text));
        }
        if let Some(cwd) = &init.cwd {
            if !Path::new(cwd).is_dir() {
                return Err(InitError::Invalid(format!("{cwd} is not a folder")));
            }
        }
        let _ = rustix::process::setsid();
        for entry in &init.env {
            environment.set(&entry.key, &entry.value);
        }
        let words: Vec<String> = std::iter::once(program)
            .chain(environment.lines())
            .collect();
        self.tell(words.join("\0").as_bytes())
            .context("tell process 1 to go on")?;
        if let Ok(log) = OpenOptions::new().append(true).create(true).open(LOG) {
            // Without a log there is nowhere else to say so.
            let _ = rustix::stdio::dup2_stderr(&log);
        }
        Ok(())
    }

    /// Sends `message` behind its length.
    fn tell(&self, message: &[u8]) -> io::Result<()> {
        let mut pipe = File::from(self.go.try_clone()?);
        let length = u32::try_from(message.len()).map_err(io::Error::other)?;
        pipe.write_all(&length.to_ne_bytes())?;
        pipe.write_all(message)
    }
}

/// What [`Handoff::tell`] sent; an error when the agent died without a word.
fn hear(pipe: OwnedFd) -> io::Result<Vec<u8>> {
    let mut pipe = File::from(pipe);
    let mut length = [0; 4];
    pipe.read_exact(&mut length)?;
    let mut message = Vec::new();
    pipe.take(u32::from_ne_bytes(length).into())
        .read_to_end(&mut message)?;
    Ok(message)
}

/// What process 1 does from the fork on.
fn become_init(init: &BootstrapHandoffInit, bootstrap: &GuestBootstrap, wait: OwnedFd) -> ! {
    let Ok(message) = hear(wait) else {
        // Without the agent the machine is of no use.
        shutdown::restart()
    };
    let mut words = message
        .split(|byte| *byte == 0)
        .filter_map(|word| CString::new(word).ok());
    let program = words.next().unwrap_or_default();
    let arguments = init.args.iter();
    let argv = std::iter::once(program)
        .chain(arguments.filter_map(|arg| CString::new(arg.as_str()).ok()))
        .collect();
    let code = sys::become_program(&InitProgram {
        argv,
        envp: words.collect(),
        cwd: init.cwd.as_deref().and_then(|cwd| CString::new(cwd).ok()),
        limits: known_limits(&bootstrap.rlimits),
    });
    std::process::exit(code)
}

/// The program of a handoff command; `auto` is the first init that `root` has.
fn program_of(cmd: &str, root: &Path) -> Result<String, InitError> {
    if cmd != HANDOFF_INIT_AUTO {
        return Ok(cmd.to_owned());
    }
    let found = HANDOFF_INIT_AUTO_CANDIDATES
        .iter()
        .find(|path| is_executable(root.join(path.trim_start_matches('/'))));
    found.map(|path| (*path).to_owned()).ok_or_else(|| {
        let checked = HANDOFF_INIT_AUTO_CANDIDATES.join(", ");
        InitError::Invalid(format!("auto: no init binary found, checked: {checked}"))
    })
}

fn is_executable(path: impl AsRef<Path>) -> bool {
    let executable =
        |metadata: Metadata| metadata.is_file() && metadata.permissions().mode() & 0o111 != 0;
    std::fs::metadata(path).is_ok_and(executable)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;

    #[test]
    fn auto_takes_the_first_that_can_be_executed() {
        let root = std::env::temp_dir().join(format!("handoff-{}", std::process::id()));
        fs::create_dir_all(root.join("sbin")).unwrap();
        fs::create_dir_all(root.join("usr/lib/systemd")).unwrap();
        fs::write(root.join("sbin/init"), "").unwrap();
        let missing = program_of("auto", &root).unwrap_err().to_string();
        assert!(missing.contains(
            "auto: no init binary found, checked: /sbin/init, /lib/systemd/systemd, /usr/lib"
        ));
        let systemd = root.join("usr/lib/systemd/systemd");
        fs::write(&systemd, "").unwrap();
        fs::set_permissions(&systemd, fs::Permissions::from_mode(0o755)).unwrap();
        assert_eq!(
            program_of("auto", &root).unwrap(),
            "/usr/lib/systemd/systemd"
        );
        assert_eq!(program_of("/bin/my-init", &root).unwrap(), "/bin/my-init");
        fs::remove_dir_all(root).unwrap();
    }
}
