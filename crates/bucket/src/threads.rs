//! The threads that requests run on: the caller's may be anybody's, with a runtime or without.

use std::io;
use std::sync::mpsc::{Receiver, sync_channel};
use std::time::Duration;

use tokio::runtime::{Builder, Handle};
use tokio::sync::oneshot;

/// How many there are.
const THREADS: usize = 2;

/// They end with this.
#[derive(Debug)]
pub(crate) struct Threads {
    handle: Handle,
    _until: oneshot::Sender<()>,
}

/// What somebody works on.
pub(crate) struct Waiting<T>(Receiver<Option<T>>);

impl<T> Waiting<T> {
    /// None: it took too long.
    pub(crate) fn wait(self) -> Option<T> {
        // Whoever drops the other end broke down, which no wait mends.
        self.0.recv().ok().flatten()
    }
}

impl Threads {
    pub(crate) fn start() -> io::Result<Threads> {
        let runtime = Builder::new_multi_thread().worker_threads(THREADS).thread_name("bucket").enable_all().build()?;
        let handle = runtime.handle().clone();
        let (until, ended) = oneshot::channel::<()>();
        // A runtime may not be dropped on a thread of another one, so it has a thread to be dropped on.
        std::thread::Builder::new().name("bucket".to_owned()).spawn(move || {
            // An error is the end that is waited for.
            let _ = runtime.block_on(ended);
        })?;
        Ok(Threads { handle, _until: until })
    }

    pub(crate) fn begin<T: Send + 'static>(
        &self,
        limit: Duration,
        work: impl Future<Output = T> + Send + 'static,
    ) -> Waiting<T> {
        let (tell, told) = sync_channel(1);
        self.handle.spawn(async move {
            let done = tokio::time::timeout(limit, work).await.ok();
            // Nobody may wait any more.
            let _ = tell.send(done);
        });
        Waiting(told)
    }
}
