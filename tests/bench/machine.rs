//! The machine: on which core whom to run, what a process has used of it, and what it is called.

use std::fs;
use std::io;
use std::ptr::NonNull;
use std::thread;
use std::time::Duration;

use nix::sched::{CpuSet, sched_getaffinity, sched_setaffinity};
use nix::sys::mman::{MmapAdvise, madvise};
use nix::sys::resource::{Resource, getrlimit, setrlimit};
use nix::time::{ClockId, clock_getcpuclockid};
use nix::unistd::Pid;

const PAGE_BYTES: usize = 4 << 10;
/// A huge page of x86-64, and of most others.
const HUGE_PAGE_BYTES: usize = 2 << 20;
/// A little more than the time after which Linux tells the host of memory that is free.
const REPORTED_AFTER: Duration = Duration::from_millis(2_500);

/// The calling thread, as the system calls about cores name it.
const THIS_THREAD: Pid = Pid::from_raw(0);

/// The core that servers run on and the one of the client, where there are two.
#[derive(Debug, Clone, Copy)]
pub struct Cores {
    pub server: usize,
    pub client: usize,
}

impl Cores {
    /// The first two cores that this process may use.
    pub fn choose() -> Option<Self> {
        let allowed = sched_getaffinity(THIS_THREAD).ok()?;
        let mut cores = (0..CpuSet::count()).filter(|core| allowed.is_set(*core).unwrap_or(false));
        Some(Self { server: cores.next()?, client: cores.next()? })
    }
}

/// From here on, this thread and the threads and processes that it starts run on this core alone.
pub fn pin(core: usize) -> io::Result<()> {
    let mut set = CpuSet::new();
    set.set(core)?;
    Ok(sched_setaffinity(THIS_THREAD, &set)?)
}

/// Allows this process, and those that it starts, as many open files as the system lets it. Gives their number.
pub fn raise_file_limit() -> io::Result<u64> {
    let (_, most) = getrlimit(Resource::RLIMIT_NOFILE)?;
    setrlimit(Resource::RLIMIT_NOFILE, most, most)?;
    Ok(most)
}

/// A process whose use of the machine is read.
#[derive(Debug, Clone, Copy)]
pub struct Process {
    id: u32,
    /// Counts, in nanoseconds, for how long all the process's threads together have run: those that have ended too.
    clock: ClockId,
}

impl Process {
    pub fn of(id: u32) -> io::Result<Self> {
        let number = i32::try_from(id).map_err(io::Error::other)?;
        Ok(Self { id, clock: clock_getcpuclockid(Pid::from_raw(number))? })
    }

    /// How long it has run so far, in user space and in the kernel.
    pub fn cpu(&self) -> io::Result<Duration> {
        Ok(self.clock.now()?.into())
    }

    /// The bytes of memory that it has in use: all of them, and those that are not pages of a file.
    pub fn memory(&self) -> io::Result<Memory> {
        let rollup = fs::read_to_string(format!("/proc/{}/smaps_rollup", self.id))?;
        Ok(Memory { resident: kilobytes(&rollup, "Rss:")?, anonymous: kilobytes(&rollup, "Anonymous:")? })
    }

    /// Forgets how much memory it has had at most: from here on, [`Process::peak`] counts anew.
    pub fn forget_peak(&self) -> io::Result<()> {
        fs::write(format!("/proc/{}/clear_refs", self.id), "5")
    }

    /// The most memory that it has had in use, in bytes.
    pub fn peak(&self) -> io::Result<u64> {
        kilobytes(&fs::read_to_string(format!("/proc/{}/status", self.id))?, "VmHWM:")
    }
}

/// What a process has in use, in bytes.
#[derive(Debug, Clone, Copy)]
pub struct Memory {
    pub resident: u64,
    pub anonymous: u64,
}

/// The bytes that a line such as `VmHWM:  1234 kB` says.
fn kilobytes(text: &str, name: &str) -> io::Result<u64> {
    let line = text.lines().find_map(|line| line.strip_prefix(name));
    let number = line.and_then(|line| line.trim().strip_suffix(" kB")?.parse::<u64>().ok());
    number.map(|number| number << 10).ok_or_else(|| io::Error::other(format!("no line {name}")))
}

/// The processes that a process has started.
pub fn children(id: u32) -> Vec<u32> {
    let text = fs::read_to_string(format!("/proc/{id}/task/{id}/children")).unwrap_or_default();
    text.split_whitespace().filter_map(|id| id.parse().ok()).collect()
}

/// What a process calls itself.
pub fn name(id: u32) -> String {
    fs::read_to_string(format!("/proc/{id}/comm")).unwrap_or_default().trim().to_owned()
}

/// Memory that is all zeros, in huge pages where the system has them. Like any large piece of memory, it is given when it is touched
/// for the first time, and not before.
pub fn huge_memory(bytes: usize) -> Vec<u8> {
    let mut memory = vec![0; bytes];
    let unaligned = memory.as_ptr().align_offset(HUGE_PAGE_BYTES);
    let aligned = memory.get_mut(unaligned..).unwrap_or_default();
    let length = aligned.len() / HUGE_PAGE_BYTES * HUGE_PAGE_BYTES;
    if let Some(address) = NonNull::new(aligned.as_mut_ptr().cast()) {
        // SAFETY: the range is borrowed for this call, and the advice changes neither its addresses nor its contents.
        let _ = unsafe { madvise(address, length, MmapAdvise::MADV_HUGEPAGE) };
    }
    memory
}

/// Sees to it that the next so many bytes that a process asks for are the cheapest that there can be. In a virtual machine, free
/// memory goes back to the host, and to get it again costs ten times what it costs to give it to a process. Memory that has just
/// been used and freed is still there, until Linux reports it to the host. It does that two seconds after something was freed, and
/// not again before something else is: so after a quiet while there is time to use it.
pub fn warm_memory(bytes: usize) {
    thread::sleep(REPORTED_AFTER);
    huge_memory(bytes).chunks_mut(PAGE_BYTES).for_each(|page| page[0] = 1);
}

/// The machine in a line, for those who read the figures.
pub fn description() -> String {
    let cpuinfo = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let model = cpuinfo.lines().find(|line| line.starts_with("model name")).and_then(|line| line.split_once(": "));
    let kernel = fs::read_to_string("/proc/sys/kernel/osrelease").unwrap_or_default();
    let cores = cpuinfo.lines().filter(|line| line.starts_with("processor")).count();
    let model = model.map_or("unknown processor", |(_, model)| model);
    format!("{model}, {cores} cores, Linux {}", kernel.split('-').next().unwrap_or_default().trim())
}
