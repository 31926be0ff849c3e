//! The guest kernel for JavaScript, read off the event loop.

use crate::krunfw::{self, Kernel};
use napi::bindgen_prelude::{AsyncTask, BigInt, Buffer};
use napi::{Env, Error, Task};
use napi_derive::napi;

/// A kernel and where it lies in guest memory.
#[napi(object, object_from_js = false)]
pub struct ExtractedKernel {
    pub image: Buffer,
    pub load_address: BigInt,
    pub entry_address: BigInt,
    pub pvh_entry_address: BigInt,
}

pub struct ExtractKernel {
    path: String,
}

impl Task for ExtractKernel {
    type Output = Kernel;
    type JsValue = ExtractedKernel;

    fn compute(&mut self) -> napi::Result<Kernel> {
        krunfw::read_kernel(self.path.as_ref())
            .map_err(|e| Error::from_reason(format!("{}: {e}", self.path)))
    }

    fn resolve(&mut self, _env: Env, kernel: Kernel) -> napi::Result<ExtractedKernel> {
        Ok(ExtractedKernel {
            image: kernel.image.into(),
            load_address: kernel.load_address.into(),
            entry_address: kernel.entry_address.into(),
            pvh_entry_address: kernel.pvh_entry_address.into(),
        })
    }
}

/// Reads the kernel out of a libkrunfw file; rejects with the reason when it holds none.
#[napi(ts_return_type = "Promise<ExtractedKernel>")]
pub fn extract_kernel(libkrunfw_path: String) -> AsyncTask<ExtractKernel> {
    AsyncTask::new(ExtractKernel {
        path: libkrunfw_path,
    })
}
