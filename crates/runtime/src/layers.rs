//! Building of image layers: functions and classes of `packages/native/src/layers.ts`. All work happens in threads of
//! theirs and in Node's thread pool.

use msb_layer::{
    Action, Compression, Failure, LayerImage, Limits, Queue, UnpackedLayer, Unpacker, write_fsmeta,
};
use napi::bindgen_prelude::{AsyncTask, Buffer};
use napi::{Env, Error, Task};
use napi_derive::napi;

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;

/// What one layer may ask for.
#[napi(object, object_to_js = false)]
pub struct LayerLimits {
    pub total_file_bytes: f64,
    pub file_bytes: f64,
    pub entries: f64,
    pub path_bytes: f64,
    pub path_components: f64,
    pub symlink_target_bytes: f64,
    pub extension_bytes: f64,
    pub metadata_bytes: f64,
    pub stream_bytes: f64,
}

/// Why a layer cannot be built.
#[napi(object, object_from_js = false)]
pub struct LayerFailure {
    /// What is wrong; the system's text when a call on a file failed.
    pub reason: String,
    /// The name in the layer that it is about.
    pub name: Option<Buffer>,
    /// The file of the host that cannot be read or written.
    pub file: Option<String>,
    /// Whether that file could not be read.
    pub reading: bool,
    /// The system's error number, or 0.
    pub errno: i32,
    /// The layer was cancelled.
    pub cancelled: bool,
}

/// What came of all input.
#[napi(object, object_from_js = false)]
pub struct LayerEnd {
    pub sha256: Option<String>,
    pub failure: Option<LayerFailure>,
}

/// What a layer is at the moment.
enum State {
    Unpacking(Unpacker),
    Unpacked(UnpackedLayer),
    Written(Arc<LayerImage>),
    /// Failed, or in the hands of a task.
    Gone,
}

#[napi]
pub struct Layer {
    state: Arc<Mutex<State>>,
    input: Arc<Queue>,
    cancelled: Arc<AtomicBool>,
}

#[napi]
pub fn begin_layer(
    compression: String,
    spool_path: String,
    limits: LayerLimits,
) -> napi::Result<Layer> {
    let compression = match compression.as_str() {
        "none" => Compression::None,
        "gzip" => Compression::Gzip,
        "zstd" => Compression::Zstd,
        other => return Err(Error::from_reason(format!("unknown compression: {other}"))),
    };
    let unpacker = Unpacker::start(compression, Path::new(&spool_path), limits.into())
        .map_err(|error| crate::error::system("thread", &error))?;
    Ok(Layer {
        input: unpacker.input(),
        state: Arc::new(Mutex::new(State::Unpacking(unpacker))),
        cancelled: Arc::default(),
    })
}

#[napi]
impl Layer {
    #[napi]
    pub fn push(&self, bytes: &[u8]) -> bool {
        self.input.give(bytes)
    }

    #[napi(ts_return_type = "Promise<boolean>")]
    pub fn ready(&self) -> AsyncTask<Ready> {
        AsyncTask::new(Ready(self.input.clone()))
    }

    #[napi(ts_return_type = "Promise<LayerEnd>")]
    pub fn finish(&self) -> AsyncTask<Finish> {
        AsyncTask::new(Finish(self.state.clone()))
    }

    #[napi(ts_return_type = "Promise<LayerFailure | null>")]
    pub fn write(&self, path: String) -> AsyncTask<Write> {
        AsyncTask::new(Write {
            state: self.state.clone(),
            cancelled: self.cancelled.clone(),
            path: path.into(),
        })
    }

    #[napi]
    pub fn cancel(&self) {
        self.input.abandon();
        self.cancelled.store(true, Ordering::Relaxed);
    }
}

/// The layers of an image, bottom first.
#[napi]
pub struct LayerStack {
    layers: Vec<Arc<LayerImage>>,
}

#[napi]
pub fn layer_stack() -> LayerStack {
    LayerStack { layers: Vec::new() }
}

#[napi]
impl LayerStack {
    #[napi]
    pub fn add(&mut self, layer: &Layer) -> napi::Result<()> {
        match &*locked(&layer.state) {
            State::Written(image) => self.layers.push(image.clone()),
            _ => return Err(Error::from_reason("the layer is not written")),
        }
        Ok(())
    }

    #[napi(ts_return_type = "Promise<LayerFailure | null>")]
    pub fn write_fsmeta(&self, path: String) -> AsyncTask<WriteFsmeta> {
        AsyncTask::new(WriteFsmeta {
            layers: self.layers.clone(),
            path: path.into(),
        })
    }
}

