//! Whether this host lets a virtual machine be made.

use crate::sys;
use napi::bindgen_prelude::AsyncTask;
use napi::{Env, Task};
use napi_derive::napi;

/// A step that failed.
#[napi(object)]
pub struct KvmRefusal {
    /// `open` or `KVM_CREATE_VM`.
    pub step: String,
    /// Positive error number.
    pub errno: i32,
}

pub struct ProbeKvm;

impl Task for ProbeKvm {
    type Output = Option<KvmRefusal>;
    type JsValue = Option<KvmRefusal>;

    fn compute(&mut self) -> napi::Result<Option<KvmRefusal>> {
        Ok(sys::kvm_refusal().map(|(step, error)| KvmRefusal {
            step: step.to_owned(),
            errno: error.raw_os_error().unwrap_or_default(),
        }))
    }

    fn resolve(&mut self, _env: Env, refusal: Self::Output) -> napi::Result<Self::JsValue> {
        Ok(refusal)
    }
}

/// Makes an empty virtual machine through `/dev/kvm` and drops it; tells which step fails, or null.
#[napi(ts_return_type = "Promise<KvmRefusal | null>")]
pub fn probe_kvm() -> AsyncTask<ProbeKvm> {
    AsyncTask::new(ProbeKvm)
}
