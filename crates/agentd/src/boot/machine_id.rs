//! The identity of this guest, where its image leaves one to be made.

use std::fs;
use std::io;
use std::path::Path;

const MACHINE_ID: &str = "/etc/machine-id";

/// A random UUID of the kernel, another one at each look.
const RANDOM_UUID: &str = "/proc/sys/kernel/random/uuid";

/// Writes `/etc/machine-id` if the image has it empty or saying `uninitialized`, the two ways in which
/// machine-id(5) has an image ask for one. Without the file, and with an id in it, nothing is done.
///
/// # Errors
/// When the file cannot be read or written.
pub fn complete() -> io::Result<()> {
    complete_file(Path::new(MACHINE_ID))
}

fn complete_file(path: &Path) -> io::Result<()> {
    match fs::symlink_metadata(path) {
        Ok(info) if info.is_file() && info.len() <= "uninitialized\n".len() as u64 => {}
        Ok(_) => return Ok(()),
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(error),
    }
    if is_unset(&fs::read(path)?) {
        let uuid = fs::read_to_string(RANDOM_UUID)?;
        fs::write(path, uuid.replace('-', ""))?;
    }
    Ok(())
}

fn is_unset(content: &[u8]) -> bool {
    let text = content.trim_ascii();
    text.is_empty() || text == b"uninitialized"
}

#[cfg(test)]
mod tests {
    use super::*;

    fn completed(name: &str, before: Option<&str>) -> Option<String> {
        let file = std::env::temp_dir().join(format!("agentd-{name}-{}", std::process::id()));
        if let Some(before) = before {
            fs::write(&file, before).unwrap();
        }
        complete_file(&file).unwrap();
        let after = fs::read_to_string(&file).ok();
        fs::remove_file(&file).ok();
        after
    }

    #[test]
    fn only_an_id_that_is_asked_for_is_made() {
        let first = completed("empty", Some("")).unwrap();
        let second = completed("new", Some("uninitialized\n")).unwrap();
        for id in [&first, &second] {
            assert_eq!(id.len(), 33);
            assert!(id.trim_end().bytes().all(|byte| byte.is_ascii_hexdigit()));
        }
        assert_ne!(first, second);
        assert_eq!(completed("set", Some("0123\n")).as_deref(), Some("0123\n"));
        assert_eq!(completed("absent", None), None);
    }
}
