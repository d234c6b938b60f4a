//! How much memory clients may make the broker hold: what is set, or a part of what the machine has.

use std::fs;

/// Of the machine's memory, the broker takes so many parts...
const PARTS: usize = 3;
/// ...of so many.
const OF: usize = 4;

/// Where Linux tells how much memory a container may take, in bytes: cgroups of version 2 and of version 1.
const CONTAINER_LIMITS: [&str; 2] = ["/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory/memory.limit_in_bytes"];

/// The limit in bytes. A negative setting stands for three quarters of what the machine or the container has, or for no limit
/// where the system does not tell: files that say it are on Linux alone.
pub fn limit(setting: i64) -> usize {
    usize::try_from(setting).unwrap_or_else(|_| {
        let container = CONTAINER_LIMITS.iter().filter_map(|path| fs::read_to_string(path).ok()?.trim().parse().ok());
        let machine = fs::read_to_string("/proc/meminfo").ok().and_then(|text| total(&text));
        container.chain(machine).min().map_or(usize::MAX, |bytes: usize| bytes / OF * PARTS)
    })
}

/// The bytes that the line `MemTotal:  24689764 kB` says.
fn total(meminfo: &str) -> Option<usize> {
    let line = meminfo.lines().find_map(|line| line.strip_prefix("MemTotal:"))?;
    let kilobytes: usize = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    kilobytes.checked_mul(1 << 10)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_total_is_found_among_other_lines() {
        assert_eq!(total("MemFree: 1 kB\nMemTotal:       24689764 kB\nBuffers: 2 kB\n"), Some(24_689_764 << 10));
        assert_eq!((total(""), total("MemTotal: much"), total("MemTotal: 1 MB")), (None, None, None));
    }

    #[test]
    fn what_is_set_counts() {
        assert_eq!((limit(0), limit(5)), (0, 5));
        assert!(limit(-1) > 1 << 20);
    }
}
