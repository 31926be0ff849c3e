//! Terminals, of which Node changes only what is typed.

use crate::{error, sys};
use napi_derive::napi;

/// What is written to the terminal behind `fd` reaches it unchanged from now on: no newline becomes two bytes.
///
/// Node's raw mode leaves that in place. It puts all settings back as they were, this one too.
#[napi]
pub fn disable_output_processing(fd: i32) -> napi::Result<()> {
    sys::disable_output_processing(fd).map_err(|e| error::system("tcsetattr", &e))
}
