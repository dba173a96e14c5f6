//! Where a hub's blobs lie: its folder, or a bucket that the settings and the environment lead to.
//!
//! Always: keys come from the environment alone, and are shown nowhere.

use std::env;
use std::fs::File;
use std::io;
use std::path::Path;

use anyhow::Context;
use store::{Begun, BegunError, Blobs, ClaimError, Folder, Keys, Place, begun, claim, keeps_to};

use crate::screen::hinted;
use crate::settings::Settings;

const ID: &str = "AWS_ACCESS_KEY_ID";
const SECRET: &str = "AWS_SECRET_ACCESS_KEY";
const TOKEN: &str = "AWS_SESSION_TOKEN";
const REGIONS: [&str; 2] = ["AWS_REGION", "AWS_DEFAULT_REGION"];

/// What engines may have of the disk unless the operator says otherwise, in GiB.
const CACHE_GIB: u64 = 32;

/// The bucket's keys, if the environment has them.
pub(crate) fn keys() -> Option<Keys> {
    let named = |name: &str| env::var(name).ok().filter(|value| !value.is_empty());
    Some(Keys::new(named(ID)?, named(SECRET)?, named(TOKEN)))
}

/// A hub's blobs, where they were begun. Of a new hub: where the settings say.
pub(crate) fn open_blobs(folder: &Folder, settings: &Settings, hub: &str) -> anyhow::Result<Blobs> {
    let wanted = settings.blobs.as_deref().map(str::parse::<Place>).transpose()?;
    keeps_to(folder.path(), wanted.as_ref()).map_err(explained)?;
    let Some(place) = wanted else {
        // Of a start that came to nothing.
        if begun(folder.path()).map_err(explained)?.is_some() {
            std::fs::remove_file(folder.path().join(store::BEGUN))?;
        }
        return Blobs::open(&folder.blobs()).with_context(|| folder.blobs().display().to_string());
    };
    let region = REGIONS.iter().find_map(|name| env::var(name).ok()).filter(|region| !region.is_empty());
    let begun = Begun { blobs: place.to_string(), endpoint: settings.s3_endpoint.clone(), region };
    let bucket = begun.open(keys()).map_err(explained)?;
    claim(&bucket, hub).map_err(|error| match error {
        ClaimError::Taken { .. } => hinted(
            error.to_string(),
            "two hubs in one place would take each other's files away: give this one a prefix of its own",
        ),
        ClaimError::Bucket(failed) => hinted(failed.to_string(), UNREACHED),
    })?;
    begun.note(folder.path()).map_err(explained)?;
    let bytes = settings.s3_cache_gib.unwrap_or(CACHE_GIB) << 30;
    Blobs::in_bucket(&folder.blobs(), bucket, &folder.cache(), bytes)
        .with_context(|| folder.path().display().to_string())
}

const UNREACHED: &str = "the bucket has to be there, and its keys may list, read, write and delete in it";

/// An error with what to do about it.
pub(crate) fn explained(error: BegunError) -> anyhow::Error {
    let hint = match &error {
        BegunError::Other { begun, .. } if begun.starts_with("s3://") => {
            format!("a hub keeps to where it was begun: start it with --blobs {begun}, or give a new one a folder of its own with --data")
        }
        BegunError::Other { .. } => {
            "a hub keeps to where it was begun: start it without --blobs, or give a new one a folder of its own with --data".to_owned()
        }
        BegunError::NoKeys { .. } => format!("set {ID} and {SECRET} in the environment"),
        BegunError::Bucket(_) => UNREACHED.to_owned(),
        BegunError::Unreadable { .. } => "put the file back from a backup".to_owned(),
        _ => return error.into(),
    };
    hinted(error.to_string(), hint)
}

/// How engines open the files of models.
#[derive(Debug)]
pub(crate) struct Weights(pub(crate) Blobs);

impl engine::Weights for Weights {
    fn open(&self, path: &Path) -> io::Result<File> {
        self.0.open_file(path)
    }
}
