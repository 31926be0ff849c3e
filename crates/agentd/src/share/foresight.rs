//! Attributes of a folder that is being changed, asked for together with the change.
//!
//! When the kernel makes or removes a name, it forgets what it knew of the folder, and asks anew before it looks into
//! the folder again. Who makes or removes many files would wait for two answers each time. Therefore the question goes
//! to the host right behind the change, and its answer is kept until the kernel asks.
//!
//! What is kept knows of all that the guest did: a change takes it away before it is sent, and the kernel changes a
//! folder by one request at a time.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use super::message::{REQUEST_HEADER_BYTES, node, opcode, unique};
use super::opcode as op;

/// So much later than otherwise the guest may see what others do to the folder.
const KEPT: Duration = Duration::from_millis(100);

/// Marks our questions among those of the kernel, which numbers its own from zero.
const OURS: u64 = 1 << 63;

/// Length of a question: `fuse_in_header`, `fuse_getattr_in`.
pub const QUESTION_BYTES: usize = REQUEST_HEADER_BYTES + 16;

/// What is known of the folder that was changed last.
#[derive(Default)]
pub struct Foresight(Mutex<Latest>);

#[derive(Default)]
struct Latest {
    /// Of the last question.
    number: u64,
    folder: Option<u64>,
    answer: Option<(Instant, Vec<u8>)>,
}

impl Foresight {
    /// To be called with each request before it is sent. @returns the question to be sent right behind it
    pub fn question_behind(&self, request: &[u8]) -> Option<[u8; QUESTION_BYTES]> {
        let is_change = match opcode(request)? {
            // These change no folder.
            op::LOOKUP | op::FORGET | op::GETATTR | op::OPEN | op::READ => return None,
            op::WRITE | op::RELEASE | op::BATCH_FORGET => return None,
            // After these the kernel forgets the attributes of the folder that they name.
            op::SYMLINK | op::MKNOD | op::MKDIR | op::UNLINK | op::RMDIR => true,
            op::LINK | op::CREATE => true,
            _ => false,
        };
        let mut latest = self.lock();
        *latest = Latest {
            number: (latest.number + 1) | OURS,
            folder: node(request).filter(|_| is_change),
            answer: None,
        };
        latest.folder?;
        let mut question = [0; QUESTION_BYTES];
        question[..REQUEST_HEADER_BYTES].copy_from_slice(request.get(..REQUEST_HEADER_BYTES)?);
        question[..4].copy_from_slice(&(QUESTION_BYTES as u32).to_le_bytes());
        question[4..8].copy_from_slice(&op::GETATTR.to_le_bytes());
        question[8..16].copy_from_slice(&latest.number.to_le_bytes());
        Some(question)
    }

    /// Keeps the answer to the last question. @returns whether it is the answer to one of ours at all
    pub fn keep(&self, answer: &[u8]) -> bool {
        let Some(number) = unique(answer).filter(|number| number & OURS != 0) else {
            return false;
        };
        let mut latest = self.lock();
        let succeeded = answer.get(4..8) == Some(&[0; 4]);
        if latest.number == number && succeeded {
            latest.answer = Some((Instant::now(), answer.to_vec()));
        }
        true
    }

    /// The answer to a request of the kernel that was foreseen; each serves once.
    pub fn answer_to(&self, request: &[u8]) -> Option<Vec<u8>> {
        // Not that of an open file.
        let asks = opcode(request)? == op::GETATTR && *request.get(REQUEST_HEADER_BYTES)? == 0;
        let mut latest = self.lock();
        if !asks || latest.folder != node(request) {
            return None;
        }
        let (at, mut answer) = latest.answer.take()?;
        answer[8..16].copy_from_slice(&unique(request)?.to_le_bytes());
        (at.elapsed() < KEPT).then_some(answer)
    }

    fn lock(&self) -> MutexGuard<'_, Latest> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn request(opcode: u32, unique: u64, node: u64) -> Vec<u8> {
        let mut bytes = vec![0; QUESTION_BYTES];
        bytes[4..8].copy_from_slice(&opcode.to_le_bytes());
        bytes[8..16].copy_from_slice(&unique.to_le_bytes());
        bytes[16..24].copy_from_slice(&node.to_le_bytes());
        bytes
    }

    fn answer(unique: u64, says: u8) -> Vec<u8> {
        let mut bytes = vec![says; 120];
        bytes[4..8].fill(0);
        bytes[8..16].copy_from_slice(&unique.to_le_bytes());
        bytes
    }

    #[test]
    fn a_folder_is_asked_for_with_its_change() {
        let foresight = Foresight::default();
        let question = foresight
            .question_behind(&request(op::UNLINK, 4, 7))
            .unwrap();
        assert_eq!(
            (question[0], opcode(&question), node(&question)),
            (56, Some(op::GETATTR), Some(7))
        );
        let number = unique(&question).unwrap();
        assert!(!foresight.keep(&answer(4, 1)));
        assert!(foresight.keep(&answer(number, 2)));
        assert_eq!(foresight.answer_to(&request(op::GETATTR, 8, 9)), None);
        assert_eq!(foresight.answer_to(&request(op::LOOKUP, 8, 7)), None);
        assert_eq!(
            foresight.answer_to(&request(op::GETATTR, 8, 7)),
            Some(answer(8, 2))
        );
        assert_eq!(foresight.answer_to(&request(op::GETATTR, 10, 7)), None);
    }

    #[test]
    fn what_came_before_a_change_is_not_said_after_it() {
        const SETATTR: u32 = 4;
        let foresight = Foresight::default();
        let ask = |opcode| foresight.question_behind(&request(opcode, 2, 7));
        let first = unique(&ask(op::CREATE).unwrap()).unwrap();
        assert_eq!(ask(op::WRITE), None);
        let second = unique(&ask(op::CREATE).unwrap()).unwrap();
        // The first answer comes late.
        assert!(foresight.keep(&answer(first, 1)));
        assert_eq!(foresight.answer_to(&request(op::GETATTR, 4, 7)), None);
        assert!(foresight.keep(&answer(second, 2)));
        assert_eq!(ask(SETATTR), None);
        assert_eq!(foresight.answer_to(&request(op::GETATTR, 4, 7)), None);
        assert!(foresight.keep(&answer(second, 2)));
        assert_eq!(foresight.answer_to(&request(op::GETATTR, 4, 7)), None);
    }

    #[test]
    fn refusals_and_what_is_too_short_are_nothing() {
        let foresight = Foresight::default();
        let question = foresight
            .question_behind(&request(op::MKDIR, 2, 7))
            .unwrap();
        let mut refusal = answer(unique(&question).unwrap(), 0);
        refusal[4] = 0xfe;
        assert!(foresight.keep(&refusal));
        assert_eq!(foresight.answer_to(&request(op::GETATTR, 4, 7)), None);
        assert_eq!(foresight.answer_to(&request(op::GETATTR, 4, 7)[..40]), None);
        assert_eq!(foresight.question_behind(&[0; 7]), None);
        assert!(!foresight.keep(&[0; 7]));
    }
}
