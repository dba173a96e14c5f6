//! What every backend has to do: each list of cases stands once and is run against all of them.

/// Runs cases against every backend of the books.
macro_rules! contract {
    ($($case:ident),* $(,)?) => {
        contract!(@memory Place::memory(); $($case),*);
        contract!(@sqlite Place::sqlite(100_000); $($case),*);
        contract!(@sqlite_with_a_snapshot_every_7_rows Place::sqlite(7); $($case),*);
    };
    (@$backend:ident $place:expr; $($case:ident),*) => {
        mod $backend {
            use super::Place;
            $(
                #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
                async fn $case() {
                    super::$case($place).await;
                }
            )*
        }
    };
}

mod access;
mod alerts;
pub(crate) mod blobs;
mod books;
mod catalog;
mod checks;
mod commits;
mod events;
mod holds;
mod keys;
mod life;
mod moderation;
mod organisations;
mod rankings;
pub(crate) mod release;
mod repositories;
mod scans;
mod searches;
mod signin;
mod storage;
