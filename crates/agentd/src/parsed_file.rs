//! Small files that are read again only when they changed.

use std::cell::RefCell;
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::rc::Rc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// A file that was changed less than this before it was looked at may change once more within the same tick of its file
/// system's clock. What was read then is not kept.
const SETTLED_AFTER: Duration = Duration::from_secs(1);

/// A text file and what was parsed out of it.
#[derive(Debug)]
pub struct ParsedFile<T> {
    path: PathBuf,
    parse: fn(&str) -> T,
    known: RefCell<Option<(Stamp, Rc<T>)>>,
}

/// What differs once a file was changed or replaced.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Stamp {
    device: u64,
    inode: u64,
    size: u64,
    /// Seconds and nanoseconds since 1970. Unlike the time of modification nobody can set it.
    changed: (i64, i64),
}

impl<T> ParsedFile<T> {
    /// The file at `path`, not read yet.
    #[must_use]
    pub fn new(path: PathBuf, parse: fn(&str) -> T) -> Self {
        Self {
            path,
            parse,
            known: RefCell::new(None),
        }
    }

    /// Where it is.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// What it holds now; a missing file counts as empty.
    ///
    /// # Errors
    /// When it cannot be read.
    pub fn get(&self) -> io::Result<Rc<T>> {
        self.get_at(SystemTime::now())
    }

    fn get_at(&self, now: SystemTime) -> io::Result<Rc<T>> {
        let stamp = match std::fs::metadata(&self.path) {
            Ok(metadata) => Stamp::of(&metadata),
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                return Ok(Rc::new((self.parse)("")));
            }
            Err(error) => return Err(error),
        };
        let mut known = self.known.borrow_mut();
        if let Some((_, parsed)) = known.as_ref().filter(|(old, _)| *old == stamp) {
            return Ok(Rc::clone(parsed));
        }
        let bytes = std::fs::read(&self.path)?;
        let parsed = Rc::new((self.parse)(&String::from_utf8_lossy(&bytes)));
        *known = stamp.is_settled(now).then(|| (stamp, Rc::clone(&parsed)));
        Ok(parsed)
    }
}

impl Stamp {
    fn of(metadata: &std::fs::Metadata) -> Self {
        Self {
            device: metadata.dev(),
            inode: metadata.ino(),
            size: metadata.size(),
            changed: (metadata.ctime(), metadata.ctime_nsec()),
        }
    }

    /// Whether a change after `now` is sure to give another stamp.
    fn is_settled(&self, now: SystemTime) -> bool {
        let (Ok(seconds), Ok(nanoseconds)) =
            (u64::try_from(self.changed.0), u32::try_from(self.changed.1))
        else {
            return false;
        };
        let changed = UNIX_EPOCH + Duration::new(seconds, nanoseconds);
        now.duration_since(changed)
            .is_ok_and(|age| age >= SETTLED_AFTER)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::cell::Cell;
    use std::fs;

    thread_local!(static PARSED: Cell<u32> = const { Cell::new(0) });

    fn count(text: &str) -> String {
        PARSED.set(PARSED.get() + 1);
        text.to_owned()
    }

    /// A file of its own for each test.
    fn file(name: &str) -> PathBuf {
        let folder = std::env::temp_dir().join(format!("parsed-file-{}", std::process::id()));
        fs::create_dir_all(&folder).unwrap();
        folder.join(name)
    }

    /// When the file system's clock has gone on since every change so far.
    fn later() -> SystemTime {
        SystemTime::now() + 2 * SETTLED_AFTER
    }

    #[test]
    fn a_file_that_stays_the_same_is_parsed_once() {
        let path = file("same");
        fs::write(&path, "a").unwrap();
        let parsed = ParsedFile::new(path.clone(), count);
        for _ in 0..3 {
            assert_eq!(*parsed.get_at(later()).unwrap(), "a");
        }
        assert_eq!(PARSED.get(), 1);
        fs::remove_file(path).unwrap();
    }

    #[test]
    fn every_change_is_seen_at_once() {
        let path = file("changed");
        let parsed = ParsedFile::new(path.clone(), str::to_owned);
        assert_eq!(*parsed.get().unwrap(), "");
        // Faster than any clock ticks, and with the same length.
        for number in 100..200 {
            fs::write(&path, number.to_string()).unwrap();
            assert_eq!(*parsed.get().unwrap(), number.to_string());
        }
        assert_eq!(*parsed.get_at(later()).unwrap(), "199");
        fs::write(path.with_extension("new"), "200").unwrap();
        fs::rename(path.with_extension("new"), &path).unwrap();
        assert_eq!(*parsed.get().unwrap(), "200");
        fs::remove_file(&path).unwrap();
        assert_eq!(*parsed.get().unwrap(), "");
    }

    #[test]
    fn what_cannot_be_read_is_an_error() {
        let parsed = ParsedFile::new(std::env::temp_dir(), str::to_owned);
        assert!(parsed.get().is_err());
    }
}
