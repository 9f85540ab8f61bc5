//! `etcd { external { … } }` of a control plane, from HCL to objects: what is made of it, and what is refused of it.

mod module;

use module::{GROUPS, cluster, wish};
use serde_json::{Value as Json, json};
use windlass_core::desired::{Desired, Home};
use windlass_core::value::Value;

/// An external etcd; its certificates have the shape of certificates and nothing in them.
const ETCD: &str = r#"
    etcd {
      external {
        endpoints          = ["https://etcd-1.example.com:2379", "https://10.0.0.2:2379"]
        ca_certificate     = "-----BEGIN CERTIFICATE-----\nMAcwADAAAwEA\n-----END CERTIFICATE-----\n"
        client_certificate = "-----BEGIN CERTIFICATE-----\nMAgwADAAAwIAAQ==\n-----END CERTIFICATE-----\n"
        client_key         = var.key
      }
    }
"#;
const VARIABLE: &str = r#"
variable "key" {
  type      = string
  default   = "-----BEGIN PRIVATE KEY-----\nMAgCAQAwAAQBAQ==\n-----END PRIVATE KEY-----\n"
  sensitive = true
}
"#;
/// Of the key.
const BASE64: &str = "MAgCAQAwAAQBAQ==";

/// A cluster with this in its control plane.
fn with(inside: &str) -> String {
    cluster("", &GROUPS.replace("control_plane {\n", &format!("control_plane {{\n{inside}"))) + VARIABLE
}

/// The objects of the control plane, in the order in which they are applied.
fn objects(desired: &Desired) -> Vec<(String, Value)> {
    let mut resources = desired.resources.values().filter(|resource| resource.address.to_string() == "cluster.shop.control_plane");
    let resource = resources.next().expect("a control plane");
    assert!(resource.objects.iter().all(|object| object.home == Home::Capi), "all of them move with the pivot");
    resource.objects.iter().map(|object| (object.key.short(), object.content.clone())).collect()
}

#[test]
fn secrets_come_before_the_control_plane_that_names_their_files() {
    let (desired, found) = wish(&with(ETCD));
    assert_eq!(found, Vec::<String>::new());
    let objects = objects(&desired);
    let keys: Vec<&str> = objects.iter().map(|(key, _)| key.as_str()).collect();
    let [etcd, client, template, control_plane] = keys.as_slice() else { panic!("{keys:?}") };
    assert_eq!((*etcd, *client), ("Secret shop/shop-etcd", "Secret shop/shop-apiserver-etcd-client"));
    assert!(template.starts_with("AWSMachineTemplate"), "{template}");
    assert_eq!(*control_plane, "KubeadmControlPlane shop/shop-control-plane");

    let text = |at: usize, path: &[&str]| objects[at].1.get_path(path).map(|value| value.reveal().as_str().unwrap_or("").to_owned());
    for at in [0, 1] {
        assert_eq!(text(at, &["type"]).as_deref(), Some("cluster.x-k8s.io/secret"));
        assert_eq!(text(at, &["metadata", "labels", "cluster.x-k8s.io/cluster-name"]).as_deref(), Some("shop"));
    }
    assert!(text(0, &["stringData", "tls.crt"]).is_some_and(|text| text.contains("MAcwADAAAwEA")));
    assert_eq!(text(0, &["stringData", "tls.key"]), None, "nobody has the authority's key");
    assert!(text(1, &["stringData", "tls.crt"]).is_some_and(|text| text.contains("MAgwADAAAwIAAQ==")));
    assert!(text(1, &["stringData", "tls.key"]).is_some_and(|text| text.contains(BASE64)));
    assert!(objects[1].1.get_path(&["stringData", "tls.key"]).is_some_and(Value::is_secret));

    let plane = objects[3].1.to_json().expect("plain data");
    assert_eq!(
        plane.pointer("/spec/kubeadmConfigSpec/clusterConfiguration/etcd"),
        Some(&json!({"external": {
            "endpoints": ["https://etcd-1.example.com:2379", "https://10.0.0.2:2379"],
            "caFile": "/etc/kubernetes/pki/etcd/ca.crt",
            "certFile": "/etc/kubernetes/pki/apiserver-etcd-client.crt",
            "keyFile": "/etc/kubernetes/pki/apiserver-etcd-client.key",
        }}))
    );
    let manager = plane.pointer("/spec/kubeadmConfigSpec/clusterConfiguration/controllerManager/extraArgs");
    assert!(manager.is_some(), "what the cloud renders is still there");
}

