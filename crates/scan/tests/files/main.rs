//! Files of every format: what is said of good and of bad ones, and that no damage is too much.

#[cfg(test)]
mod damaged;
#[cfg(test)]
mod good_and_bad;
#[cfg(test)]
mod made;

#[global_allocator]
static ALLOCATOR: fuzz::Counting = fuzz::Counting;
