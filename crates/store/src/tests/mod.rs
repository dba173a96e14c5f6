//! Tests of the books as a whole: random histories, disks that fail, hubs that are killed, audits.

mod audit;
mod backup;
mod collect;
mod commits;
mod cuts;
mod damage;
mod disk;
mod first;
mod history;
mod kill;
pub(crate) mod scene;
mod syncs;
