//! Tests of the books as a whole: random histories, disks that fail, hubs that are killed, audits.

mod audit;
mod cuts;
mod disk;
mod history;
mod kill;
pub(crate) mod scene;
mod syncs;