#[test]
fn the_plan_shows_fingerprints_and_no_key() {
    let (desired, _) = wish(&with(ETCD));
    let mut resources = desired.resources.values().filter(|resource| resource.address.to_string() == "cluster.shop.control_plane");
    let input = &resources.next().expect("a control plane").input;
    let shown = input.get_path(&["etcd", "external"]).expect("it is shown");
    for certificate in ["ca_certificate", "client_certificate"] {
        let text = shown.get(certificate).and_then(Value::as_str).expect("a text");
        assert!(text.len() == 71 && text.starts_with("sha256:"), "{text}");
    }
    assert!(shown.get("client_key").is_some_and(Value::is_secret));
    assert!(!format!("{desired:?}").contains(BASE64));
}

#[test]
fn without_the_block_nothing_is_said_of_etcd() {
    let (desired, found) = wish(&with(""));
    assert_eq!(found, Vec::<String>::new());
    let objects = objects(&desired);
    assert_eq!(objects.len(), 2);
    assert_eq!(objects[1].1.get_path(&["spec", "kubeadmConfigSpec", "clusterConfiguration", "etcd"]), None);
}

/// One fault, which holds this text and nothing of the key.
#[track_caller]
fn refused(text: &str, want: &str) -> String {
    let (_, found) = wish(text);
    let [one] = found.as_slice() else { panic!("wanted {want}\nfound {found:#?}\nfor\n{text}") };
    assert!(one.contains(want), "wanted {want}\nfound {one}");
    assert!(!one.contains(BASE64), "{one}");
    one.clone()
}

