//! Mounts a share on this machine until its standard input ends: `mount-share FOLDER MOUNT-POINT [strict|relaxed|off]`.

#[path = "../tests/support/mod.rs"]
mod support;

use std::io::Read;

use msb_fileserver::StatVirt;

fn main() {
    let args: Vec<String> = std::env::args().collect();
    let mut options = support::sharing(args[1].as_ref());
    options.stat_virt = match args.get(3).map(String::as_str) {
        Some("off") => StatVirt::Off,
        Some("relaxed") => StatVirt::Relaxed,
        _ => StatVirt::Strict,
    };
    options.quota_bytes = std::env::var("QUOTA")
        .ok()
        .and_then(|text| text.parse().ok());
    options.writeback = std::env::var("WRITEBACK").is_ok();
    let _mounted = support::Mounted::new(&options, args[2].clone().into());
    let _ = std::io::stdin().read(&mut [0; 1]);
}
