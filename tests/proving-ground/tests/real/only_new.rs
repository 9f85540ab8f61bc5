//! An apply that makes an object and changes none, which every new object of a layer is sent by, on a real kube-apiserver.

#![expect(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test may panic")]

#[path = "../../../apply-table/only_new.rs"]
mod law;

use std::collections::BTreeMap;

use windlass_core::addr::Address;
use windlass_kube::planes::{PlaneSource, Planes};
use windlass_proving_ground::{Ground, Plane, PlaneSpec};

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs real servers: cargo xtask proving-ground test"]
async fn what_is_there_is_not_touched() {
    let ground = Ground::begin("only-new").unwrap();
    let processes = Plane::start(&ground, PlaneSpec::named("management").unwrap()).await.unwrap();
    let source = PlaneSource::Text { kubeconfig: processes.kubeconfig().to_owned(), context: None };
    let planes = Planes::new(BTreeMap::from([(Address::management("m"), source)]));
    law::check(&planes.plane(&Address::management("m")).await.unwrap()).await;
}
