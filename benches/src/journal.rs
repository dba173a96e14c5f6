//! The bare journal: each caller hands in a record, one thread appends what waits, one fdatasync for all of it. No
//! balances, no rows, no index, no checksum: the least that durable calls could cost.

use std::fs::File;
use std::io::Write;
use std::path::Path;
use std::sync::mpsc::{self, Sender};

use tokio::sync::oneshot;

type Entry = (Vec<u8>, oneshot::Sender<()>);

#[derive(Debug, Clone)]
pub(crate) struct Journal(Sender<Entry>);

impl Journal {
    pub(crate) fn open(folder: &Path) -> anyhow::Result<Journal> {
        let mut file = File::create(folder.join("journal"))?;
        let (entries, queue) = mpsc::channel::<Entry>();
        std::thread::spawn(move || {
            store::ask_for_real_time();
            let mut bytes = Vec::new();
            let mut waiting = Vec::new();
            while let Ok(first) = queue.recv() {
                bytes.clear();
                for (record, done) in std::iter::once(first).chain(queue.try_iter().take(4_095)) {
                    bytes.extend_from_slice(&record);
                    waiting.push(done);
                }
                file.write_all(&bytes).and_then(|()| file.sync_data()).expect("the disk takes the journal");
                for done in waiting.drain(..) {
                    // A caller whose time is over has gone.
                    let _ = done.send(());
                }
            }
        });
        Ok(Journal(entries))
    }

    pub(crate) async fn append(self, record: Vec<u8>) -> anyhow::Result<()> {
        let (done, synced) = oneshot::channel();
        self.0.send((record, done))?;
        Ok(synced.await?)
    }
}
