//! napi-rs addon of microsandbox.
