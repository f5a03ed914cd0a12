//! Time, memory, and how late others get to run.

use std::fs;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use serde_json::{Value, json};

/// Seconds by the process's CPU clock, and a moment on the wall.
pub struct Span(f64, Instant);

impl Span {
    pub fn now() -> Self {
        let mut time = libc::timespec {
            tv_sec: 0,
            tv_nsec: 0,
        };
        // SAFETY: the pointer is to a timespec of ours.
        unsafe { libc::clock_gettime(libc::CLOCK_PROCESS_CPUTIME_ID, &raw mut time) };
        Self(
            time.tv_sec as f64 + time.tv_nsec as f64 / 1e9,
            Instant::now(),
        )
    }

    pub fn since(&self) -> Value {
        json!({"cpu": Self::now().0 - self.0, "wall": self.1.elapsed().as_secs_f64()})
    }
}

/// A size from /proc/self/status, in bytes.
pub fn status(name: &str) -> i64 {
    let text = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = text
        .lines()
        .find_map(|line| line.strip_prefix(name)?.strip_prefix(':'));
    line.and_then(|rest| rest.split_whitespace().next()?.parse::<i64>().ok())
        .unwrap_or(0)
        << 10
}

pub fn reset_peak() {
    let _ = fs::write("/proc/self/clear_refs", "5");
}

/// The resident memory once the allocator has returned what it can.
pub fn settled() -> i64 {
    // SAFETY: glibc's own function, which takes a size to keep and nothing else.
    #[cfg(target_env = "gnu")]
    unsafe {
        libc::malloc_trim(0);
    }
    status("VmRSS")
}

type Late = Arc<Mutex<Vec<f64>>>;

/// Notes, for as long as the runtime lives, how late a task is that wants to run every millisecond.
pub fn tick() -> Late {
    let late = Late::default();
    let local = late.clone();
    tokio::spawn(async move {
        loop {
            let due = Instant::now() + Duration::from_millis(1);
            tokio::time::sleep_until(due.into()).await;
            local
                .lock()
                .expect("only ticks")
                .push(due.elapsed().as_secs_f64());
        }
    });
    late
}

pub fn lateness(late: &Late) -> Vec<f64> {
    let mut late = late.lock().expect("only ticks").clone();
    late.sort_by(f64::total_cmp);
    late
}
