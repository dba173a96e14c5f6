//! The bare journal: bytes appended by one thread, one fdatasync for all that wait. No balances, no rows, no index:
//! the least that durable calls could cost.

use std::fs::File;
use std::io::Write;
use std::path::Path;
use std::sync::mpsc::{self, Sender};

use tokio::sync::oneshot;

#[derive(Debug, Clone)]
pub(crate) struct Journal(Sender<oneshot::Sender<()>>);

impl Journal {
    pub(crate) fn open(folder: &Path, record_bytes: usize) -> anyhow::Result<Journal> {
        let mut file = File::create(folder.join("journal"))?;
        let (entries, queue) = mpsc::channel::<oneshot::Sender<()>>();
        std::thread::spawn(move || {
            store::ask_for_real_time();
            let record = vec![0x5a; record_bytes];
            let mut bytes = Vec::new();
            let mut waiting = Vec::new();
            while let Ok(first) = queue.recv() {
                waiting.push(first);
                waiting.extend(queue.try_iter().take(4_095));
                bytes.clear();
                waiting.iter().for_each(|_| bytes.extend_from_slice(&record));
                file.write_all(&bytes).and_then(|()| file.sync_data()).expect("the disk takes the journal");
                for done in waiting.drain(..) {
                    // A caller whose time is over has gone.
                    let _ = done.send(());
                }
            }
        });
        Ok(Journal(entries))
    }

    pub(crate) async fn append(&self) -> anyhow::Result<()> {
        let (done, synced) = oneshot::channel();
        self.0.send(done)?;
        Ok(synced.await?)
    }
}
