//! Work that takes long, beside the threads that answer everybody.

use crate::problem::Refused;

/// From this size on, reading or writing tensors takes long.
pub(crate) const LARGE: usize = 256 * 1024;

/// Runs `work` on a thread of its own kind and waits for it.
pub(crate) async fn beside<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> Result<T, Refused> {
    tokio::task::spawn_blocking(work).await.map_err(|crash| {
        tracing::error!("Reading or writing tensors panicked: {crash}");
        Refused::internal()
    })
}
