//! A cluster whose etcd somebody else runs, from up to down with the pivot; the key of the API servers as its clients is nowhere but on planes.

#[path = "support/canary.rs"]
mod canary;
mod support;

use canary::Canaries;
use serde_json::{Value as Json, json};
use support::small::{base, cluster};
use support::{Done, Place};

/// What stands in the key's PEM, and its PEM: PKCS#8 around these bytes.
const CANARY: &str = "canaryOfTheEtcdClientKey";
const KEY: &str = "-----BEGIN PRIVATE KEY-----\nMB8CAQAwAAQYY2FuYXJ5T2ZUaGVFdGNkQ2xpZW50S2V5\n-----END PRIVATE KEY-----\n";
/// Another one.
const OTHER_KEY: &str = "-----BEGIN PRIVATE KEY-----\nMAgCAQAwAAQBAQ==\n-----END PRIVATE KEY-----\n";
/// They have the shape of certificates and nothing in them.
const AUTHORITY: &str = "-----BEGIN CERTIFICATE-----\nMAcwADAAAwEA\n-----END CERTIFICATE-----\n";
const CERTIFICATE: &str = "-----BEGIN CERTIFICATE-----\nMAgwADAAAwIAAQ==\n-----END CERTIFICATE-----\n";
const ETCD: &str = r#"  control_plane {
    replicas = 2
    etcd {
      external {
        endpoints          = ["https://etcd-1.example.com:2379", "https://etcd-2.example.com:2379"]
        ca_certificate     = file("etcd/ca.crt")
        client_certificate = file("etcd/client.crt")
        client_key         = var.etcd_client_key
      }
    }
"#;
const VARIABLE: &str = "variable \"etcd_client_key\" {\n  type      = string\n  sensitive = true\n}\n";
/// What plays the server.
const ALLOWED: [&str; 2] = [".windlass/sandbox/store", ".windlass/sandbox/management.kubeconfig"];
const SECRETS: &str = "/api/v1/namespaces/shop/secrets";

/// Runs a command with the key given, and looks for it in what the command says.
#[track_caller]
fn run(place: &Place, canaries: &Canaries, arguments: &[&str]) -> Done {
    let done = place.run_with(arguments, &[("WL_VAR_etcd_client_key", KEY), ("RUST_LOG", "debug")]);
    canaries.absent_from(&format!("what {arguments:?} says"), format!("{}{}", done.stdout, done.stderr));
    done
}

fn place() -> Place {
    let shop = cluster("shop", "").replace("  control_plane {\n", ETCD);
    let place = Place::small(&[VARIABLE.to_owned(), base(""), shop]);
    place.write("etcd/ca.crt", AUTHORITY);
    place.write("etcd/client.crt", CERTIFICATE);
    place
}

/// Data of a Secret, decoded.
fn text(secret: &Json, key: &str) -> Option<String> {
    let bytes = data_encoding::BASE64.decode(secret["data"][key].as_str()?.as_bytes()).expect("data is base64");
    Some(String::from_utf8(bytes).expect("text"))
}

