//! What a runner locks itself in with, before it reads a stranger's model.
//!
//! Always: it comes after the runtime was opened and before a byte of a model was read, while the process has one
//! thread, so that all later ones are inside. Nothing can be taken back. Each layer stands alone: without a file system
//! (Landlock) a runner opens no path, and with the short list of system calls it could not either.
//!
//! | layer | what it stops |
//! |---|---|
//! | Landlock | every path, TCP, abstract sockets and signals to processes outside |
//! | system calls | all but those that computing, memory, threads and reading and writing what is open need; none makes memory executable, a process or a socket |
//! | limits | memory, open files, file sizes, core dumps |
//! | privileges | capabilities, gaining any by a program that has them; being looked into by others |
//!
//! A system call that is not on the list fails with `EPERM` and does not kill: libraries try things they can do without.
//!
//! Absent on purpose: cgroups, which a hub without an administrator's help has none of; user namespaces, which many
//! distributions forbid and which have been a way to more rights than they take.

use std::collections::BTreeMap;
use std::fmt::Display;

use landlock::{ABI, Access, AccessFs, AccessNet, Ruleset, RulesetAttr, RulesetStatus, Scope};
use rustix::process::{DumpableBehavior, Resource, Rlimit, getpid, set_dumpable_behavior, setrlimit};
use rustix::thread::{CapabilitySet, CapabilitySets, set_capabilities};
use seccompiler::{
    BpfProgram, SeccompAction, SeccompCmpArgLen, SeccompCmpOp, SeccompCondition, SeccompFilter, SeccompRule,
    apply_filter_all_threads,
};
use serde::{Deserialize, Serialize};

/// Which layers hold.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Protections {
    /// No path can be opened.
    pub files: bool,
    /// Only listed system calls.
    pub calls: bool,
    /// Memory and files are bounded.
    pub limits: bool,
    /// No capabilities.
    pub privileges: bool,
}

impl Protections {
    /// Whether a stranger's model may be run.
    pub fn hold(&self) -> bool {
        self.missing().is_empty()
    }

    /// What does not hold, in words.
    pub fn missing(&self) -> Vec<&'static str> {
        let layers = [
            (self.files, "Landlock (Linux 5.13, in the list of security modules)"),
            (self.calls, "seccomp filters"),
            (self.limits, "resource limits"),
            (self.privileges, "dropping privileges"),
        ];
        layers.into_iter().filter(|(holds, _)| !holds).map(|(_, layer)| layer).collect()
    }
}

/// Others run first when the machine is busy, and die last when it runs out of memory. Before the runtime is opened: that
/// takes a core for a while, and who ends runners on purpose has one opened for each.
pub(crate) fn give_way() {
    let _ = rustix::process::nice(10);
    let _ = std::fs::write("/proc/self/oom_score_adj", "1000");
}

/// Locks this process in, as far as the kernel lets it; `memory_bytes` is what it may have on top of what it has.
pub(crate) fn lock_in(memory_bytes: u64) -> Protections {
    let told = |layer: &str, done: Result<(), String>| {
        if let Err(reason) = &done {
            // Standard error is the hub's where it asks for it, and nowhere where it does not.
            eprintln!("runner: {layer} do not hold: {reason}");
        }
        done.is_ok()
    };
    // The limits first: what bounds memory is read from a file. The list of calls last: the others are not on it.
    let limits = told("limits", limits(memory_bytes));
    let privileges = told("privileges", privileges());
    let files = told("files", files());
    let calls = told("calls", calls());
    Protections { files, calls, limits, privileges }
}

fn limits(memory_bytes: u64) -> Result<(), String> {
    let page = rustix::param::page_size() as u64;
    let statm = std::fs::read_to_string("/proc/self/statm").map_err(text)?;
    let pages: u64 = statm.split(' ').next().and_then(|pages| pages.parse().ok()).ok_or("statm has no number")?;
    let limits = [
        (Resource::As, pages.saturating_mul(page).saturating_add(memory_bytes)),
        (Resource::Nofile, 64),
        (Resource::Fsize, 0),
        (Resource::Core, 0),
        (Resource::Memlock, 0),
    ];
    for (resource, limit) in limits {
        setrlimit(resource, Rlimit { current: Some(limit), maximum: Some(limit) }).map_err(text)?;
    }
    Ok(())
}

fn privileges() -> Result<(), String> {
    let none = CapabilitySet::empty();
    set_capabilities(None, CapabilitySets { effective: none, permitted: none, inheritable: none }).map_err(text)?;
    set_dumpable_behavior(DumpableBehavior::NotDumpable).map_err(text)
}

/// Asks for all that this version of Landlock knows; the kernel gives what it knows of it.
fn files() -> Result<(), String> {
    const KNOWN: ABI = ABI::V6;
    let status = Ruleset::default()
        .handle_access(AccessFs::from_all(KNOWN))
        .and_then(|rules| rules.handle_access(AccessNet::from_all(KNOWN)))
        .and_then(|rules| rules.scope(Scope::from_all(KNOWN)))
        .and_then(Ruleset::create)
        .and_then(landlock::RulesetCreated::restrict_self)
        .map_err(text)?;
    match status.ruleset {
        RulesetStatus::NotEnforced => Err(format!("{:?}", status.landlock)),
        _ => Ok(()),
    }
}

