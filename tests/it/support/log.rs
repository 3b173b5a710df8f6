//! What is logged by everything that runs on this thread.

use std::{
    io::{self, Write},
    sync::{Arc, Mutex, Once},
};

use tracing_subscriber::{filter::LevelFilter, util::SubscriberInitExt};

/// Every event and span at every level, as `fmt` writes them.
#[derive(Debug, Clone, Default)]
pub(crate) struct Log(Arc<Mutex<Vec<u8>>>);

/// A subscriber that wants everything, and drops it. Without one, tracing may remember that nobody wants an event while another
/// thread begins to.
static EVERYTHING_IS_WANTED: Once = Once::new();

impl Log {
    /// Logs this thread, for as long as `future` runs on it: the runtime must be a single-threaded one.
    pub(crate) async fn of<F: Future>(future: F) -> (F::Output, String) {
        EVERYTHING_IS_WANTED.call_once(|| tracing_subscriber::registry().init());
        let log = Self::default();
        let writer = log.clone();
        let _logging = tracing_subscriber::fmt()
            .with_max_level(LevelFilter::TRACE)
            .without_time()
            .with_writer(move || writer.clone())
            .set_default();
        let output = future.await;
        let text = String::from_utf8(log.0.lock().unwrap().clone()).unwrap();
        (output, text)
    }
}

impl Write for Log {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
