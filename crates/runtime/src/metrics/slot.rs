//! One sandbox's slot: reserved by whoever starts it, written by its process, left behind when it ends.

use std::sync::atomic::{AtomicU32, AtomicU64, Ordering, fence};
use std::thread::sleep;
use std::time::{Duration, Instant};

use super::layout::{HEADER_LEN, SLOT_LEN, slot, slot_state};
use super::registry::Registry;
use crate::shared_memory::process_exists;

/// How long a writer may be in the middle of a sample.
const WRITER_TIMEOUT: Duration = Duration::from_millis(100);

/// For whom a slot is reserved.
pub struct Owner<'a> {
    pub sandbox_id: i32,
    /// Of whoever reserves: a reservation of a process that died is void.
    pub pid: i32,
    pub name: &'a str,
    pub memory_limit: u64,
}

/// A slot as long as it is ours.
pub struct Slot {
    registry: Registry,
    start: usize,
    generation: u64,
}

/// Numbers of one sample, in the slot's order.
#[derive(Default)]
pub struct Figures {
    pub sampled_at_ms: u64,
    pub flags: u32,
    pub memory_limit: u64,
    pub vcpu_time_ns: u64,
    pub cpu_percent: f32,
    pub memory_used: u64,
    pub memory_available: u64,
    pub host_resident: u64,
    pub disk_read: u64,
    pub disk_write: u64,
    pub net_rx: u64,
    pub net_tx: u64,
    pub upper_used: u64,
    pub upper_free: u64,
    pub upper_host_allocated: u64,
}

/// Takes a slot: a free one, else what a finished run left, else that of a process that died. Nothing when all are
/// in use. Says which, and its generation.
pub fn reserve(registry: &Registry, owner: &Owner<'_>) -> Option<(u32, u64)> {
    let passes: [fn(u32, i32) -> bool; 4] = [
        |state, _| state == slot_state::FREE,
        |state, _| state == slot_state::STALE,
        |state, pid| state == slot_state::ACTIVE && !process_exists(pid),
        // Only ours name their pid; it stands last because others leave that of the slot's last owner.
        |state, pid| state == slot_state::RESERVED && !process_exists(pid),
    ];
    passes.iter().find_map(|may_take| {
        (0..registry.capacity).find_map(|index| try_reserve(registry, index, owner, *may_take))
    })
}

fn try_reserve(
    registry: &Registry,
    index: u32,
    owner: &Owner<'_>,
    may_take: fn(u32, i32) -> bool,
) -> Option<(u32, u64)> {
    let start = start_of(index);
    let memory = &registry.memory;
    let state = memory.u32(start + slot::STATE);
    let seen = state.load(Ordering::Acquire);
    let generation_word = memory.u64(start + slot::GENERATION);
    let seen_generation = generation_word.load(Ordering::Acquire);
    let pid = memory.u32(start + slot::PID).load(Ordering::Relaxed) as i32;
    if !may_take(seen, pid) {
        return None;
    }
    // Of several takers the state lets one win. A reservation that is void looks the same before and after; there
    // the generation decides.
    let (relaxed, acquired) = (Ordering::Relaxed, Ordering::AcqRel);
    state
        .compare_exchange(seen, slot_state::RESERVED, acquired, relaxed)
        .ok()?;
    let generation = registry.next_generation();
    if seen == slot_state::RESERVED {
        generation_word
            .compare_exchange(seen_generation, generation, acquired, relaxed)
            .ok()?;
    } else {
        generation_word.store(generation, Ordering::Release);
    }
    let sequence = memory.u64(start + slot::SEQUENCE);
    // A writer that died in the middle of a sample left it odd.
    sequence.fetch_add(sequence.load(Ordering::Relaxed) & 1, Ordering::AcqRel);
    write_locked(sequence, || {
        clear(registry, start);
        let ids = u64::from(owner.sandbox_id as u32);
        store64(registry, start + slot::SANDBOX_AND_RUN, ids);
        store32(registry, start + slot::PID, owner.pid as u32);
        store64(registry, start + slot::MEMORY_LIMIT, owner.memory_limit);
        store_name(registry, start, owner.name);
    });
    Some((index, generation))
}

impl Slot {
    /// The slot of that number; the generation says whether it still is ours.
    pub fn new(registry: Registry, index: u32, generation: u64) -> Option<Self> {
        (index < registry.capacity).then(|| Self {
            registry,
            start: start_of(index),
            generation,
        })
    }

