//! Unpacking of image layers: class of `packages/native/src/layers.ts`. All work happens in Node's thread pool.

use msb_layer::{Body, Compression, Condensed, CopyFailure, Failure, Output, Unpacker};
use napi::bindgen_prelude::{AsyncTask, Buffer, Float64Array, Uint8Array};
use napi::{Env, Error, Task};
use napi_derive::napi;
use std::fs::File;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

/// Position that stands for bytes that are nowhere.
const NOWHERE: f64 = -1.0;

/// Why a layer cannot be unpacked.
#[napi(object, object_from_js = false)]
pub struct LayerFailure {
    pub message: String,
    /// Set when writing the spool file failed: the system's error number, or 0.
    pub errno: Option<i32>,
}

/// What came of some input.
#[napi(object, object_from_js = false)]
pub struct LayerOutput {
    pub bytes: Buffer,
    pub runs: Float64Array,
    pub more: bool,
    pub failure: Option<LayerFailure>,
    pub sha256: Option<String>,
}

#[napi]
pub struct LayerUnpacker {
    unpacker: Arc<Mutex<Unpacker>>,
}

#[napi]
pub fn unpack_layer(compression: String, spool_path: String) -> napi::Result<LayerUnpacker> {
    let compression = match compression.as_str() {
        "none" => Compression::None,
        "gzip" => Compression::Gzip,
        "zstd" => Compression::Zstd,
        other => return Err(Error::from_reason(format!("unknown compression: {other}"))),
    };
    let unpacker = Unpacker::new(compression, Path::new(&spool_path))
        .map_err(|error| crate::error::system("thread", &error))?;
    Ok(LayerUnpacker {
        unpacker: Arc::new(Mutex::new(unpacker)),
    })
}

#[napi]
impl LayerUnpacker {
    #[napi(ts_return_type = "Promise<LayerOutput>")]
    pub fn push(&self, chunks: Vec<Uint8Array>) -> AsyncTask<Push> {
        AsyncTask::new(Push {
            unpacker: self.unpacker.clone(),
            chunks,
        })
    }

    #[napi(ts_return_type = "Promise<LayerOutput>")]
    pub fn finish(&self) -> AsyncTask<Finish> {
        AsyncTask::new(Finish(self.unpacker.clone()))
    }
}

pub struct Push {
    unpacker: Arc<Mutex<Unpacker>>,
    chunks: Vec<Uint8Array>,
}

impl Task for Push {
    type Output = Output;
    type JsValue = LayerOutput;

    fn compute(&mut self) -> napi::Result<Output> {
        let pieces: Vec<&[u8]> = self.chunks.iter().map(AsRef::as_ref).collect();
        let mut unpacker = self.unpacker.lock().unwrap_or_else(PoisonError::into_inner);
        Ok(unpacker.push(&pieces))
    }

    fn resolve(&mut self, _: Env, output: Output) -> napi::Result<LayerOutput> {
        Ok(converted(output))
    }
}

pub struct Finish(Arc<Mutex<Unpacker>>);

impl Task for Finish {
    type Output = Output;
    type JsValue = LayerOutput;

    fn compute(&mut self) -> napi::Result<Output> {
        let mut unpacker = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        Ok(unpacker.finish())
    }

    fn resolve(&mut self, _: Env, output: Output) -> napi::Result<LayerOutput> {
        Ok(converted(output))
    }
}

/// Why bodies were not copied.
#[napi(object, object_from_js = false)]
pub struct BodyCopyFailure {
    pub message: String,
    /// The system's error number, or 0.
    pub errno: i32,
    /// The source cannot be read; else the target cannot be written.
    pub reading: bool,
}

#[napi(ts_return_type = "Promise<BodyCopyFailure | null>")]
pub fn copy_bodies(source: String, target: String, bodies: Float64Array) -> AsyncTask<CopyBodies> {
    let bodies = bodies
        .chunks_exact(3)
        .map(|body| Body {
            from: body[0] as u64,
            to: body[1] as u64,
            bytes: body[2] as u64,
        })
        .collect();
    AsyncTask::new(CopyBodies {
        source,
        target,
        bodies,
    })
}

pub struct CopyBodies {
    source: String,
    target: String,
    bodies: Vec<Body>,
}

impl Task for CopyBodies {
    type Output = Option<CopyFailure>;
    type JsValue = Option<BodyCopyFailure>;

    fn compute(&mut self) -> napi::Result<Self::Output> {
        let copied = File::open(&self.source)
            .map_err(CopyFailure::Read)
            .and_then(|source| {
                let target = File::options()
                    .write(true)
                    .open(&self.target)
                    .map_err(CopyFailure::Write)?;
                msb_layer::copy_bodies(&source, &target, &self.bodies)
            });
        Ok(copied.err())
    }

    fn resolve(&mut self, _: Env, failure: Self::Output) -> napi::Result<Self::JsValue> {
        Ok(failure.map(|failure| {
            let (error, reading) = match failure {
                CopyFailure::Read(error) => (error, true),
                CopyFailure::Write(error) => (error, false),
            };
            BodyCopyFailure {
                message: error.to_string(),
                errno: error.raw_os_error().unwrap_or(0),
                reading,
            }
        }))
    }
}

fn converted(output: Output) -> LayerOutput {
    let Condensed { passed, runs } = output.condensed;
    let mut numbers = Vec::with_capacity(runs.len() * 3);
    for run in runs {
        numbers.push(run.passed as f64);
        numbers.push(run.elided as f64);
        numbers.push(run.offset.map_or(NOWHERE, |offset| offset as f64));
    }
    LayerOutput {
        bytes: passed.into(),
        runs: numbers.into(),
        more: output.more,
        failure: output.failure.map(described),
        sha256: output.sha256,
    }
}

fn described(failure: Failure) -> LayerFailure {
    let errno = match &failure {
        Failure::Decode(_) => None,
        Failure::Spool(error) => Some(error.raw_os_error().unwrap_or(0)),
    };
    LayerFailure {
        message: failure.to_string(),
        errno,
    }
}
