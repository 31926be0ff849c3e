//! Every part of a machine's description reaches the machine: asserted by a guest that prints what it finds.

#![allow(clippy::expect_used)]

use serde_json::Value;
use std::fs::File;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::sync::OnceLock;

const BLOCK: u64 = 2;
const CONSOLE: u64 = 3;
const NETWORK: u64 = 1;

/// Builds the guest once. It has its own target folder, so this does not wait for the running cargo.
fn guest() -> &'static Path {
    static GUEST: OnceLock<PathBuf> = OnceLock::new();
    GUEST.get_or_init(|| {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../testguest");
        let status = Command::new(env!("CARGO"))
            .args([
                "build",
                "--quiet",
                "--release",
                "--target",
                "x86_64-unknown-none",
            ])
            .current_dir(&folder)
            .env_remove("CARGO_TARGET_DIR")
            .status()
            .expect("cargo runs");
        assert!(
            status.success(),
            "testguest builds; `rustup target add x86_64-unknown-none` if not"
        );
        folder.join("target/x86_64-unknown-none/release/testguest")
    })
}

/// Cargo builds examples beside tests: `target/<profile>/{deps/<this test>, examples/boot}`.
fn boot(args: &[&str]) -> Output {
    boot_with(args, |_| {})
}

fn boot_with(args: &[&str], adjust: impl FnOnce(&mut Command)) -> Output {
    let own = std::env::current_exe().expect("own path");
    let program = own
        .parent()
        .and_then(Path::parent)
        .expect("target folder")
        .join("examples/boot");
    let mut child = Command::new("timeout");
    child.arg("20").arg(program).args(args).stdin(Stdio::null());
    adjust(&mut child);
    child.output().expect("the example runs")
}

/// What the guest printed. On a host without KVM the reason is printed and the test ends.
fn machine(args: &[&str]) -> Option<Value> {
    if let Err(reason) = msb_krun::max_vcpus() {
        // Not by println!, which the test harness swallows: a skipped check must be seen.
        let _ = writeln!(
            io::stderr(),
            "skipped: no virtual processor can be made here: {reason}"
        );
        return None;
    }
    let output = boot(args);
    let text = String::from_utf8_lossy(&output.stdout);
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{:?}: {errors}", output.status);
    Some(serde_json::from_str(text.trim()).unwrap_or_else(|e| panic!("{e}: {text:?} {errors}")))
}

fn devices(machine: &Value, id: u64) -> Vec<&Value> {
    let all = machine["devices"].as_array().expect("devices");
    all.iter().filter(|device| device["id"] == id).collect()
}

#[test]
fn memory_processors_and_command_line_reach_the_guest() {
    let kernel = guest().to_str().expect("UTF-8");
    let Some(found) = machine(&[kernel, "-", "3", "192", "first=1 last=2"]) else {
        return;
    };
    assert_eq!(found["cpus"], 3);
    let kib = found["memory_kib"].as_u64().expect("memory");
    assert!(
        (190 * 1024..=192 * 1024).contains(&kib),
        "{kib} KiB of 192 MiB"
    );
    let line = found["command_line"].as_str().expect("command line");
    assert!(line.starts_with("first=1 last=2 "), "{line}");
    assert_eq!(found["initramfs"], Value::Null);
}

#[test]
fn initramfs_reaches_the_guest_byte_for_byte() {
    let folder = std::env::temp_dir().join(format!("msb-krun-initramfs-{}", std::process::id()));
    std::fs::write(&folder, [7_u8; 5000]).expect("file");
    let kernel = guest().to_str().expect("UTF-8");
    let found = machine(&[kernel, folder.to_str().expect("UTF-8"), "1", "128", ""]);
    std::fs::remove_file(&folder).expect("remove");
    let Some(found) = found else { return };
    assert_eq!(found["initramfs"]["bytes"], 5000);
    assert_eq!(found["initramfs"]["sum"], 35_000);
}

#[test]
fn disks_keep_order_size_and_access() {
    let base = std::env::temp_dir().join(format!("msb-krun-disks-{}", std::process::id()));
    std::fs::create_dir(&base).expect("folder");
    let disk = |name: &str, mib: u64| {
        let path = base.join(name);
        File::create(&path)
            .and_then(|file| file.set_len(mib << 20))
            .expect("disk");
        path.to_str().expect("UTF-8").to_owned()
    };
    let (first, second) = (
        format!("ro:{}", disk("a", 1)),
        format!("rw:{}", disk("b", 3)),
    );
    let kernel = guest().to_str().expect("UTF-8");
    let found = machine(&[kernel, "-", "1", "128", "", &first, &second]);
    std::fs::remove_dir_all(&base).expect("remove");
    let Some(found) = found else { return };
    let disks = devices(&found, BLOCK);
    let shape = |disk: &Value| {
        (
            disk["sectors"].as_u64(),
            disk["read_only"].as_bool(),
            disk["flush"].as_bool(),
        )
    };
    let shapes: Vec<_> = disks.iter().map(|disk| shape(disk)).collect();
    assert_eq!(
        shapes,
        [
            (Some(2048), Some(true), Some(false)),
            (Some(3 * 2048), Some(false), Some(true)),
        ]
    );
}

#[test]
fn ports_and_network_reach_the_guest() {
    let kernel = guest().to_str().expect("UTF-8");
    let Some(found) = machine(&[
        kernel,
        "-",
        "1",
        "128",
        "",
        "port:agent",
        "port:fs.0",
        "net",
    ]) else {
        return;
    };
    let [console] = devices(&found, CONSOLE)[..] else {
        panic!("one console")
    };
    assert_eq!(console["max_ports"], 2);
    let [network] = devices(&found, NETWORK)[..] else {
        panic!("one network interface")
    };
    assert_eq!(network["mac"], serde_json::json!([2, 0, 0, 0, 0, 9]));
}

#[test]
fn nothing_implicit_reaches_the_guest() {
    let kernel = guest().to_str().expect("UTF-8");
    let Some(found) = machine(&[kernel, "-", "1", "128", ""]) else {
        return;
    };
    let ids: Vec<_> = found["devices"]
        .as_array()
        .expect("devices")
        .iter()
        .map(|d| d["id"].as_u64())
        .collect();
    // Balloon and entropy source, which libkrun always adds.
    assert_eq!(ids, [Some(5), Some(4)]);
}

#[test]
fn a_missing_kernel_is_named() {
    let output = boot(&["/nonexistent/kernel", "-", "1", "128", ""]);
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(!output.status.success());
    assert!(errors.contains("krun_"), "{errors}");
}

#[test]
fn a_confined_machine_runs_and_can_open_nothing_else() {
    let Some(_) = machine(&[guest().to_str().expect("UTF-8"), "-", "1", "128", ""]) else {
        return;
    };
    let log = std::env::temp_dir().join(format!("msb-krun-confined-{}", std::process::id()));
    File::create(&log)
        .and_then(|file| file.set_len(1 << 20))
        .expect("disk");
    let disk = format!("rw:{}", log.display());
    let output = boot_with(
        &[guest().to_str().expect("UTF-8"), "-", "1", "128", "", &disk],
        |command| {
            command.env("CONFINE", "1");
        },
    );
    std::fs::remove_file(&log).expect("remove");
    let errors = String::from_utf8_lossy(&output.stderr);
    if errors.contains("confinement: None") {
        let _ = writeln!(io::stderr(), "skipped: this kernel has no Landlock");
        return;
    }
    assert!(output.status.success(), "{errors}");
    let found: Value = serde_json::from_slice(&output.stdout).expect("JSON");
    assert_eq!(devices(&found, BLOCK).len(), 1);
}
