//! From a request to everything a child needs; pure but for reading the guest's users.

use std::ffi::CString;

use msb_protocol::payload::{ExecFailed, ExecRequest, SecurityProfile};

use super::child::ExecPlan;
use super::failure;
use crate::environment::Environment;
use crate::rlimit::{ResourceLimit, known_limits};
use crate::user::{ResolvedUser, UserDatabase};

/// What every process of the sandbox has in common.
#[derive(Debug, Default)]
pub struct ExecDefaults {
    /// The sandbox's environment.
    pub environment: Environment,
    /// Working directory when a request names none.
    pub cwd: Option<String>,
    /// User when a request names none.
    pub user: Option<String>,
    /// How much processes may do.
    pub profile: SecurityProfile,
    /// Limits of every process.
    pub limits: Vec<ResourceLimit>,
    /// Where the guest's users are written down.
    pub users: UserDatabase,
}

/// Prepares `request`.
///
/// # Errors
/// [`ExecFailed`] when the user is unknown or a string holds a NUL.
pub fn plan(request: &ExecRequest, defaults: &ExecDefaults) -> Result<ExecPlan, ExecFailed> {
    let user = resolve_user(request, defaults)?;
    let mut environment = defaults.environment.with_request(&request.env);
    if !request.env.iter().any(|entry| entry.starts_with("HOME=")) {
        let home = match &user {
            Some(user) => user.home.clone(),
            None => defaults.users.home_of(0),
        };
        environment.set("HOME", home.as_deref().unwrap_or("/"));
    }
    let path = environment.get("PATH").unwrap_or_default().to_owned();
    let cwd = request
        .cwd
        .as_ref()
        .or(defaults.cwd.as_ref())
        .map_or("/", String::as_str);
    let argv = std::iter::once(&request.cmd).chain(&request.args);
    Ok(ExecPlan {
        candidates: candidates(&request.cmd, &path)
            .into_iter()
            .map(|path| text("command", path))
            .collect::<Result<_, _>>()?,
        argv: argv
            .map(|arg| text("argument", arg.clone()))
            .collect::<Result<_, _>>()?,
        envp: environment
            .lines()
            .map(|line| text("environment", line))
            .collect::<Result<_, _>>()?,
        cwd: text("working directory", cwd)?,
        terminal: request.tty,
        sandbox_limits: defaults.limits.clone(),
        request_limits: known_limits(&request.rlimits),
        credentials: user.map(|user| user.credentials),
        restricted: defaults.profile == SecurityProfile::Restricted,
    })
}

fn resolve_user(
    request: &ExecRequest,
    defaults: &ExecDefaults,
) -> Result<Option<ResolvedUser>, ExecFailed> {
    let named = request
        .user
        .as_deref()
        .map(str::trim)
        .filter(|user| !user.is_empty());
    let Some(spec) = named.or(defaults.user.as_deref()) else {
        return Ok(None);
    };
    defaults
        .users
        .resolve(spec)
        .map(Some)
        .map_err(|error| failure::from_user(&error))
}

/// Where `cmd` may be: itself when it is a path, else in each folder of `path`.
fn candidates(cmd: &str, path: &str) -> Vec<String> {
    if cmd.is_empty() || cmd.contains('/') {
        return vec![cmd.to_owned()];
    }
    let join = |folder: &str| {
        if folder.is_empty() {
            format!("./{cmd}")
        } else {
            format!("{folder}/{cmd}")
        }
    };
    path.split(':').map(join).collect()
}

fn text(what: &str, value: impl Into<Vec<u8>>) -> Result<CString, ExecFailed> {
    CString::new(value).map_err(|_| failure::bad_argument(&format!("{what} must not contain NUL")))
}

#[cfg(test)]
mod tests {
    use super::*;
    use msb_protocol::payload::{BootstrapEnvVar, ExecFailureKind};

    fn request(cmd: &str) -> ExecRequest {
        ExecRequest {
            cmd: cmd.into(),
            args: vec![],
            env: vec![],
            cwd: None,
            user: None,
            tty: false,
            rows: 24,
            cols: 80,
            rlimits: vec![],
        }
    }

    fn defaults() -> ExecDefaults {
        let path = BootstrapEnvVar {
            key: "PATH".into(),
            value: "/bin::/usr/bin".into(),
        };
        ExecDefaults {
            environment: Environment::of_sandbox(&[path]),
            ..ExecDefaults::default()
        }
    }

    fn strings(list: &[CString]) -> Vec<&str> {
        list.iter().map(|s| s.to_str().unwrap()).collect()
    }

    #[test]
    fn names_are_looked_up_on_the_childs_path() {
        let plan = super::plan(&request("ls"), &defaults()).unwrap();
        assert_eq!(
            strings(&plan.candidates),
            ["/.msb/scripts/ls", "/bin/ls", "./ls", "/usr/bin/ls"]
        );
        let plan = super::plan(&request("./ls"), &defaults()).unwrap();
        assert_eq!(strings(&plan.candidates), ["./ls"]);
        assert_eq!(plan.cwd.to_str(), Ok("/"));
    }

    #[test]
    fn home_is_the_users_unless_the_request_has_one() {
        let plan = super::plan(&request("ls"), &defaults()).unwrap();
        assert!(
            strings(&plan.envp)
                .iter()
                .any(|line| line.starts_with("HOME=/"))
        );
        let mut with_home = request("ls");
        with_home.env = vec!["HOME=/x".into()];
        let plan = super::plan(&with_home, &defaults()).unwrap();
        assert!(strings(&plan.envp).contains(&"HOME=/x"));
    }

    #[test]
    fn nul_and_unknown_users_are_refused() {
        let mut nul = request("ls");
        nul.args = vec!["a\0b".into()];
        assert_eq!(
            super::plan(&nul, &defaults()).unwrap_err().kind,
            ExecFailureKind::BadArgs
        );
        let mut nobody = request("ls");
        nobody.user = Some("no-such-user-here".into());
        let failed = super::plan(&nobody, &defaults()).unwrap_err();
        assert_eq!(failed.kind, ExecFailureKind::UserSetupFailed);
        assert_eq!(
            failed.message,
            "exec session error: guest user not found: no-such-user-here"
        );
    }
}
