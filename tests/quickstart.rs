//! The quickstart as a user lives it: up, settled, drifted, repaired, down.

mod support;

use support::Place;

#[test]
fn the_quickstart_goes_up_drifts_and_comes_down() {
    let place = Place::example("quickstart");
    place.run(&["init"]).expect(0);
    place.run(&["validate"]).expect(0).says("Success!");
    place.run(&["plan", "-detailed-exitcode"]).expect(2).says("to add, 0 to change, 0 to destroy.").says("1 to pivot");
    place.apply().says("Apply complete!");
    place.settled();
    place.run(&["drift"]).expect(0).says("No drift.");
    place.run(&["state", "list"]).expect(0).says("cluster.shop.worker_pool[\"general\"]");
    place.run(&["state", "show", "cluster.shop.layer[\"shop\"]"]).expect(0).says("Deployment storefront/web");
    place.run(&["show"]).expect(0).says("cluster.shop.pivot");
    let endpoint = place.run(&["output", "-raw", "shop_endpoint"]).expect(0).stdout;
    assert!(endpoint.starts_with("https://127.0.0.1:"), "{endpoint}");
    let kubeconfig = place.run(&["kubeconfig", "shop"]).expect(0).stdout;
    assert!(kubeconfig.contains(&endpoint), "the kubeconfig opens the cluster");
    assert_eq!(place.ledger().get("instance"), Some(&5));
    place.run(&["destroy"]).expect(1).says("WL0514");
    let destroyed = place.run(&["destroy", "-auto-approve"]).expect(0).says("Destroy complete!");
    destroyed.says("the Cluster API objects of cluster.shop move back to management.sandbox").says("1 to pivot back, ");
    assert!(place.ledger().is_empty());
    assert!(place.objects().is_empty());
}