pub struct Ready(Arc<Queue>);

impl Task for Ready {
    type Output = bool;
    type JsValue = bool;

    fn compute(&mut self) -> napi::Result<bool> {
        Ok(self.0.wait())
    }

    fn resolve(&mut self, _: Env, is_wanted: bool) -> napi::Result<bool> {
        Ok(is_wanted)
    }
}

pub struct Finish(Arc<Mutex<State>>);

impl Task for Finish {
    type Output = Result<String, Failure>;
    type JsValue = LayerEnd;

    fn compute(&mut self) -> napi::Result<Self::Output> {
        let mut state = locked(&self.0);
        let State::Unpacking(unpacker) = std::mem::replace(&mut *state, State::Gone) else {
            return Err(out_of_order());
        };
        Ok(unpacker.finish().map(|layer| {
            let sha256 = layer.sha256.clone();
            *state = State::Unpacked(layer);
            sha256
        }))
    }

    fn resolve(&mut self, _: Env, output: Self::Output) -> napi::Result<LayerEnd> {
        let (sha256, failure) = match output {
            Ok(sha256) => (Some(sha256), None),
            Err(failure) => (None, Some(described(failure))),
        };
        Ok(LayerEnd { sha256, failure })
    }
}

pub struct Write {
    state: Arc<Mutex<State>>,
    cancelled: Arc<AtomicBool>,
    path: PathBuf,
}

impl Task for Write {
    type Output = Option<Failure>;
    type JsValue = Option<LayerFailure>;

    fn compute(&mut self) -> napi::Result<Self::Output> {
        let mut state = locked(&self.state);
        let State::Unpacked(layer) = std::mem::replace(&mut *state, State::Gone) else {
            return Err(out_of_order());
        };
        let UnpackedLayer { tree, spool, .. } = layer;
        let written = LayerImage::write(tree, &spool, &self.path, &self.cancelled);
        // Its blocks are freed by who closes it, which takes a while that nobody waits for; without a thread it is closed here.
        let _ = thread::Builder::new().spawn(move || drop(spool));
        Ok(written
            .map(|image| *state = State::Written(Arc::new(image)))
            .err())
    }

    fn resolve(&mut self, _: Env, failure: Self::Output) -> napi::Result<Self::JsValue> {
        Ok(failure.map(described))
    }
}

pub struct WriteFsmeta {
    layers: Vec<Arc<LayerImage>>,
    path: PathBuf,
}

impl Task for WriteFsmeta {
    type Output = Option<Failure>;
    type JsValue = Option<LayerFailure>;

    fn compute(&mut self) -> napi::Result<Self::Output> {
        let layers: Vec<&LayerImage> = self.layers.iter().map(AsRef::as_ref).collect();
        Ok(write_fsmeta(&layers, &self.path).err())
    }

    fn resolve(&mut self, _: Env, failure: Self::Output) -> napi::Result<Self::JsValue> {
        Ok(failure.map(described))
    }
}

impl From<LayerLimits> for Limits {
    fn from(limits: LayerLimits) -> Self {
        Self {
            total_file_bytes: limits.total_file_bytes as u64,
            file_bytes: limits.file_bytes as u64,
            entries: limits.entries as u64,
            path_bytes: limits.path_bytes as usize,
            path_components: limits.path_components as usize,
            symlink_target_bytes: limits.symlink_target_bytes as usize,
            extension_bytes: limits.extension_bytes as u64,
            metadata_bytes: limits.metadata_bytes as u64,
            stream_bytes: limits.stream_bytes as u64,
        }
    }
}

fn locked(state: &Mutex<State>) -> MutexGuard<'_, State> {
    state.lock().unwrap_or_else(PoisonError::into_inner)
}

fn out_of_order() -> Error {
    Error::from_reason("the layer is in another state")
}

fn described(failure: Failure) -> LayerFailure {
    let mut described = LayerFailure {
        reason: String::new(),
        name: None,
        file: None,
        reading: false,
        errno: 0,
        cancelled: false,
    };
    match failure {
        Failure::Refused { reason, name } => {
            described.reason = reason;
            described.name = name.map(Into::into);
        }
        Failure::Decode(error) => described.reason = error.to_string(),
        Failure::System {
            action,
            file,
            error,
        } => {
            described.reason = error.to_string();
            described.file = Some(file.to_string_lossy().into_owned());
            described.reading = action == Action::Read;
            described.errno = error.raw_os_error().unwrap_or(0);
        }
        Failure::Cancelled => described.cancelled = true,
    }
    described
}
