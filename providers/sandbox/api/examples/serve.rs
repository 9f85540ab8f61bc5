//! Serves the management plane of a folder until it is killed: `cargo run -p windlass-sandbox-api --example serve -- DIR`.
//! Its kubeconfig is written to `DIR/kubeconfig`.

use std::path::PathBuf;

use windlass_sandbox_api::{Options, Sandbox};

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let dir = PathBuf::from(std::env::args().nth(1).ok_or("usage: serve DIR")?);
    let sandbox = Sandbox::open(&dir, Options::default()).await?;
    let plane = sandbox.management().await?;
    std::fs::write(dir.join("kubeconfig"), plane.admin_kubeconfig())?;
    std::future::pending::<()>().await;
    Ok(())
}