    /// Reserved becomes active: the process that writes samples has taken over. False: not ours any more.
    pub fn activate(&self, run_id: i32, pid: i32, started_at_ms: u64) -> bool {
        if !self.is_ours() || self.state().load(Ordering::Acquire) != slot_state::RESERVED {
            return false;
        }
        write_locked(self.sequence(), || {
            let ids = self.word(slot::SANDBOX_AND_RUN);
            let sandbox = ids.load(Ordering::Relaxed) & u64::from(u32::MAX);
            ids.store(sandbox | u64::from(run_id as u32) << 32, Ordering::Relaxed);
            store32(&self.registry, self.start + slot::PID, pid as u32);
            self.word(slot::STARTED_AT_MS)
                .store(started_at_ms, Ordering::Relaxed);
        });
        self.change_state(slot_state::RESERVED, slot_state::ACTIVE)
    }

    /// Publishes a sample. False: not ours any more.
    pub fn write(&self, figures: &Figures) -> bool {
        if !self.is_ours() || self.state().load(Ordering::Acquire) != slot_state::ACTIVE {
            return false;
        }
        write_locked(self.sequence(), || {
            let words = [
                (slot::SAMPLED_AT_MS, figures.sampled_at_ms),
                (slot::MEMORY_LIMIT, figures.memory_limit),
                (slot::VCPU_TIME_NS, figures.vcpu_time_ns),
                (slot::MEMORY_USED, figures.memory_used),
                (slot::MEMORY_AVAILABLE, figures.memory_available),
                (slot::HOST_RESIDENT, figures.host_resident),
                (slot::DISK_READ, figures.disk_read),
                (slot::DISK_WRITE, figures.disk_write),
                (slot::NET_RX, figures.net_rx),
                (slot::NET_TX, figures.net_tx),
                (slot::UPPER_USED, figures.upper_used),
                (slot::UPPER_FREE, figures.upper_free),
                (slot::UPPER_HOST_ALLOCATED, figures.upper_host_allocated),
            ];
            for (offset, value) in words {
                self.word(offset).store(value, Ordering::Relaxed);
            }
            store32(&self.registry, self.start + slot::FLAGS, figures.flags);
            let percent = figures.cpu_percent.to_bits();
            store32(&self.registry, self.start + slot::CPU_PERCENT, percent);
        });
        true
    }

    /// The run is over: the last sample stays readable until somebody needs the slot.
    pub fn release(&self) {
        self.leave(slot_state::ACTIVE, slot_state::STALE);
    }

    /// The start failed: the slot was never used.
    pub fn cancel(&self) {
        self.leave(slot_state::RESERVED, slot_state::FREE);
    }

    fn leave(&self, from: u32, to: u32) {
        let next = self.registry.next_generation();
        let left = self.word(slot::GENERATION).compare_exchange(
            self.generation,
            next,
            Ordering::AcqRel,
            Ordering::Relaxed,
        );
        if left.is_err() {
            return;
        }
        let deadline = Instant::now() + WRITER_TIMEOUT;
        while self.sequence().load(Ordering::Acquire) & 1 == 1 && Instant::now() < deadline {
            sleep(Duration::from_millis(1));
        }
        self.change_state(from, to);
    }

    fn is_ours(&self) -> bool {
        self.word(slot::GENERATION).load(Ordering::Acquire) == self.generation
    }

    fn change_state(&self, from: u32, to: u32) -> bool {
        self.state()
            .compare_exchange(from, to, Ordering::AcqRel, Ordering::Relaxed)
            .is_ok()
    }

    fn state(&self) -> &AtomicU32 {
        self.registry.memory.u32(self.start + slot::STATE)
    }

    fn sequence(&self) -> &AtomicU64 {
        self.word(slot::SEQUENCE)
    }

    fn word(&self, offset: usize) -> &AtomicU64 {
        self.registry.memory.u64(self.start + offset)
    }
}

/// Readers that saw an odd number, or another one afterwards, know that they read a mixture.
fn write_locked(sequence: &AtomicU64, write: impl FnOnce()) {
    let even = sequence.load(Ordering::Relaxed);
    sequence.store(even.wrapping_add(1), Ordering::Relaxed);
    fence(Ordering::Release);
    write();
    sequence.store(even.wrapping_add(2), Ordering::Release);
}

fn clear(registry: &Registry, start: usize) {
    for offset in (slot::SANDBOX_AND_RUN..SLOT_LEN).step_by(size_of::<u64>()) {
        store64(registry, start + offset, 0);
    }
}

