//! Frequency of the processor's time stamp counter.
//!
//! Emulated guests see the host's counter. Measuring it is the guest's first act, and on a busy host it fails:
//! then the guest has no clock finer than its timer tick. So the host measures, once, and tells.

use crate::sys;
use napi::bindgen_prelude::AsyncTask;
use napi::{Env, Task};
use napi_derive::napi;
use std::thread;
use std::time::Duration;

/// Long enough for an error of a few parts in a million.
const WINDOW: Duration = Duration::from_millis(40);

pub struct MeasureTsc;

impl Task for MeasureTsc {
    type Output = Option<f64>;
    type JsValue = Option<f64>;

    fn compute(&mut self) -> napi::Result<Option<f64>> {
        let Some((start_ticks, start_ns)) = sys::read_tsc() else {
            return Ok(None);
        };
        thread::sleep(WINDOW);
        Ok(sys::read_tsc().and_then(|(ticks, ns)| {
            let elapsed_ns = ns.checked_sub(start_ns).filter(|elapsed| *elapsed > 0)?;
            let elapsed_ticks = ticks.checked_sub(start_ticks)?;
            Some((elapsed_ticks as f64 * 1e6 / elapsed_ns as f64).round())
        }))
    }

    fn resolve(&mut self, _env: Env, khz: Option<f64>) -> napi::Result<Option<f64>> {
        Ok(khz)
    }
}

/// The frequency in kHz, or null where there is no such counter.
#[napi(ts_return_type = "Promise<number | null>")]
pub fn measure_tsc_khz() -> AsyncTask<MeasureTsc> {
    AsyncTask::new(MeasureTsc)
}
