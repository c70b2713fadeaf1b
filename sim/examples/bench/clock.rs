//! CPU time and memory as the kernel counts them. Reads /proc only.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

/// CPU nanoseconds of this thread, brought up to date by giving the core away.
pub fn thread_ns() -> u64 {
    std::thread::yield_now();
    schedstat(Path::new("/proc/thread-self")).expect("Linux")
}

/// The first field: time on a core, nanoseconds.
fn schedstat(of: &Path) -> Option<u64> {
    fs::read_to_string(of.join("schedstat")).ok()?.split_whitespace().next()?.parse().ok()
}

/// CPU nanoseconds so far, by what the work is for: threads of this process by name, child processes by program.
pub fn by_part() -> BTreeMap<String, u64> {
    let mut parts = BTreeMap::new();
    let own = tasks(Path::new("/proc/self"));
    let children = children().into_iter().flat_map(|(_, process)| tasks(Path::new(&process)));
    for (name, ns) in own.into_iter().chain(children) {
        *parts.entry(part(&name).to_string()).or_default() += ns;
    }
    parts
}

/// What a thread of this name does.
fn part(name: &str) -> &str {
    match name {
        "ringi-cosigner" => "cosigners",
        "load" => "load generator",
        "node" => "idle node",
        _ if name.starts_with("sqlx") => "SQLite",
        _ if name.starts_with("host") => "host (API, orchestrator, relay)",
        _ => "other",
    }
}

/// Every thread of a process: name and CPU nanoseconds.
fn tasks(process: &Path) -> Vec<(String, u64)> {
    let list = fs::read_dir(process.join("task")).into_iter().flatten().flatten();
    let one = |task: fs::DirEntry| {
        let name = fs::read_to_string(task.path().join("comm")).ok()?.trim().to_string();
        Some((name, schedstat(&task.path())?))
    };
    list.filter_map(one).collect()
}

/// Cosigner processes that this one started: number and folder under /proc.
pub fn children() -> Vec<(u32, String)> {
    let own = std::process::id();
    let all = fs::read_dir("/proc").into_iter().flatten().flatten();
    let pids = all.filter_map(|entry| entry.file_name().to_str()?.parse::<u32>().ok());
    let ours = |pid: &u32| {
        let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
        // The name may hold spaces: what follows it begins behind the last bracket.
        let parent = stat.rsplit_once(") ").and_then(|(_, rest)| rest.split(' ').nth(1)?.parse::<u32>().ok());
        stat.contains("(ringi-cosigner)") && parent == Some(own)
    };
    pids.filter(ours).map(|pid| (pid, format!("/proc/{pid}"))).collect()
}

/// A line of a process's `status`, in MiB.
pub fn memory_mib(process: &str, line: &str) -> f64 {
    let status = fs::read_to_string(format!("{process}/status")).unwrap_or_default();
    let kib = status.lines().find_map(|l| l.strip_prefix(line)?.strip_prefix(':')?.split_whitespace().next());
    kib.and_then(|n| n.parse::<f64>().ok()).map_or(f64::NAN, |kib| kib / 1024.0)
}
