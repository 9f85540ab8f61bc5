//! On what and when it was measured.

use k8s_openapi::jiff::Timestamp;
use windlass_proving_ground::workspace_root;

/// Prints machine, date and the versions that a lock names; a server and `kubectl` tell theirs when they run.
pub fn say() {
    let cores = std::thread::available_parallelism().map_or(0, usize::from);
    let load = std::fs::read_to_string("/proc/loadavg").unwrap_or_default();
    let load = load.split_whitespace().take(3).collect::<Vec<_>>().join(" ");
    println!(
        "{}: {cores} cores, {} GB, {} {}, load average {load}; Cluster API {}",
        Timestamp::now().strftime("%Y-%m-%d %H:%M UTC"),
        memory_gigabytes(),
        std::env::consts::OS,
        std::env::consts::ARCH,
        cluster_api_version(),
    );
}

fn memory_gigabytes() -> u64 {
    let text = std::fs::read_to_string("/proc/meminfo").unwrap_or_default();
    let line = text.lines().find_map(|line| line.strip_prefix("MemTotal:")).unwrap_or_default();
    line.split_whitespace().next().and_then(|kilobytes| kilobytes.parse::<u64>().ok()).unwrap_or_default() >> 20
}

fn cluster_api_version() -> String {
    let file = workspace_root().join("tests/proving-ground/components/go.mod");
    let text = std::fs::read_to_string(file).unwrap_or_default();
    let line = text.lines().find_map(|line| line.trim().strip_prefix("sigs.k8s.io/cluster-api v")).unwrap_or("?");
    format!("v{}", line.split_whitespace().next().unwrap_or("?"))
}
