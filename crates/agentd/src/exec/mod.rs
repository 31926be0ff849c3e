//! Processes of the guest: planning, starting, feeding, listening, ending (protocol section 16).

mod channels;
mod child;
pub mod failure;
mod input;
mod output;
mod pipe;
mod plan;
mod pty;
mod session;
mod start;
mod table;

pub use child::{ExecPlan, SpawnReport, Spawned};
pub use failure::Stage;
pub use input::Input;
pub use output::OutputKind;
pub use plan::{ExecDefaults, plan};
pub use session::{CODE_SIGNALED, ExitStatus, Session, StartOutcome};
pub use table::{Sessions, SourceKind};
