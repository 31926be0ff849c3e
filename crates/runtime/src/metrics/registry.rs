//! The registry of one home: made by whoever comes first, never removed.

use std::io;
use std::sync::atomic::Ordering;
use std::thread::sleep;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use thiserror::Error;

use super::layout::{
    self, DEFAULT_CAPACITY, HEADER_LEN, MAGIC, MAX_CAPACITY, SLOT_LEN, VERSION, header,
    registry_state,
};
use crate::shared_memory::{SharedMemory, SharedObject};
use crate::sys;

/// How long a maker may take from the object's name to its contents.
const READY_TIMEOUT: Duration = Duration::from_secs(5);
const POLL: Duration = Duration::from_millis(5);
const ATTEMPTS: usize = 4;

/// Why there is no registry.
#[derive(Debug, Error)]
pub enum RegistryError {
    #[error("metrics registry: {0}")]
    System(#[from] io::Error),
    #[error("metrics registry: its layout is not ours")]
    Layout,
    #[error("metrics registry has {found} slots, not {wanted}")]
    Capacity { found: u32, wanted: u32 },
}

/// A mapped registry.
pub struct Registry {
    pub memory: SharedMemory,
    pub capacity: u32,
}

impl Registry {
    /// Opens the registry of that name, or makes it. `capacity` 0 takes whatever is there.
    pub fn open_or_create(name: &str, capacity: u32) -> Result<Self, RegistryError> {
        Self::open_or_create_within(name, capacity, READY_TIMEOUT)
    }

    fn open_or_create_within(
        name: &str,
        capacity: u32,
        patience: Duration,
    ) -> Result<Self, RegistryError> {
        let wanted = if capacity == 0 {
            DEFAULT_CAPACITY
        } else {
            capacity.min(MAX_CAPACITY)
        };
        let mut last = io::Error::from(io::ErrorKind::NotFound);
        for _ in 0..ATTEMPTS {
            match SharedObject::create(name) {
                Ok(object) => return initialise(&object, wanted),
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
                Err(error) => return Err(error.into()),
            }
            match SharedObject::open(name) {
                Ok(object) => return Self::adopt(&object, capacity, wanted, patience),
                // Somebody removed it in between.
                Err(error) if error.kind() == io::ErrorKind::NotFound => last = error,
                Err(error) => return Err(error.into()),
            }
        }
        Err(last.into())
    }

    /// Opens a registry that must be there.
    pub fn open(name: &str) -> Result<Self, RegistryError> {
        mapped(&SharedObject::open(name)?)?.ok_or(RegistryError::Layout)
    }

    /// Waits until its maker is done with it. A maker that died on the way is replaced.
    fn adopt(
        object: &SharedObject,
        asked: u32,
        wanted: u32,
        patience: Duration,
    ) -> Result<Self, RegistryError> {
        let deadline = Instant::now() + patience;
        let registry = loop {
            if let Some(registry) = mapped(object)? {
                break registry;
            }
            if Instant::now() >= deadline {
                sys::flock(object.fd(), libc::LOCK_EX)?;
                break match mapped(object)? {
                    Some(registry) => registry,
                    None => initialise(object, wanted)?,
                };
            }
            sleep(POLL);
        };
        if asked != 0 && registry.capacity != wanted {
            return Err(RegistryError::Capacity {
                found: registry.capacity,
                wanted,
            });
        }
        Ok(registry)
    }

