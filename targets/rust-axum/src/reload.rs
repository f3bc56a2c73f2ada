//! The routing table in force, and its replacement while requests go on.

use std::{
    fs, io,
    os::unix::fs::MetadataExt,
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use arc_swap::ArcSwap;
use tokio::{
    signal::unix::Signal,
    task::spawn_blocking,
    time::{MissedTickBehavior, interval},
};

use crate::routing::Table;

const POLL_INTERVAL: Duration = Duration::from_millis(500);

/// A routing table that follows its file. Requests keep the table they started with.
#[derive(Debug)]
pub struct LiveTable {
    path: PathBuf,
    current: ArcSwap<Table>,
    /// The file's state just before it was first read.
    loaded_from: FileState,
}

/// What changes when a file is rewritten or replaced.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct FileState {
    device: u64,
    inode: u64,
    size_bytes: u64,
    modified_s: i64,
    modified_ns: i64,
}

impl FileState {
    fn of(path: &Path) -> io::Result<Self> {
        let metadata = fs::metadata(path)?;
        Ok(Self {
            device: metadata.dev(),
            inode: metadata.ino(),
            size_bytes: metadata.size(),
            modified_s: metadata.mtime(),
            modified_ns: metadata.mtime_nsec(),
        })
    }
}

impl LiveTable {
    /// Loads the table for the first time.
    ///
    /// # Errors
    /// One line: the file cannot be read, or holds no valid table.
    pub fn load(path: &Path) -> Result<Self, String> {
        // Before reading: a change in between is then seen as one by the next look.
        let loaded_from = FileState::of(path).map_err(|error| error.to_string())?;
        let current = ArcSwap::from_pointee(read(path)?);
        Ok(Self { path: path.to_owned(), current, loaded_from })
    }

    /// The table in force.
    #[must_use]
    pub fn current(&self) -> Arc<Table> {
        self.current.load_full()
    }

    /// Loads the file again and swaps the table if the new one is valid.
    ///
    /// # Errors
    /// One line as from [`LiveTable::load`]; the old table stays in force.
    pub fn refresh(&self) -> Result<(), String> {
        self.current.store(Arc::new(read(&self.path)?));
        Ok(())
    }

    /// Refreshes the table at each hang-up and at each change of the file, for ever.
    pub async fn follow(self: Arc<Self>, mut hangups: Signal) {
        let mut ticks = interval(POLL_INTERVAL);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut attempted = self.loaded_from;
        loop {
            let told = tokio::select! {
                _ = hangups.recv() => true,
                _ = ticks.tick() => false,
            };
            // A file that is missing for the moment is no change.
            let found = FileState::of(&self.path).unwrap_or(attempted);
            if !told && found == attempted {
                continue;
            }
            attempted = found;
            // Parsed on another thread, so that a large table stalls no request.
            let table = Arc::clone(&self);
            let outcome = spawn_blocking(move || table.refresh()).await;
            if let Err(fault) = outcome.unwrap_or_else(|panic| Err(panic.to_string())) {
                eprintln!("ROUTES_FILE={}: {fault}; old table kept", self.path.display());
            }
        }
    }
}

fn read(path: &Path) -> Result<Table, String> {
    let text = fs::read(path).map_err(|error| error.to_string())?;
    Table::from_json(&text)
}
