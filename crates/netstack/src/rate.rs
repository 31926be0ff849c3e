//! Token buckets over frames (spec: network 16).

use serde::Deserialize;
use std::time::{Duration, Instant};

/// One bucket as stored: tokens, refilled at `size` per `refill_time_ms`; the burst is spent first, once.
#[derive(Debug, Clone, Copy, Deserialize)]
pub struct BucketOptions {
    pub size: u64,
    pub refill_time_ms: u64,
    #[serde(default)]
    pub one_time_burst: u64,
}

/// Limits of one direction.
#[derive(Debug, Clone, Copy, Default, Deserialize)]
pub struct LimitOptions {
    /// Bytes of frame data.
    pub bandwidth: Option<BucketOptions>,
    /// Frames.
    pub ops: Option<BucketOptions>,
}

struct Bucket {
    size: f64,
    per_second: f64,
    burst: f64,
    /// Negative while a frame larger than the bucket is being paid back.
    tokens: f64,
    filled: Instant,
}

impl Bucket {
    fn new(options: BucketOptions, now: Instant) -> Bucket {
        let size = options.size.max(1) as f64;
        Bucket {
            size,
            per_second: size * 1000.0 / options.refill_time_ms.max(1) as f64,
            burst: options.one_time_burst as f64,
            tokens: size,
            filled: now,
        }
    }

    fn refill(&mut self, now: Instant) {
        let elapsed = now.saturating_duration_since(self.filled).as_secs_f64();
        self.tokens = (self.tokens + elapsed * self.per_second).min(self.size);
        self.filled = now;
    }

    /// How long until `amount` may pass. An amount beyond the bucket passes when it is full.
    fn wait(&self, amount: f64) -> Duration {
        let missing = amount.min(self.size) - self.tokens - self.burst;
        if missing <= 0.0 {
            return Duration::ZERO;
        }
        Duration::try_from_secs_f64(missing / self.per_second)
            .unwrap_or(MAX_WAIT)
            .min(MAX_WAIT)
    }

    fn take(&mut self, amount: f64) {
        let from_burst = amount.min(self.burst);
        self.burst -= from_burst;
        self.tokens -= amount - from_burst;
    }
}

const MAX_WAIT: Duration = Duration::from_secs(3600);

/// Limiter of one direction; without buckets everything passes.
pub struct Limiter {
    bandwidth: Option<Bucket>,
    ops: Option<Bucket>,
}

impl Limiter {
    pub fn new(options: LimitOptions, now: Instant) -> Limiter {
        Limiter {
            bandwidth: options.bandwidth.map(|b| Bucket::new(b, now)),
            ops: options.ops.map(|b| Bucket::new(b, now)),
        }
    }

    pub fn is_unlimited(&self) -> bool {
        self.bandwidth.is_none() && self.ops.is_none()
    }

    /// Takes a frame's tokens, or says how long the frame must wait.
    pub fn admit(&mut self, bytes: usize, now: Instant) -> Result<(), Duration> {
        let mut wait = Duration::ZERO;
        for (bucket, amount) in self.buckets(bytes) {
            bucket.refill(now);
            wait = wait.max(bucket.wait(amount));
        }
        if wait > Duration::ZERO {
            return Err(wait);
        }
        self.buckets(bytes)
            .for_each(|(bucket, amount)| bucket.take(amount));
        Ok(())
    }

    fn buckets(&mut self, bytes: usize) -> impl Iterator<Item = (&mut Bucket, f64)> {
        let bandwidth = self.bandwidth.iter_mut().map(move |b| (b, bytes as f64));
        bandwidth.chain(self.ops.iter_mut().map(|b| (b, 1.0)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn limiter(size: u64, burst: u64, now: Instant) -> Limiter {
        let bucket = BucketOptions {
            size,
            refill_time_ms: 1000,
            one_time_burst: burst,
        };
        Limiter::new(
            LimitOptions {
                bandwidth: Some(bucket),
                ops: None,
            },
            now,
        )
    }

    #[test]
    fn refills_continuously_after_the_burst() {
        let now = Instant::now();
        let mut limiter = limiter(1000, 500, now);
        assert_eq!(limiter.admit(1500, now), Ok(()));
        assert_eq!(limiter.admit(100, now), Err(Duration::from_millis(100)));
        assert_eq!(limiter.admit(100, now + Duration::from_millis(100)), Ok(()));
        assert!(limiter.admit(1, now + Duration::from_millis(100)).is_err());
        assert_eq!(limiter.admit(1000, now + Duration::from_secs(60)), Ok(()));
    }

    #[test]
    fn a_frame_beyond_the_bucket_passes_and_is_paid_back() {
        let now = Instant::now();
        let mut limiter = limiter(100, 0, now);
        assert_eq!(limiter.admit(300, now), Ok(()));
        assert_eq!(limiter.admit(100, now), Err(Duration::from_secs(3)));
        assert_eq!(limiter.admit(100, now + Duration::from_secs(3)), Ok(()));
    }
}