#[test]
fn endpoints_and_blocks_are_judged() {
    let what = "`external` of `etcd` of control_plane of cluster \"shop\"";
    let endpoints = r#"["https://etcd-1.example.com:2379", "https://10.0.0.2:2379"]"#;
    let of = |list: &str| with(&ETCD.replace(endpoints, list));
    refused(&of("[]"), &format!("WL0207 {what} has no endpoint"));
    refused(&of(r#"["http://etcd:2379"]"#), &format!("WL0207 \"http://etcd:2379\" in `endpoints` of {what} is no address of an etcd"));
    refused(&of(r#"["https://a:2379", "https://b:2379", "https://A:2379"]"#), "WL0207 \"https://A:2379\" stands twice");
    refused(&of(r#"[for n in range(51) : "https://etcd-${n}:2379"]"#), &format!("WL0207 {what} has 51 endpoints; 50 are allowed"));
    refused(&with(&ETCD.replace("endpoints  ", "endpoint   ")), "has no attribute `endpoint`");
    refused(&with("    etcd {\n    }\n"), "lacks a `external` block");
    refused(&with(&ETCD.replace("etcd {\n", &format!("etcd {{\n      {ANOTHER}\n"))), "one `external` block only");
    refused(&cluster("", &GROUPS.replace("\"general\" {\n", "\"general\" {\n    etcd {\n    }\n")), "has no `etcd` block");
}

/// Another whole block.
const ANOTHER: &str = r#"external {
        endpoints          = ["https://etcd:2379"]
        ca_certificate     = "-----BEGIN CERTIFICATE-----\nMAcwADAAAwEA\n-----END CERTIFICATE-----\n"
        client_certificate = "-----BEGIN CERTIFICATE-----\nMAgwADAAAwIAAQ==\n-----END CERTIFICATE-----\n"
        client_key         = var.key
      }"#;

#[test]
fn certificates_and_keys_are_judged_at_the_block_and_not_repeated() {
    let attribute = |name: &str, value: &str| {
        let line = ETCD.lines().find(|line| line.trim_start().starts_with(name)).expect("the attribute");
        with(&ETCD.replace(line, &format!("        {name} = {value}")))
    };
    let certificate = r#""-----BEGIN CERTIFICATE-----\nMAcwADAAAwEA\n-----END CERTIFICATE-----\n""#;
    let key = r#""-----BEGIN PRIVATE KEY-----\nMAgCAQAwAAQBAQ==\n-----END PRIVATE KEY-----\n""#;
    for (name, value, want) in [
        ("ca_certificate", "\"etcd-ca.crt\"", "is no PEM text"),
        ("ca_certificate", "var.token", "WL0115"),
        ("ca_certificate", key, "holds a private key"),
        ("client_certificate", key, "holds a private key"),
        ("client_certificate", r#""-----BEGIN CERTIFICATE-----\nMAcwADAA\n-----END CERTIFICATE-----\n""#, "is damaged PEM"),
        (
            "client_certificate",
            r#""-----BEGIN PUBLIC KEY-----\nMAcwADAAAwEA\n-----END PUBLIC KEY-----\n""#,
            "holds something else than certificates",
        ),
        ("client_key", certificate, "holds no private key"),
        ("client_key", "\"key.pem\"", "is no PEM text"),
        (
            "client_key",
            r#""-----BEGIN ENCRYPTED PRIVATE KEY-----\nMAgCAQAwAAQBAQ==\n-----END ENCRYPTED PRIVATE KEY-----\n""#,
            "is locked with a passphrase",
        ),
    ] {
        let text = attribute(name, value);
        let told = refused(&text, want);
        if want.starts_with("is ") || want.starts_with("holds ") {
            // Not at the value: its line may hold the key.
            let line = text.lines().position(|line| line.contains("external {")).expect("the block") + 1;
            assert!(told.starts_with(&format!("{line}:7 WL0207 `{name}` of `external` of `etcd` of control_plane")), "{told}");
        }
    }
    let missing = |name: &str| {
        let rest = ETCD.lines().filter(|line| !line.trim_start().starts_with(name));
        with(&rest.map(|line| format!("{line}\n")).collect::<String>())
    };
    for name in ["endpoints", "ca_certificate", "client_certificate", "client_key"] {
        refused(&missing(name), &format!("lacks `{name}`"));
    }
}

/// A certificate on a curve, its key, and another one.
const CERTIFICATE: &str = r#"-----BEGIN CERTIFICATE-----\nMIIBbzCCARWgAwIBAgIUFf5bkxuk1HvGNLlQt8iRiCYYOp4wCgYIKoZIzj0EAwIw\nDDEKMAgGA1UEAwwBYzAgFw0yNjExMjMwODA3MjhaGA8yMTI2MTAzMDA4MDcyOFow\nDDEKMAgGA1UEAwwBYzBZMBMGByqGSM49AgEGCCqGSM49AwEHA0IABBE1t/I419Nh\nz/hjSrt5IBfr3DmfpCgblCtdwAlG30Xz58P4t6nW29Ai4mktC8pzvnNmUjYy1URY\nB37Cs2cgMx6jUzBRMB0GA1UdDgQWBBS9AE4cg7zUmomxCduXeqwDWpdyczAfBgNV\nHSMEGDAWgBS9AE4cg7zUmomxCduXeqwDWpdyczAPBgNVHRMBAf8EBTADAQH/MAoG\nCCqGSM49BAMCA0gAMEUCIGnnwgrjd1fKqI+skh/vfqDUOHa5mIWmwYtVycW7Wd44\nAiEAqKTcb9yITQG/rfHoWZQs59gdOnf188oJFV7rl18eGiE=\n-----END CERTIFICATE-----"#;
const OWN_KEY: &str = r#"-----BEGIN PRIVATE KEY-----\nMIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQgbzonqqXBmG+VIHpQ\nnG484p3ci/p9n/zmcmoop0oPdlOhRANCAAQRNbfyONfTYc/4Y0q7eSAX69w5n6Qo\nG5QrXcAJRt9F8+fD+Lep1tvQIuJpLQvKc75zZlI2MtVEWAd+wrNnIDMe\n-----END PRIVATE KEY-----"#;
const OTHER_KEY: &str = r#"-----BEGIN PRIVATE KEY-----\nMIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQg4uTt1Gj9Twg9BpqP\nEkavlYY9dY40yibV8FqdIioAlOahRANCAATonunvsyUyvJT+CuUCHjVtjGsD8aNy\nRZR6IcaYLEMS+SLI5q+VvtayMWTk3m/USzWUmMS52+gWq4zt3WJuhEiu\n-----END PRIVATE KEY-----"#;

#[test]
fn a_key_belongs_to_its_certificate() {
    let pair = |certificate: &str, key: &str| {
        let client = "-----BEGIN CERTIFICATE-----\\nMAgwADAAAwIAAQ==\\n-----END CERTIFICATE-----\\n";
        assert!(ETCD.contains(client));
        with(&ETCD.replace(client, certificate).replace("var.key", &format!("\"{key}\"")))
    };
    assert_eq!(wish(&pair(CERTIFICATE, OWN_KEY)).1, Vec::<String>::new());
    refused(
        &pair(CERTIFICATE, OTHER_KEY),
        "`client_key` of `external` of `etcd` of control_plane of cluster \"shop\" does not belong to `client_certificate`",
    );
}

#[test]
fn machines_without_etcd_may_be_of_an_even_number() {
    for (replicas, external, want) in [
        (2, true, ""),
        (4, true, ""),
        (5, true, ""),
        (2, false, "may have 1, 3 or 5"),
        (0, true, "may have 1 to 5"),
        (6, true, "may have 1 to 5"),
    ] {
        let text = with(&format!("    replicas = {replicas}\n{}", if external { ETCD } else { "" }));
        if want.is_empty() {
            assert_eq!(wish(&text).1, Vec::<String>::new(), "{replicas}");
        } else {
            refused(&text, want);
        }
    }
}

#[test]
fn an_override_does_not_touch_it() {
    let patch = |etcd: &str| {
        format!(
            "    capi_override = {{ KubeadmControlPlane = {{ spec = {{ kubeadmConfigSpec = {{ clusterConfiguration = {{ etcd = {etcd} }} }} }} }} }}\n"
        )
    };
    let path = "`spec.kubeadmConfigSpec.clusterConfiguration.etcd";
    for (etcd, external, want) in [
        ("{ external = { endpoints = [\"https://a:2379\"] } }", true, format!("may not change {path}.external`")),
        ("{ external = { endpoints = [\"https://a:2379\"] } }", false, format!("may not change {path}.external`")),
        ("null", true, format!("may not remove {path}` as a whole")),
        ("{ local = { dataDir = \"/var/lib/etcddisk\" } }", true, "both local and external".to_owned()),
    ] {
        refused(&with(&format!("{}{}", patch(etcd), if external { ETCD } else { "" })), &want);
    }
    let (desired, found) = wish(&with(&patch("{ local = { dataDir = \"/var/lib/etcddisk\" } }")));
    assert_eq!(found, Vec::<String>::new());
    let plane: Json = objects(&desired)[1].1.to_json().expect("plain data");
    assert_eq!(plane.pointer("/spec/kubeadmConfigSpec/clusterConfiguration/etcd/local/dataDir"), Some(&json!("/var/lib/etcddisk")));
}
