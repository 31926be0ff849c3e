//! Children that cannot outlive this process.

use crate::{error, sys};
use napi::bindgen_prelude::Object;
use napi::{Env, Error, JsDeferred};
use napi_derive::napi;
use std::ffi::CString;
use std::thread;

/// Stack of a thread that only waits.
const WAITER_STACK_BYTES: usize = 64 * 1024;

/// Placement of one descriptor into the child.
#[napi(object)]
pub struct InheritedDescriptor {
    pub child_fd: i32,
    pub fd: i32,
}

/// A program to run under supervision.
#[napi(object)]
pub struct SupervisedCommand {
    pub program: String,
    pub args: Vec<String>,
    pub env: Vec<String>,
    pub output_fd: Option<i32>,
    pub descriptors: Vec<InheritedDescriptor>,
}

/// How the program ended: exactly one of the two is set.
#[napi(object, object_from_js = false)]
pub struct SupervisedExit {
    pub code: napi::Either<i32, napi::bindgen_prelude::Null>,
    pub signal: napi::Either<i32, napi::bindgen_prelude::Null>,
}

/// Starts the program and returns `{ pid, exited }`.
///
/// Must be called from Node's main thread: the kernel ends the child when the *thread* that forked it ends, and when this
/// process does.
#[napi]
pub fn spawn_supervised<'env>(
    env: &'env Env,
    command: SupervisedCommand,
) -> napi::Result<Object<'env>> {
    let plan = plan(command)?;
    let child = sys::spawn(&plan).map_err(|failure| error::system(failure.step, &failure.error))?;
    let pid = child.pid;
    let (deferred, promise) = env.create_deferred()?;
    watch(child, deferred)?;
    let mut handle = Object::new(env)?;
    handle.set("pid", pid)?;
    handle.set("exited", promise)?;
    Ok(handle)
}

fn plan(command: SupervisedCommand) -> napi::Result<sys::SpawnPlan> {
    let mut argv = vec![c_string(&command.program)?];
    for arg in &command.args {
        argv.push(c_string(arg)?);
    }
    let mut descriptors = Vec::with_capacity(command.descriptors.len());
    for entry in &command.descriptors {
        if entry.child_fd < 3 || entry.child_fd > 1023 || entry.fd < 0 {
            return Err(Error::from_reason(format!(
                "descriptor {} cannot be placed at {}: the child's number must be 3 to 1023",
                entry.fd, entry.child_fd
            )));
        }
        descriptors.push((entry.fd, entry.child_fd));
    }
    Ok(sys::SpawnPlan {
        argv,
        env: command
            .env
            .iter()
            .map(|entry| c_string(entry))
            .collect::<napi::Result<_>>()?,
        output_fd: command.output_fd,
        descriptors,
    })
}

fn c_string(text: &str) -> napi::Result<CString> {
    CString::new(text)
        .map_err(|_| Error::from_reason(format!("argument contains a NUL byte: {text:?}")))
}

type Resolver = Box<dyn FnOnce(Env) -> napi::Result<SupervisedExit> + Send>;

/// Waits for this one child on a thread of its own, so that libuv's own children are left alone, and holds the child's
/// lifeline as long as it lives.
fn watch(
    child: sys::Supervised,
    deferred: JsDeferred<SupervisedExit, Resolver>,
) -> napi::Result<()> {
    thread::Builder::new()
        .name(format!("wait-{}", child.pid))
        .stack_size(WAITER_STACK_BYTES)
        .spawn(move || {
            let outcome = sys::wait(child.pid);
            drop(child.lifeline);
            deferred.resolve(Box::new(move |_| describe(outcome)));
        })
        .map(|_| ())
        .map_err(|e| error::system("thread", &e))
}

fn describe(outcome: std::io::Result<sys::Exit>) -> napi::Result<SupervisedExit> {
    use napi::Either::{A, B};
    use napi::bindgen_prelude::Null;
    match outcome {
        Ok(sys::Exit::Code(code)) => Ok(SupervisedExit {
            code: A(code),
            signal: B(Null),
        }),
        Ok(sys::Exit::Signal(signal)) => Ok(SupervisedExit {
            code: B(Null),
            signal: A(signal),
        }),
        Err(e) => Err(error::system("waitpid", &e)),
    }
}
