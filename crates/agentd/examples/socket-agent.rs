//! The agent's loop over a socket on standard input, as an ordinary process: for tests, and for
//! looking at the loop without a virtual machine. The first argument is a folder that holds
//! `passwd` and `group` and takes the heartbeat.

use std::os::fd::AsFd;
use std::path::PathBuf;

use msb_agentd::agent::{Agent, AgentConfig, extensions};
use msb_agentd::environment::Environment;
use msb_agentd::exec::ExecDefaults;
use msb_agentd::port::Port;
use msb_agentd::user::UserDatabase;
use msb_protocol::payload::Ready;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let folder = PathBuf::from(std::env::args_os().nth(1).ok_or("which folder?")?);
    let port = Port::from_fd(std::io::stdin().as_fd().try_clone_to_owned()?)?;
    let config = AgentConfig {
        defaults: ExecDefaults {
            environment: Environment::of_sandbox(&[]),
            users: UserDatabase::new(folder.join("passwd"), folder.join("group")),
            ..ExecDefaults::default()
        },
        heartbeat_folder: Some(folder),
        input_budget: 1 << 20,
    };
    let mut agent = Agent::new(port, config)?;
    agent.announce(&Ready {
        boot_time_ns: 1,
        init_time_ns: 2,
        ready_time_ns: 3,
        agent_version: env!("CARGO_PKG_VERSION").to_owned(),
        extensions: extensions(),
    });
    let end = agent.run()?;
    agent.terminate_sessions();
    println!("{end:?}");
    Ok(())
}
