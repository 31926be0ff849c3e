//! Samples of running sandboxes in shared memory, for whoever wants to read them.

mod layout;
mod registry;
mod slot;

use napi::bindgen_prelude::AsyncTask;
use napi::{Env, Error, Task};
use napi_derive::napi;

use layout::flag;
use registry::{Registry, RegistryError};
use slot::{Figures, Owner, Slot};

/// Who asks for a slot, and where.
#[napi(object)]
#[derive(Clone)]
pub struct MetricsReservation {
    pub registry: String,
    /// 0 for whatever the registry has.
    pub capacity: u32,
    pub sandbox_id: i32,
    pub name: String,
    pub memory_limit_bytes: f64,
}

/// A slot and the number that tells its owner.
#[napi(object)]
pub struct MetricsTicket {
    pub slot: u32,
    pub generation: f64,
}

pub struct ReserveSlot(MetricsReservation);

impl Task for ReserveSlot {
    type Output = Option<MetricsTicket>;
    type JsValue = Option<MetricsTicket>;

    fn compute(&mut self) -> napi::Result<Option<MetricsTicket>> {
        let Self(wanted) = self;
        let registry =
            Registry::open_or_create(&wanted.registry, wanted.capacity).map_err(reason)?;
        let owner = Owner {
            sandbox_id: wanted.sandbox_id,
            pid: std::process::id() as i32,
            name: &wanted.name,
            memory_limit: wanted.memory_limit_bytes as u64,
        };
        Ok(
            slot::reserve(&registry, &owner).map(|(slot, generation)| MetricsTicket {
                slot,
                generation: generation as f64,
            }),
        )
    }

    fn resolve(
        &mut self,
        _env: Env,
        ticket: Option<MetricsTicket>,
    ) -> napi::Result<Option<MetricsTicket>> {
        Ok(ticket)
    }
}

/// Takes a slot of the registry, which is made when it is missing. Nothing when all are in use.
#[napi(ts_return_type = "Promise<MetricsTicket | null>")]
pub fn reserve_metrics_slot(reservation: MetricsReservation) -> AsyncTask<ReserveSlot> {
    AsyncTask::new(ReserveSlot(reservation))
}

/// One sample; what is absent was not measured.
#[napi(object)]
pub struct MetricsSample {
    pub sampled_at_ms: f64,
    pub memory_limit_bytes: f64,
    pub vcpu_time_ns: Option<f64>,
    pub cpu_percent: Option<f64>,
    pub memory_used_bytes: Option<f64>,
    pub memory_available_bytes: Option<f64>,
    pub host_resident_bytes: Option<f64>,
    pub disk_read_bytes: f64,
    pub disk_write_bytes: f64,
    pub net_rx_bytes: f64,
    pub net_tx_bytes: f64,
    pub upper_used_bytes: Option<f64>,
    pub upper_free_bytes: Option<f64>,
    pub upper_host_allocated_bytes: Option<f64>,
}

/// The slot of one run.
#[napi]
pub struct MetricsSlot(Slot);

#[napi]
impl MetricsSlot {
    /// Takes a reserved slot over. False when it is not ours any more.
    #[napi]
    pub fn activate(&self, run_id: i32, pid: i32, started_at_ms: f64) -> bool {
        self.0.activate(run_id, pid, started_at_ms as u64)
    }

    /// Publishes a sample. False when the slot is not ours any more.
    #[napi]
    pub fn write(&self, sample: MetricsSample) -> bool {
        self.0.write(&figures_of(&sample))
    }

    /// The run is over; its last sample stays.
    #[napi]
    pub fn release(&self) {
        self.0.release();
    }

    /// The start failed; the slot is free again.
    #[napi]
    pub fn cancel(&self) {
        self.0.cancel();
    }
}

/// Opens a slot that was reserved.
#[napi]
pub fn open_metrics_slot(
    registry: String,
    slot: u32,
    generation: f64,
) -> napi::Result<MetricsSlot> {
    let registry = Registry::open(&registry).map_err(reason)?;
    Slot::new(registry, slot, generation as u64)
        .map(MetricsSlot)
        .ok_or_else(|| Error::from_reason(format!("metrics registry: no slot {slot}")))
}

fn figures_of(sample: &MetricsSample) -> Figures {
    let bytes = |value: Option<f64>| value.unwrap_or_default() as u64;
    let measured = [
        (
            flag::CPU,
            sample.cpu_percent.is_some() && sample.vcpu_time_ns.is_some(),
        ),
        (flag::MEMORY_USED, sample.memory_used_bytes.is_some()),
        (
            flag::MEMORY_AVAILABLE,
            sample.memory_available_bytes.is_some(),
        ),
        (flag::HOST_RESIDENT, sample.host_resident_bytes.is_some()),
        (flag::UPPER_USED, sample.upper_used_bytes.is_some()),
        (flag::UPPER_FREE, sample.upper_free_bytes.is_some()),
        (
            flag::UPPER_HOST_ALLOCATED,
            sample.upper_host_allocated_bytes.is_some(),
        ),
    ];
    Figures {
        sampled_at_ms: sample.sampled_at_ms as u64,
        flags: measured
            .iter()
            .filter(|(_, is)| *is)
            .map(|(bit, _)| bit)
            .sum(),
        memory_limit: sample.memory_limit_bytes as u64,
        vcpu_time_ns: bytes(sample.vcpu_time_ns),
        cpu_percent: sample.cpu_percent.unwrap_or_default() as f32,
        memory_used: bytes(sample.memory_used_bytes),
        memory_available: bytes(sample.memory_available_bytes),
        host_resident: bytes(sample.host_resident_bytes),
        disk_read: sample.disk_read_bytes as u64,
        disk_write: sample.disk_write_bytes as u64,
        net_rx: sample.net_rx_bytes as u64,
        net_tx: sample.net_tx_bytes as u64,
        upper_used: bytes(sample.upper_used_bytes),
        upper_free: bytes(sample.upper_free_bytes),
        upper_host_allocated: bytes(sample.upper_host_allocated_bytes),
    }
}

fn reason(error: RegistryError) -> Error {
    Error::from_reason(error.to_string())
}
