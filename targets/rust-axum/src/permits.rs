//! A bulkhead: so many at once, the others wait in line for a limited time.

use std::time::Duration;

use tokio::{
    sync::{Semaphore, SemaphorePermit},
    time::timeout,
};

/// A fair semaphore whose waiters give up.
#[derive(Debug)]
pub struct Bulkhead {
    permits: Semaphore,
    acquire_timeout: Duration,
}

impl Bulkhead {
    /// Room for `size` at once; a further one waits `acquire_timeout` at most.
    #[must_use]
    pub fn new(size: usize, acquire_timeout: Duration) -> Self {
        Self { permits: Semaphore::new(size), acquire_timeout }
    }

    /// Waits for a permit, which is given back when it is dropped; `None` if the wait took too long.
    pub async fn acquire(&self) -> Option<SemaphorePermit<'_>> {
        // The usual case needs no timer. It overtakes nobody: a freed permit belongs to the first in line.
        if let Ok(permit) = self.permits.try_acquire() {
            return Some(permit);
        }
        timeout(self.acquire_timeout, self.permits.acquire()).await.ok()?.ok()
    }
}