    /// The next value of the counter that tells owners of slots apart.
    pub fn next_generation(&self) -> u64 {
        self.memory
            .u64(header::GENERATION)
            .fetch_add(1, Ordering::AcqRel)
            + 1
    }
}

/// The registry in an object, or nothing while its maker is not done.
fn mapped(object: &SharedObject) -> Result<Option<Registry>, RegistryError> {
    let len = object.len()?;
    if len < HEADER_LEN as u64 {
        return Ok(None);
    }
    let head = object.map(HEADER_LEN)?;
    if head.u32(header::STATE).load(Ordering::Acquire) != registry_state::READY {
        return Ok(None);
    }
    let word = |offset| head.u32(offset).load(Ordering::Relaxed);
    let capacity = word(header::CAPACITY);
    let fits = head.u64(header::MAGIC).load(Ordering::Relaxed) == MAGIC
        && word(header::VERSION) == VERSION
        && word(header::HEADER_LEN) as usize == HEADER_LEN
        && word(header::SLOT_LEN) as usize == SLOT_LEN
        && (1..=MAX_CAPACITY).contains(&capacity)
        && len >= layout::registry_len(capacity) as u64;
    if !fits {
        return Err(RegistryError::Layout);
    }
    let memory = object.map(layout::registry_len(capacity))?;
    Ok(Some(Registry { memory, capacity }))
}

fn initialise(object: &SharedObject, capacity: u32) -> Result<Registry, RegistryError> {
    let len = layout::registry_len(capacity);
    object.set_len(len as u64)?;
    let memory = object.map(len)?;
    memory
        .u32(header::STATE)
        .store(registry_state::INITIALISING, Ordering::Release);
    memory.u64(header::MAGIC).store(MAGIC, Ordering::Relaxed);
    let words = [
        (header::VERSION, VERSION),
        (header::HEADER_LEN, HEADER_LEN as u32),
        (header::SLOT_LEN, SLOT_LEN as u32),
        (header::CAPACITY, capacity),
    ];
    for (offset, value) in words {
        memory.u32(offset).store(value, Ordering::Relaxed);
    }
    memory
        .u64(header::CREATED_AT_MS)
        .store(unix_time_ms(), Ordering::Relaxed);
    memory
        .u32(header::STATE)
        .store(registry_state::READY, Ordering::Release);
    Ok(Registry { memory, capacity })
}

fn unix_time_ms() -> u64 {
    let since = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default();
    u64::try_from(since.as_millis()).unwrap_or_default()
}

#[cfg(test)]
pub mod tests {
    use super::*;
    use crate::shared_memory::unlink_for_tests;

    /// A name that is free, and is again after the test.
    pub struct TestName(pub String);

    impl TestName {
        pub fn new(what: &str) -> Self {
            Self(format!("/msb-test-{}-{what}", std::process::id()))
        }
    }

    impl Drop for TestName {
        fn drop(&mut self) {
            unlink_for_tests(&self.0);
        }
    }

    #[test]
    fn the_second_opens_what_the_first_made() {
        let name = TestName::new("second");
        assert!(matches!(
            Registry::open(&name.0),
            Err(RegistryError::System(_))
        ));
        let first = Registry::open_or_create(&name.0, 4).unwrap();
        let second = Registry::open_or_create(&name.0, 0).unwrap();
        assert_eq!((first.capacity, second.capacity), (4, 4));
        assert_eq!((first.next_generation(), second.next_generation()), (1, 2));
        assert!(matches!(
            Registry::open_or_create(&name.0, 5),
            Err(RegistryError::Capacity {
                found: 4,
                wanted: 5
            })
        ));
    }

    #[test]
    fn a_maker_that_died_is_replaced() {
        let name = TestName::new("died");
        let object = SharedObject::create(&name.0).unwrap();
        assert!(matches!(
            Registry::open(&name.0),
            Err(RegistryError::Layout)
        ));
        object.set_len(10).unwrap();
        let patience = Duration::from_millis(20);
        let registry = Registry::open_or_create_within(&name.0, 2, patience).unwrap();
        assert_eq!(registry.capacity, 2);
    }

    #[test]
    fn another_layout_is_left_alone() {
        let name = TestName::new("layout");
        let registry = Registry::open_or_create(&name.0, 2).unwrap();
        registry
            .memory
            .u32(header::VERSION)
            .store(4, Ordering::Relaxed);
        assert!(matches!(
            Registry::open_or_create(&name.0, 2),
            Err(RegistryError::Layout)
        ));
    }
}
