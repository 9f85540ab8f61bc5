//! Watches on a plane whose requests fail.

use std::time::Duration;

use serde_json::json;
use tokio::sync::watch;
use tokio::time::Instant;
use windlass_kube::planes::Planes;
use windlass_kube::wait::Patience;
use windlass_kube::watch::Watches;
use windlass_sandbox_api::{Faults, Options, Sandbox};

use crate::stage::{Heard, management, put, text};

#[tokio::test]
async fn a_watch_that_broke_off_sees_again_though_nothing_changes() {
    let folder = tempfile::tempdir().unwrap();
    // Every watch ends early, and every third request fails: sooner or later one that takes a watch up again.
    let faults = Faults { seed: 7, internal_error: 0.33, close_watch: 1.0, ..Faults::default() };
    let sandbox = Sandbox::open(folder.path(), Options { faults: Some(faults), ..Options::default() }).await.unwrap();
    let kubeconfig = sandbox.management().await.unwrap().admin_kubeconfig();
    let planes = Planes::new([(management(), text(&kubeconfig))].into());
    let plane = planes.plane(&management()).await.unwrap();
    let object = json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "m", "namespace": "default"}, "data": {}});
    put(&plane, object, "someone").await;

    let watches = Watches::default();
    let seen = watches.on(&plane, "v1", "ConfigMap", Some("default")).await.unwrap();
    let (_keep, stop) = watch::channel(false);
    let mut troubled = 0;
    for _ in 0..40 {
        tokio::time::sleep(Duration::from_millis(100)).await;
        troubled += u32::from(seen.view().trouble.is_some());
        let patience = Patience { progress: &Heard::default(), stop: stop.clone(), until: Instant::now() + Duration::from_secs(40) };
        let found = patience.until(&seen, "the map", |view| view.get(Some("default"), "m").map(|_| ()).ok_or_else(|| "no map".to_owned()));
        found.await.unwrap();
    }
    assert!(troubled > 0, "the faults hit nothing");
}