#[test]
fn a_cluster_with_external_etcd_goes_up_moves_and_comes_down() {
    let place = place();
    let mut canaries = Canaries::default();
    canaries.add("the key", CANARY.as_bytes());
    canaries.add("the key's PEM", KEY.as_bytes());
    assert!(!canaries.find(KEY.as_bytes()).is_empty());

    run(&place, &canaries, &["plan", "-out=a.wlplan"])
        .expect(0)
        .says("client_key         = (sensitive value)")
        .says("ca_certificate     = \"sha256:")
        .says("+ Secret shop/shop-etcd")
        .says("+ Secret shop/shop-apiserver-etcd-client");
    run(&place, &canaries, &["show", "-json", "a.wlplan"]).expect(0);
    canaries.absent_below(place.path(), &ALLOWED);
    run(&place, &canaries, &["apply", "a.wlplan"]).expect(0).says("Apply complete!");
    run(&place, &canaries, &["plan", "-detailed-exitcode"]).expect(0).says("No changes.");
    run(&place, &canaries, &["drift"]).expect(0).says("No drift.");
    assert_eq!(place.ledger().get("instance"), Some(&3));

    // All of it is in the cluster itself, and as Cluster API wants it.
    let (shop, management) = (place.kubectl("shop"), place.kubectl_on_management());
    for (name, key, expected) in [
        ("shop-etcd", "tls.crt", AUTHORITY),
        ("shop-apiserver-etcd-client", "tls.crt", CERTIFICATE),
        ("shop-apiserver-etcd-client", "tls.key", KEY),
    ] {
        let secret = shop.get(&format!("{SECRETS}/{name}")).expect("the Secret has moved");
        assert_eq!(text(&secret, key).as_deref(), Some(expected), "{name}");
        assert_eq!(
            (&secret["type"], &secret["metadata"]["ownerReferences"][0]["kind"]),
            (&json!("cluster.x-k8s.io/secret"), &json!("KubeadmControlPlane"))
        );
        assert!(management.get(&format!("{SECRETS}/{name}")).is_none(), "{name} is left behind");
    }
    let path = "/apis/controlplane.cluster.x-k8s.io/v1beta2/namespaces/shop/kubeadmcontrolplanes/shop-control-plane";
    let plane = shop.get(path).expect("the control plane has moved");
    let told = &plane["spec"]["kubeadmConfigSpec"]["clusterConfiguration"]["etcd"]["external"];
    assert_eq!(told["keyFile"], "/etc/kubernetes/pki/apiserver-etcd-client.key");
    assert_eq!(told["endpoints"].as_array().map(Vec::len), Some(2));
    let healthy = plane["status"]["conditions"].as_array().into_iter().flatten().find(|one| one["type"] == "EtcdClusterHealthy");
    assert!(healthy.is_none_or(|one| one["status"] == "Unknown"), "{healthy:?}");

    // A lost and a changed Secret are drift, and are put back.
    shop.delete(&format!("{SECRETS}/shop-etcd"));
    let other = data_encoding::BASE64.encode(OTHER_KEY.as_bytes());
    shop.patch_merge(&format!("{SECRETS}/shop-apiserver-etcd-client"), &json!({"data": {"tls.key": other}}));
    run(&place, &canaries, &["drift"]).expect(2).says("Secret shop/shop-etcd").says("by kubectl-patch at ");
    run(&place, &canaries, &["apply", "-auto-approve"]).expect(0);
    let client = shop.get(&format!("{SECRETS}/shop-apiserver-etcd-client")).expect("a Secret");
    assert_eq!(text(&client, "tls.key").as_deref(), Some(KEY));
    assert!(shop.get(&format!("{SECRETS}/shop-etcd")).is_some());
    run(&place, &canaries, &["plan", "-detailed-exitcode"]).expect(0);

    // Another key is a change by name.
    let changed = place.run_with(&["plan"], &[("WL_VAR_etcd_client_key", OTHER_KEY)]).expect(1);
    changed.says("a change of external etcd is not possible yet").says("`etcd.external.client_key` was (sensitive), is now (sensitive).");
    for command in [&["show"][..], &["show", "-json"], &["state", "show", "cluster.shop.control_plane"]] {
        run(&place, &canaries, command).expect(0);
    }
    canaries.absent_below(place.path(), &ALLOWED);

    run(&place, &canaries, &["destroy", "-auto-approve"]).expect(0).says("Destroy complete!");
    assert!(place.ledger().is_empty() && place.objects().is_empty());
    for name in ["shop-etcd", "shop-apiserver-etcd-client"] {
        assert!(management.get(&format!("{SECRETS}/{name}")).is_none(), "{name} is left");
    }
    canaries.absent_below(place.path(), &ALLOWED);
}

#[test]
fn a_key_in_the_place_of_a_certificate_is_told_and_not_quoted() {
    let place = place();
    let mut canaries = Canaries::default();
    canaries.add("the key", CANARY.as_bytes());
    place.write("etcd/client.crt", KEY);
    run(&place, &canaries, &["plan"]).expect(1).says("`client_certificate` of `external` of `etcd`").says("holds a private key");
    // Written out, it stands in the line of the attribute.
    place.replace("main.wl.hcl", "file(\"etcd/client.crt\")", &format!("{KEY:?}"));
    run(&place, &canaries, &["plan"]).expect(1).says("holds a private key");
}