fn store_name(registry: &Registry, start: usize, name: &str) {
    let mut end = name.len().min(slot::NAME_SIZE);
    while !name.is_char_boundary(end) {
        end -= 1;
    }
    let mut bytes = [0_u8; slot::NAME_SIZE];
    bytes[..end].copy_from_slice(&name.as_bytes()[..end]);
    store64(registry, start + slot::NAME_LEN, end as u64);
    for (word, chunk) in bytes.chunks_exact(size_of::<u64>()).enumerate() {
        let value = chunk
            .iter()
            .rev()
            .fold(0, |value, byte| value << 8 | u64::from(*byte));
        store64(
            registry,
            start + slot::NAME + word * size_of::<u64>(),
            value,
        );
    }
}

fn store32(registry: &Registry, offset: usize, value: u32) {
    registry.memory.u32(offset).store(value, Ordering::Relaxed);
}

fn store64(registry: &Registry, offset: usize, value: u64) {
    registry.memory.u64(offset).store(value, Ordering::Relaxed);
}

fn start_of(index: u32) -> usize {
    HEADER_LEN + index as usize * SLOT_LEN
}

#[cfg(test)]
mod tests {
    use super::super::registry::tests::TestName;
    use super::*;

    const DEAD_PID: i32 = i32::MAX;

    fn owner(pid: i32) -> Owner<'static> {
        Owner {
            sandbox_id: 7,
            pid,
            name: "box",
            memory_limit: 1 << 29,
        }
    }

    fn own_pid() -> i32 {
        std::process::id() as i32
    }

    fn slot_of(name: &TestName, (index, generation): (u32, u64)) -> Slot {
        Slot::new(Registry::open(&name.0).unwrap(), index, generation).unwrap()
    }

    #[test]
    fn slots_are_taken_in_order_of_their_worth() {
        let name = TestName::new("order");
        let registry = Registry::open_or_create(&name.0, 3).unwrap();
        let taken: Vec<_> = (0..3)
            .map(|_| reserve(&registry, &owner(own_pid())).unwrap())
            .collect();
        assert_eq!(taken, [(0, 1), (1, 2), (2, 3)]);
        assert_eq!(reserve(&registry, &owner(own_pid())), None);
        // A failed start gives back; a finished run is taken before a crashed one.
        let crashed = slot_of(&name, taken[0]);
        assert!(crashed.activate(1, DEAD_PID, 5));
        let finished = slot_of(&name, taken[1]);
        assert!(finished.activate(2, own_pid(), 5));
        finished.release();
        slot_of(&name, taken[2]).cancel();
        let order: Vec<_> = (0..3)
            .map(|_| reserve(&registry, &owner(DEAD_PID)).unwrap().0)
            .collect();
        assert_eq!(order, [2, 1, 0]);
        // All three are reserved by a process that died.
        assert!(reserve(&registry, &owner(own_pid())).is_some());
    }

    #[test]
    fn who_lost_the_slot_writes_nothing() {
        let name = TestName::new("lost");
        let registry = Registry::open_or_create(&name.0, 1).unwrap();
        let first = slot_of(&name, reserve(&registry, &owner(own_pid())).unwrap());
        assert!(!first.write(&Figures::default()));
        assert!(first.activate(1, DEAD_PID, 5));
        assert!(first.write(&Figures::default()));
        let second = slot_of(&name, reserve(&registry, &owner(own_pid())).unwrap());
        assert!(!first.write(&Figures::default()) && !first.activate(1, 1, 1));
        first.release();
        assert!(second.activate(2, own_pid(), 6));
        assert!(second.write(&Figures::default()));
    }

    #[test]
    fn a_sample_that_was_cut_does_not_spoil_the_slot() {
        let name = TestName::new("cut");
        let registry = Registry::open_or_create(&name.0, 1).unwrap();
        let cut = slot_of(&name, reserve(&registry, &owner(own_pid())).unwrap());
        assert!(cut.activate(1, DEAD_PID, 5));
        cut.sequence().fetch_add(1, Ordering::Relaxed);
        let next = slot_of(&name, reserve(&registry, &owner(own_pid())).unwrap());
        assert_eq!(next.sequence().load(Ordering::Relaxed) % 2, 0);
    }

    #[test]
    fn names_end_at_a_character() {
        let name = TestName::new("name");
        let registry = Registry::open_or_create(&name.0, 1).unwrap();
        let long = "é".repeat(70);
        let owner = Owner {
            name: &long,
            ..owner(1)
        };
        reserve(&registry, &owner).unwrap();
        let word = |offset| {
            registry
                .memory
                .u64(HEADER_LEN + offset)
                .load(Ordering::Relaxed)
        };
        assert_eq!(word(slot::NAME_LEN), 128);
        assert_eq!(word(slot::NAME).to_le_bytes(), "éééé".as_bytes());
    }
}
