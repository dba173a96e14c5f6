//! Files on their way in.
//!
//! Always: bytes count once their size and digest are checked and they are on the disk; what was cut off waits for a
//! day, under the account that began it, and goes on from the byte where it ended.

use std::time::Duration;

use registry::{Digest, Handle, ModelName};
use store::{Account, Arrived, BlobError, Blobs, Upload};
use tokio::sync::OwnedSemaphorePermit;

use crate::quota::Room;
use crate::{Action, Caller, Error, Hub, Object};

/// How many files may come in at the same moment, on the whole hub.
pub(crate) const MAX_UPLOADS: usize = 64;
/// How often halves are looked at that nobody went on with.
const LOOK_EVERY: Duration = Duration::from_secs(600);

/// Bytes on their way in, and whose they will be. Dropped, an announced file waits as a half for the rest.
#[derive(Debug)]
pub struct Receiving {
    hub: Hub,
    owner: Account,
    /// Who sends them; none where a right in the address stands for it.
    sender: Option<Caller>,
    upload: Option<Upload>,
    /// What it takes of its owner's room, whose file has no size beforehand.
    room: Option<Room>,
    grows: bool,
    _place: OwnedSemaphorePermit,
}

impl Receiving {
    /// Takes some bytes. On the disk they may be half a model: they count once [`Receiving::finish`] has answered.
    pub fn write(&mut self, bytes: &[u8]) -> Result<(), Error> {
        if let Some(room) = self.room.as_mut().filter(|_| self.grows) {
            room.grow(bytes.len() as u64)?;
        }
        Ok(self.upload.as_mut().expect("only finish takes it").write(bytes)?)
    }

    /// How many bytes are here, those that came before among them.
    pub fn got(&self) -> u64 {
        self.upload.as_ref().expect("only finish takes it").got()
    }

    /// Checks size and digest where they were announced, syncs, and notes whose the bytes are. Gives both.
    pub async fn finish(mut self) -> Result<(Digest, u64), Error> {
        if let Some(sender) = &self.sender {
            // They may have come for hours.
            self.hub.again(sender).await?.may(Action::Publish, Object::Account(&self.owner))?;
        }
        let upload = self.upload.take().expect("only finish takes it");
        // Nobody takes them away before their row is written.
        let (digest, size, _arriving) = beside(move || upload.bring_in()).await?;
        self.hub.0.catalog.add_upload(self.owner.id, digest, size, self.hub.0.clock.now()).await?;
        if let Some(room) = self.room.take() {
            room.filled();
        }
        self.hub.0.scans.came_in(digest);
        Ok((digest, size))
    }
}

/// What an account has handed in of some bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum HandedIn {
    Whole,
    /// Nothing, or a part.
    Part(Arrived),
}

impl Hub {
    /// Begins to take in a file of `owner`'s.
    pub async fn upload(&self, caller: &Caller, owner: &Handle, digest: Digest, size: u64) -> Result<Receiving, Error> {
        self.upload_from(caller, owner, digest, size, 0).await
    }

    /// The same from a byte on; those before it have to be here already.
    pub async fn upload_from(
        &self,
        caller: &Caller,
        owner: &Handle,
        digest: Digest,
        size: u64,
        offset: u64,
    ) -> Result<Receiving, Error> {
        let owner = self.publisher(caller, owner).await?;
        self.check_size(size)?;
        let place = self.upload_place()?;
        let half = if offset > 0 { self.0.blobs.arrived(owner.id, digest, self.0.clock.now()).bytes } else { 0 };
        let room = self.room(&owner, Some(digest), size, half).await?;
        let (blobs, account) = (self.0.blobs.clone(), owner.id);
        let upload = match offset {
            0 => blobs.receive_from(account, digest, size)?,
            // What came before is read again.
            offset => beside(move || blobs.resume(account, digest, size, offset)).await?,
        };
        Ok(Receiving {
            hub: self.clone(),
            owner,
            sender: Some(caller.clone()),
            upload: Some(upload),
            room: Some(room),
            grows: false,
            _place: place,
        })
    }

    /// The most bytes that one file may have.
    pub fn max_file(&self) -> u64 {
        self.options().storing.max_file
    }

    pub(crate) fn check_size(&self, size: u64) -> Result<(), Error> {
        match self.max_file() {
            limit if size > limit => {
                let rule = format!("a file has at most {limit} bytes here");
                Err(Error::Invalid { what: "size", value: size.to_string(), rule })
            }
            _ => Ok(()),
        }
    }

    /// Begins to take in a file of which only its bytes are known, of a model that this caller may change.
    pub async fn upload_to(&self, caller: &Caller, model: &ModelName) -> Result<Receiving, Error> {
        let repository = self.own(caller, model).await?;
        self.receive_unknown(caller, repository.model.owner, self.max_file()).await
    }

    /// The same for an account, at most `limit` bytes.
    pub(crate) async fn receive_unknown(
        &self,
        caller: &Caller,
        owner: Account,
        limit: u64,
    ) -> Result<Receiving, Error> {
        let room = self.room(&owner, None, 0, 0).await?;
        let receiving = self.receive(Some(caller), owner, room, |blobs| blobs.receive_unknown(limit))?;
        Ok(Receiving { grows: true, ..receiving })
    }

    pub(crate) fn receive(
        &self,
        sender: Option<&Caller>,
        owner: Account,
        room: Room,
        begin: impl FnOnce(&Blobs) -> Result<Upload, BlobError>,
    ) -> Result<Receiving, Error> {
        let place = self.upload_place()?;
        let (hub, sender) = (self.clone(), sender.cloned());
        Ok(Receiving {
            hub,
            owner,
            sender,
            upload: Some(begin(&self.0.blobs)?),
            room: Some(room),
            grows: false,
            _place: place,
        })
    }

    fn upload_place(&self) -> Result<OwnedSemaphorePermit, Error> {
        let place = self.0.uploads.clone().try_acquire_owned();
        place.map_err(|_| Error::TooManyUploads { limit: MAX_UPLOADS })
    }

    /// What `owner` has handed in of these bytes. What others have handed in is nobody's business.
    pub async fn handed_in_of(&self, caller: &Caller, owner: &Handle, digest: Digest) -> Result<HandedIn, Error> {
        let owner = self.publisher(caller, owner).await?;
        if self.handed_in_by(owner.id, digest).await?.is_some() {
            return Ok(HandedIn::Whole);
        }
        Ok(HandedIn::Part(self.0.blobs.arrived(owner.id, digest, self.0.clock.now())))
    }

    /// Whether `owner` has handed these bytes in before.
    pub async fn has_upload(&self, caller: &Caller, owner: &Handle, digest: Digest) -> Result<bool, Error> {
        Ok(self.handed_in_of(caller, owner, digest).await? == HandedIn::Whole)
    }

    /// The task that lets go of halves whose senders did not come back.
    pub(crate) async fn keep_halves(&self) {
        loop {
            let (blobs, now) = (self.0.blobs.clone(), self.0.clock.now());
            // Files are taken away; the next round does what a panic left.
            let _ = tokio::task::spawn_blocking(move || blobs.expire_halves(now)).await;
            tokio::time::sleep(LOOK_EVERY).await;
        }
    }
}

/// Work with blobs, beside the threads that answer everybody.
pub(crate) async fn beside<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, BlobError> + Send + 'static,
) -> Result<T, Error> {
    let done = tokio::task::spawn_blocking(work).await;
    Ok(done.map_err(|crash| Error::Internal { reason: crash.to_string() })??)
}
