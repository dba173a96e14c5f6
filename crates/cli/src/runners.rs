//! How this program starts runners of itself.

use std::fs;

use anyhow::Context;
use engine::{RunnersConfig, Sandbox};

use crate::library;
use crate::settings::Settings;

/// The most that a runner may have of memory unless the operator says otherwise, in MiB; half of a small machine's.
const MEMORY_MIB: u64 = 8 * 1024;

pub(crate) fn config(settings: &Settings) -> anyhow::Result<RunnersConfig> {
    let program = std::env::current_exe().context("our own program is not where it was")?;
    let mut config = RunnersConfig::new(program, vec!["runner".into()], library::path()?);
    config.memory_bytes = settings.runner_memory_mib.unwrap_or_else(default_memory_mib) * 1024 * 1024;
    if settings.allow_unsandboxed == Some(true) {
        config.sandbox = Sandbox::IfPossible;
    }
    Ok(config)
}

fn default_memory_mib() -> u64 {
    let machine = fs::read_to_string("/proc/meminfo").unwrap_or_default();
    total_mib(&machine).map_or(MEMORY_MIB, |total| MEMORY_MIB.min(total / 2))
}

/// `MemTotal:       24638936 kB`
fn total_mib(meminfo: &str) -> Option<u64> {
    let line = meminfo.lines().find_map(|line| line.strip_prefix("MemTotal:"))?;
    Some(line.trim().strip_suffix(" kB")?.parse::<u64>().ok()? / 1024)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_machines_memory_is_read_from_its_first_line() {
        assert_eq!(total_mib("MemTotal:       24638936 kB\nMemFree:  1 kB\n"), Some(24_061));
        assert_eq!(total_mib(""), None);
        assert!((1..=MEMORY_MIB).contains(&default_memory_mib()));
    }
}
