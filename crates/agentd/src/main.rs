//! Process 1 of a sandbox.

use std::process::ExitCode;

use msb_agentd::agent::{Agent, LoopError};
use msb_agentd::boot::{self, Guest};
use msb_agentd::{clock, shutdown};

fn main() -> ExitCode {
    let boot_time_ns = clock::boot_time_nanos();
    if std::process::id() != 1 {
        eprintln!("agentd: this is process 1 of a virtual machine and nothing else");
        return ExitCode::FAILURE;
    }
    restart_on_panic();
    match boot::boot(boot_time_ns) {
        Ok(guest) => {
            let Guest {
                port,
                config,
                ready,
                upper,
            } = guest;
            let outcome = Agent::new(port, config).and_then(|mut agent| serve(&mut agent, &ready));
            if let Err(error) = outcome {
                eprintln!("agentd: agent loop error: {error}");
            }
            shutdown::power_off(upper)
        }
        Err(error) => {
            eprintln!("agentd: {error}");
            shutdown::restart()
        }
    }
}

fn serve(agent: &mut Agent, ready: &msb_protocol::payload::Ready) -> Result<(), LoopError> {
    agent.announce(ready);
    agent.run()?;
    agent.terminate_sessions();
    Ok(())
}

/// A kernel whose process 1 ends panics. Say why and restart instead: that is quicker, and the
/// reason is the last line of the log.
fn restart_on_panic() {
    std::panic::set_hook(Box::new(|info| {
        eprintln!("agentd: {info}");
        shutdown::restart()
    }));
}
