//! From an initramfs to a guest that accepts commands (protocol section 14).

mod block_root;
mod console;
mod device;
mod disk;
mod error;
mod files;
mod handoff;
mod handshake;
mod handshake_error;
mod machine_id;
mod mount;
mod netlink;
mod network;
mod shares;
mod template;
mod trust;
mod uevent_helper;
mod user_mounts;
mod validate;

use std::os::fd::OwnedFd;
use std::time::Instant;

use msb_protocol::constants::RUNTIME_MOUNT_POINT;
use msb_protocol::payload::{GuestBootstrap, Ready, UserIds};
use thiserror::Error;

use crate::agent::{AgentConfig, extensions};
use crate::clock;
use crate::environment::Environment;
use crate::exec::ExecDefaults;
use crate::port::Port;
use crate::rlimit::{known_limits, raise_file_limit};
use crate::user::UserDatabase;
use error::Context;
pub use error::InitError;
pub use handshake::{BeforeBootstrap, receive_bootstrap};
pub use handshake_error::HandshakeError;
use template::Template;

/// A guest that is set up.
pub struct Guest {
    /// Where the host is.
    pub port: Port,
    /// How the agent's loop is to run.
    pub config: AgentConfig,
    /// What to tell the host.
    pub ready: Ready,
    /// Keeps the writable layer within reach for the end.
    pub upper: Option<OwnedFd>,
}

/// Which phase failed, and why. The texts begin as hosts know them from the kernel log.
#[derive(Debug, Error)]
pub enum BootError {
    /// Nothing works without the kernel's own file systems.
    #[error("early init failed: {0}")]
    Early(InitError),
    /// No way to talk to the host.
    #[error("console open failed: {0}")]
    Console(std::io::Error),
    /// The host said nothing, or something else.
    #[error("bootstrap receive failed: {0}")]
    Receive(HandshakeError),
    /// The configuration is impossible.
    #[error("bootstrap validation failed: config error: {0}")]
    Validation(String),
    /// A step of the set-up failed.
    #[error("init failed: {0}")]
    Init(InitError),
    /// The image's own init cannot take over.
    #[error("handoff failed: {0}")]
    Handoff(InitError),
    /// The host did not acknowledge.
    #[error("init failed: {0}")]
    Acknowledge(HandshakeError),
}

/// Sets the guest up as the host tells.
///
/// # Errors
/// [`BootError`]; the guest is of no use then.
pub fn boot(boot_time_ns: u64) -> Result<Guest, BootError> {
    mount::early_mounts().map_err(BootError::Early)?;
    console::reopen();
    uevent_helper::forbid();
    let mut port = Port::discover().map_err(BootError::Console)?;
    let mut template = Template::default();
    let bootstrap = receive_bootstrap(&mut port, &mut template).map_err(BootError::Receive)?;
    let start = Instant::now();
    validate::validate(&bootstrap).map_err(BootError::Validation)?;
    let handoff = handoff::prepare(&bootstrap).map_err(BootError::Handoff)?;
    let file_limit = raise_file_limit();
    let limits = [vec![file_limit], known_limits(&bootstrap.rlimits)].concat();
    prove_limits(&bootstrap).map_err(BootError::Init)?;
    template
        .bind_devices(bootstrap.network.is_some())
        .map_err(|text| BootError::Init(InitError::Invalid(text)))?;
    let upper = enter_root(&bootstrap).map_err(BootError::Init)?;
    let users = UserDatabase::default();
    let default_user = default_user(&bootstrap, &users).map_err(BootError::Init)?;
    handshake::resolve_init(&mut port, default_user).map_err(BootError::Acknowledge)?;
    furnish(&bootstrap).map_err(BootError::Init)?;
    // The sandbox's own variables are set after these, so they win.
    let mut variables = trust::install().map_err(BootError::Init)?;
    variables.extend(bootstrap.default_env);
    if let (Some(handoff), Some(init)) = (handoff, &bootstrap.handoff_init) {
        handoff
            .complete(init, Environment::of_sandbox(&variables))
            .map_err(BootError::Handoff)?;
    }
    let init_time_ns = u64::try_from(start.elapsed().as_nanos()).unwrap_or(u64::MAX);
    let config = AgentConfig {
        defaults: ExecDefaults {
            environment: Environment::of_sandbox(&variables),
            cwd: bootstrap.default_cwd,
            user: bootstrap.user,
            profile: bootstrap.security_profile,
            limits,
            users,
        },
        heartbeat_folder: Some(RUNTIME_MOUNT_POINT.into()),
        input_budget: input_budget(),
    };
    let ready = Ready {
        boot_time_ns,
        init_time_ns,
        ready_time_ns: clock::boot_time_nanos(),
        agent_version: env!("CARGO_PKG_VERSION").to_owned(),
        extensions: extensions(),
    };
    Ok(Guest {
        port,
        config,
        ready,
        upper,
    })
}

/// Sets the limits on ourselves and takes them back: a limit that the kernel refuses must fail the
/// boot, but the agent itself has to go on under any of them. Children get them before exec.
fn prove_limits(bootstrap: &GuestBootstrap) -> Result<(), InitError> {
    for limit in &bootstrap.rlimits {
        for known in known_limits(std::slice::from_ref(limit)) {
            crate::sys::prove_limit(known).context(format_args!(
                "failed to apply rlimit {}={}:{}",
                limit.resource, limit.soft, limit.hard
            ))?;
        }
    }
    Ok(())
}

fn enter_root(bootstrap: &GuestBootstrap) -> Result<Option<OwnedFd>, InitError> {
    block_root::mount_runtime_folder()?;
    match &bootstrap.block_root {
        Some(root) => block_root::enter(root),
        None => block_root::enter_folder().map(|()| None),
    }
}

fn default_user(bootstrap: &GuestBootstrap, users: &UserDatabase) -> Result<UserIds, InitError> {
    let Some(spec) = &bootstrap.user else {
        return Ok(UserIds { uid: 0, gid: 0 });
    };
    let user = users
        .resolve(spec)
        .map_err(|error| InitError::Invalid(error.to_string()))?;
    Ok(UserIds {
        uid: user.credentials.uid,
        gid: user.credentials.gid,
    })
}

/// Everything in the final root: mounts, names, network, small files.
fn furnish(bootstrap: &GuestBootstrap) -> Result<(), InitError> {
    user_mounts::mount_all(bootstrap)?;
    files::write_names(bootstrap)?;
    machine_id::complete().context("complete /etc/machine-id")?;
    files::prepare_folders()?;
    network::configure(bootstrap.network.as_ref())?;
    files::write_name_servers(bootstrap)?;
    files::extend_profile()
}

/// An eighth of the memory, within reason.
fn input_budget() -> usize {
    let total = rustix::system::sysinfo().totalram;
    usize::try_from(total / 8)
        .unwrap_or(usize::MAX)
        .clamp(4 << 20, 32 << 20)
}
