//! Looks at the processes that stand for pods.

use rustix::process::{Pid, Signal, kill_process};
use windlass_proving_ground::{DeploymentRunner, HostProcess, Plane};

use super::apply::until;

/// What stands for the pod of a Deployment.
pub fn found(runner: &DeploymentRunner, namespace: &str, name: &str) -> Option<HostProcess> {
    runner.processes().into_iter().find(|process| process.namespace == namespace && process.deployment == name)
}

/// The id of a Deployment's process.
pub fn process(runner: &DeploymentRunner, plane: &Plane, namespace: &str, name: &str) -> i32 {
    let process = found(runner, namespace, name).expect("a process");
    assert_eq!(process.plane, plane.name());
    process.id.expect("it runs")
}

/// `kill -9`.
pub fn kill(id: i32) {
    kill_process(Pid::from_raw(id).expect("an id"), Signal::KILL).expect("it lives");
}

/// Whether a process lives; a zombie does not.
pub fn lives(id: i32) -> bool {
    std::fs::read(format!("/proc/{id}/cmdline")).is_ok_and(|line| !line.is_empty())
}

/// Waits until a Deployment has no process.
pub async fn is_gone(runner: &DeploymentRunner, namespace: &str, name: &str) {
    until(30, "the end of its process", || async {
        match found(runner, namespace, name) {
            None => Ok(()),
            Some(process) => Err(format!("{process:?}")),
        }
    })
    .await;
}

/// A variable of a process.
pub fn environment(id: i32, name: &str) -> Option<String> {
    let all = std::fs::read(format!("/proc/{id}/environ")).expect("a process");
    let all = String::from_utf8_lossy(&all).into_owned();
    all.split('\0').find_map(|one| one.strip_prefix(name)?.strip_prefix('=').map(str::to_owned))
}
