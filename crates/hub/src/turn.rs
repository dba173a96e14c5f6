//! Turns: of two requests with the same idempotency key, the second waits until the first has ended.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};

use ledger::Keyed;
use tokio::sync::watch;

use crate::Error;

/// What a running request asks, and a sign of its end.
type Running = ([u8; 32], watch::Receiver<()>);

#[derive(Debug, Default)]
pub(crate) struct Turns(Mutex<HashMap<[u8; 32], Running>>);

/// The right to run a keyed request. Dropped, it lets the next one go on.
#[derive(Debug)]
pub(crate) struct Turn {
    turns: Arc<Turns>,
    hash: [u8; 32],
    _running: watch::Sender<()>,
}

impl Turns {
    /// Waits for its turn. Other content under a key that is running is refused at once.
    pub(crate) async fn take(self: &Arc<Self>, keyed: &Keyed) -> Result<Turn, Error> {
        loop {
            let mut twin = {
                let mut turns = self.0.lock().expect("nothing panics while it holds the turns");
                match turns.get(&keyed.hash) {
                    Some((content, _)) if *content != keyed.content => return Err(Error::KeyReused),
                    Some((_, twin)) => twin.clone(),
                    None => {
                        let (running, twin) = watch::channel(());
                        turns.insert(keyed.hash, (keyed.content, twin));
                        return Ok(Turn { turns: self.clone(), hash: keyed.hash, _running: running });
                    }
                }
            };
            // Nothing is ever sent: an error is the twin's end.
            while twin.changed().await.is_ok() {}
        }
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        self.turns.0.lock().expect("nothing panics while it holds the turns").remove(&self.hash);
    }
}
