//! Shared folders, which macOS does not have yet: `crates/fileserver` keeps names inside a folder by `openat2(2)`
//! and identifies files by `O_PATH` descriptors, and both are Linux's own.

use napi::{Error, Status};
use napi_derive::napi;

/// The part that is looked at before the refusal.
#[napi(object)]
pub struct ShareSettings {
    pub fd: i32,
    pub path: String,
}

/// Refuses. The descriptor belongs to the share, so it is closed.
#[napi]
pub fn serve_share(settings: ShareSettings) -> napi::Result<()> {
    drop(crate::sys::own(settings.fd).map_err(|e| crate::error::system("fcntl", &e))?);
    Err(Error::new(
        Status::GenericFailure,
        format!(
            "{} cannot be shared: shared folders need a Linux host",
            settings.path
        ),
    ))
}
