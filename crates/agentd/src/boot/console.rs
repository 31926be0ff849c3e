//! Where the agent's own words go.

use std::fs::OpenOptions;

use rustix::fs::{fstat, major, minor};

const NULL_DEVICE: (u32, u32) = (1, 3);

/// A kernel that found no `/dev/console` in the initramfs starts the agent without standard descriptors, and the
/// standard library puts `/dev/null` there. Now that `/dev` is mounted, the console is to be had after all.
pub fn reopen() {
    let stderr = std::io::stderr();
    let is_null =
        fstat(&stderr).is_ok_and(|stat| (major(stat.st_rdev), minor(stat.st_rdev)) == NULL_DEVICE);
    if is_null {
        if let Ok(console) = OpenOptions::new().write(true).open("/dev/console") {
            // Without a console there is nobody to tell.
            let _ = rustix::stdio::dup2_stderr(&console);
        }
    }
}
