//! How many server-side applies of 1 KB ConfigMaps per second the sandbox answers over HTTPS, each committed before its answer.
//! `cargo bench -p windlass-sandbox-api`; `COUNT` is how many. Without `--bench` it runs once, small, and measures nothing.

#![expect(clippy::print_stdout, reason = "a benchmark prints its result")]

use std::time::Instant;

use futures::{StreamExt, TryStreamExt};
use k8s_openapi::api::core::v1::ConfigMap;
use kube::api::{Patch, PatchParams};
use kube::config::{KubeConfigOptions, Kubeconfig};
use kube::{Api, Client};
use serde_json::json;
use windlass_sandbox_api::{Options, Sandbox};

#[path = "../../../../benches/support/memory.rs"]
mod memory;

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let real = std::env::args().any(|argument| argument == "--bench");
    let count: usize = std::env::var("COUNT").ok().and_then(|text| text.parse().ok()).unwrap_or(if real { 10_000 } else { 50 });
    println!("| {count} server-side applies of 1 KB | a second | peak MB |");
    println!("|---|---:|---:|");
    let dir = tempfile::tempdir()?;
    let sandbox = Sandbox::open(dir.path(), Options::default()).await?;
    let plane = sandbox.management().await?;
    let kubeconfig = Kubeconfig::from_yaml(&plane.admin_kubeconfig())?;
    let config = kube::Config::from_custom_kubeconfig(kubeconfig, &KubeConfigOptions::default()).await?;
    let maps: Api<ConfigMap> = Api::namespaced(Client::try_from(config)?, "default");
    for (what, flights, value) in [
        ("create, 32 in flight", 32, "a"),
        ("no change, 32 in flight", 32, "a"),
        ("update, 32 in flight", 32, "b"),
        ("update, 1 in flight", 1, "c"),
    ] {
        let text = value.repeat(1000);
        let params = PatchParams::apply("bench");
        let begun = Instant::now();
        futures::stream::iter(0..count)
            .map(|index| {
                let (maps, params) = (&maps, &params);
                let object = json!({
                    "apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": format!("m{index}")}, "data": {"k": text},
                });
                async move { maps.patch(&format!("m{index}"), params, &Patch::Apply(object)).await.map(|_| ()) }
            })
            .buffer_unordered(flights)
            .try_collect::<()>()
            .await?;
        let rate = count as f64 / begun.elapsed().as_secs_f64();
        println!("| {what} | {rate:.0} | {} |", memory::peak_megabytes("self"));
    }
    sandbox.close().await;
    Ok(())
}