/// Calls that take any arguments.
const CALLS: &[i64] = &[
    // What is open already.
    libc::SYS_read,
    libc::SYS_write,
    libc::SYS_readv,
    libc::SYS_writev,
    libc::SYS_pread64,
    libc::SYS_lseek,
    libc::SYS_close,
    libc::SYS_fstat,
    libc::SYS_newfstatat,
    libc::SYS_statx,
    libc::SYS_recvmsg,
    libc::SYS_ppoll,
    // Memory; what may become executable is below.
    libc::SYS_munmap,
    libc::SYS_mremap,
    libc::SYS_madvise,
    libc::SYS_brk,
    // Threads and their signals.
    libc::SYS_futex,
    libc::SYS_set_robust_list,
    libc::SYS_rseq,
    libc::SYS_sigaltstack,
    libc::SYS_rt_sigprocmask,
    libc::SYS_rt_sigreturn,
    libc::SYS_rt_sigaction,
    libc::SYS_sched_yield,
    libc::SYS_sched_getaffinity,
    libc::SYS_getcpu,
    libc::SYS_gettid,
    libc::SYS_getpid,
    libc::SYS_restart_syscall,
    libc::SYS_exit,
    libc::SYS_exit_group,
    // Time, chance, and what the machine is.
    libc::SYS_clock_gettime,
    libc::SYS_clock_getres,
    libc::SYS_clock_nanosleep,
    libc::SYS_nanosleep,
    libc::SYS_getrandom,
    libc::SYS_getrusage,
    libc::SYS_sysinfo,
    libc::SYS_uname,
    // Refused by the filter before, with what makes the C library take `clone`.
    libc::SYS_clone3,
];

/// Those that only this kind of machine has.
#[cfg(target_arch = "x86_64")]
const OLD_CALLS: &[i64] = &[libc::SYS_poll, libc::SYS_time, libc::SYS_gettimeofday];
#[cfg(not(target_arch = "x86_64"))]
const OLD_CALLS: &[i64] = &[];

fn calls() -> Result<(), String> {
    let me = getpid().as_raw_nonzero().get() as u64;
    let of_threads = (libc::CLONE_VM | libc::CLONE_THREAD) as u64;
    let executable = libc::PROT_EXEC as u64;
    let mut rules: BTreeMap<i64, Vec<SeccompRule>> =
        CALLS.iter().chain(OLD_CALLS).map(|call| (*call, Vec::new())).collect();
    let allowed = [
        // Threads, no processes.
        (libc::SYS_clone, 0, SeccompCmpOp::MaskedEq(of_threads), of_threads),
        // No memory of theirs is executable.
        (libc::SYS_mmap, 2, SeccompCmpOp::MaskedEq(executable), 0),
        (libc::SYS_mprotect, 2, SeccompCmpOp::MaskedEq(executable), 0),
        // Themselves they may end.
        (libc::SYS_kill, 0, SeccompCmpOp::Eq, me),
        (libc::SYS_tgkill, 0, SeccompCmpOp::Eq, me),
        // Limits can be read: the new value is a null pointer.
        (libc::SYS_prlimit64, 2, SeccompCmpOp::Eq, 0),
        (libc::SYS_fcntl, 1, SeccompCmpOp::Eq, libc::F_GETFL as u64),
        // Threads and memory get names, for debuggers.
        (libc::SYS_prctl, 0, SeccompCmpOp::Eq, libc::PR_SET_NAME as u64),
        (libc::SYS_prctl, 0, SeccompCmpOp::Eq, libc::PR_SET_VMA as u64),
    ];
    for (call, argument, is, value) in allowed {
        let condition = SeccompCondition::new(argument, SeccompCmpArgLen::Qword, is, value).map_err(text)?;
        rules.entry(call).or_default().push(SeccompRule::new(vec![condition]).map_err(text)?);
    }
    // The arguments of `clone3` lie in memory, where no filter looks. Told that there is none, the C library takes
    // `clone`. This filter is older than the next, whose answers are milder.
    let no_clone3 = BTreeMap::from([(libc::SYS_clone3, Vec::new())]);
    install(no_clone3, SeccompAction::Allow, SeccompAction::Errno(libc::ENOSYS as u32))?;
    install(rules, SeccompAction::Errno(libc::EPERM as u32), SeccompAction::Allow)
}

fn install(rules: BTreeMap<i64, Vec<SeccompRule>>, others: SeccompAction, these: SeccompAction) -> Result<(), String> {
    let arch = std::env::consts::ARCH.try_into().map_err(text)?;
    let filter = SeccompFilter::new(rules, others, these, arch).map_err(text)?;
    let program: BpfProgram = filter.try_into().map_err(text)?;
    apply_filter_all_threads(&program).map_err(text)
}

fn text(error: impl Display) -> String {
    error.to_string()
}
