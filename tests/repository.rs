//! Providers from a component repository: installed on a real API and in the cluster that leaves it, locked by digest, with variables whose
//! values nobody sees.

#[path = "support/minimal.rs"]
mod minimal;
#[path = "support/repository.rs"]
mod repository;
mod support;
#[path = "support/web.rs"]
mod web;

use repository::{CERT_MANAGER, Certificates, FOLDER, make, version};
use support::Place;

const LOCK: &str = ".windlass.lock.hcl";
const TOKEN: &str = "canary-of-the-registry";

/// An API without anything on it, and its kubeconfig.
fn server() -> (Place, String) {
    let server = Place::empty();
    // Whoever plans starts the sandbox, and installs nothing.
    server.write("main.wl.hcl", minimal::SEED);
    server.run(&["plan"]).expect(0);
    let kubeconfig = server.run(&["sandbox", "kubeconfig"]).expect(0).stdout;
    (server, kubeconfig)
}

fn management(more: &str) -> String {
    format!(
        "variable \"token\" {{\n  type      = string\n  sensitive = true\n}}\n\nmanagement \"hub\" {{\n  kubeconfig           = \"hub.kubeconfig\"\n  \
         component_repository = \"{FOLDER}\"\n{more}}}\n"
    )
}

const VARIABLES: &str = "  provider \"aws\" {\n    variables = { REGISTRY_TOKEN = var.token, MANAGER_REPLICAS = 1 }\n  }\n";
const ENVIRONMENT: [(&str, &str); 2] = [("WL_STABLE_SECONDS", "1"), ("WL_VAR_token", TOKEN)];

fn place(kubeconfig: &str, certificates: Certificates, more: &str) -> Place {
    let place = minimal::place(&management(more), "");
    place.replace("main.wl.hcl", "pivot    = false", "pivot    = true");
    place.write("hub.kubeconfig", kubeconfig);
    make(&place.path().join(FOLDER), certificates);
    place
}

/// `file:line:` of a text in the configuration.
fn at(place: &Place, text: &str) -> String {
    let line = read(place, "main.wl.hcl").lines().position(|line| line.contains(text));
    format!("main.wl.hcl:{}:", line.unwrap_or_else(|| panic!("no line with {text}")) + 1)
}

/// Components as clusterctl takes them, too: no Namespace, and objects that do not say where they live.
fn without_namespace(components: &str, namespace: &str) -> String {
    let rest = components.split_inclusive("}\n---\n").filter(|object| !object.contains("\"kind\": \"Namespace\""));
    rest.collect::<String>().replace(&format!(",\n    \"namespace\": \"{namespace}\"\n  }}"), "\n  }")
}

fn read(place: &Place, file: &str) -> String {
    std::fs::read_to_string(place.path().join(file)).unwrap_or_else(|error| panic!("{file}: {error}"))
}

#[test]
fn providers_and_cert_manager_come_from_a_repository() {
    let (server, kubeconfig) = server();
    let place = place(&kubeconfig, Certificates::Asked, VARIABLES);
    let run = |arguments: &[&str]| place.run_with(arguments, &ENVIRONMENT);
    let bootstrap = format!("{FOLDER}/bootstrap-kubeadm/{}/bootstrap-components.yaml", version("cluster-api"));
    let (whole, namespace) = (read(&place, &bootstrap), "capi-kubeadm-bootstrap-system");
    place.write(&bootstrap, without_namespace(&whole, namespace));
    assert_eq!(read(&place, &bootstrap).matches(namespace).count(), 2, "the account of a binding, and the binding's name");
    let planned = run(&["plan", "-out=up.wlplan"]).expect(0);
    for provider in ["cert-manager", "cluster-api", "bootstrap-kubeadm", "control-plane-kubeadm", "aws"] {
        assert!(planned.stdout.contains(&format!("management.hub.provider[\"{provider}\"]")), "{}", planned.stdout);
    }
    let plan = read(&place, "up.wlplan");
    assert!(!plan.contains(TOKEN) && !planned.stdout.contains(TOKEN), "a sensitive variable stands nowhere in clear");
    let lock = read(&place, LOCK);
    let digest = |label: &str, version: &str, file: &str| {
        use sha2::Digest;
        let bytes = std::fs::read(place.path().join(FOLDER).join(label).join(version).join(file)).expect("a file");
        format!("components = \"sha256:{}\"", data_encoding::HEXLOWER.encode(&sha2::Sha256::digest(bytes)))
    };
    assert!(lock.contains(&digest("infrastructure-aws", version("aws"), "infrastructure-components.yaml")), "{lock}");
    assert!(lock.contains(&digest("cert-manager", CERT_MANAGER, "cert-manager.yaml")), "{lock}");
    assert_eq!(lock.matches("components =").count(), 5, "{lock}");

    run(&["apply", "up.wlplan"]).expect(0).says("Apply complete!");
    run(&["plan", "-detailed-exitcode"]).expect(0).says("No changes.");
    let workload = place.kubectl("small");
    let hub = server.kubectl_on_management();
    let secret = "/api/v1/namespaces/capa-system/secrets/capa-registry";
    for plane in [&hub, &workload] {
        let manager = plane.get("/apis/apps/v1/namespaces/capa-system/deployments/capa-controller-manager").expect("the manager");
        let pod = &manager["spec"]["template"]["spec"];
        assert_eq!(pod["tolerations"][0]["key"], "node-role.kubernetes.io/control-plane", "{pod}");
        assert_eq!(pod["containers"][0]["args"][0], "--feature-gates=MachinePool=true", "the default of a variable");
        assert_eq!(manager["spec"]["replicas"], 1);
        assert_eq!(manager["metadata"]["labels"]["clusterctl.cluster.x-k8s.io"], "");
        assert!(plane.get("/apis/apps/v1/namespaces/cert-manager/deployments/cert-manager-webhook").is_some());
        let value = plane.get(secret).expect("the Secret")["data"]["credentials"].as_str().expect("text").to_owned();
        let value = data_encoding::BASE64.decode(value.as_bytes()).expect("base64");
        assert_eq!(String::from_utf8_lossy(&value), format!("user:{TOKEN}"));
        let own = plane.get("/api/v1/namespaces/capa-system/secrets/capa-manager-bootstrap-credentials").expect("the Secret");
        assert_eq!(own["data"]["credentials"], "Cg==", "the cloud's own credentials stand in the place of the components'");
        let entry = "/apis/clusterctl.cluster.x-k8s.io/v1alpha3/namespaces/capa-system/providers/infrastructure-aws";
        assert_eq!(plane.get(entry).expect("clusterctl's entry")["version"], version("aws"));
    }
    assert!(
        hub.get("/apis/apps/v1/namespaces/capi-kubeadm-bootstrap-system/deployments/capi-kubeadm-bootstrap-controller-manager").is_some()
    );

    // The token has expired, and another manager is wanted: both are changed where they stand, on either plane.
    let renewed = [ENVIRONMENT[0], ("WL_VAR_token", "canary-of-another-token")];
    place.replace("main.wl.hcl", "MANAGER_REPLICAS = 1", "MANAGER_REPLICAS = 2");
    let planned = place.run_with(&["plan", "-detailed-exitcode"], &renewed).expect(2).says("Secret capa-system/capa-registry");
    assert!(planned.stdout.contains("spec.replicas") && planned.stdout.contains("until its Deployment is restarted"), "{}", planned.stdout);
    assert!(!planned.stdout.contains("canary") && !planned.stderr.contains("canary"), "{}", planned.stdout);
    place.run_with(&["apply", "-auto-approve"], &renewed).expect(0);
    for plane in [&hub, &workload] {
        let value = plane.get(secret).expect("the Secret")["data"]["credentials"].as_str().expect("text").to_owned();
        assert_eq!(value, data_encoding::BASE64.encode(b"user:canary-of-another-token"));
        let manager = plane.get("/apis/apps/v1/namespaces/capa-system/deployments/capa-controller-manager").expect("the manager");
        assert_eq!(manager["spec"]["replicas"], 2);
    }
    place.run_with(&["plan", "-detailed-exitcode"], &renewed).expect(0).says("No changes.");
    place.replace("main.wl.hcl", "MANAGER_REPLICAS = 2", "MANAGER_REPLICAS = 1");
    run(&["apply", "-auto-approve"]).expect(0);
    let state = String::from_utf8_lossy(&place.state()).into_owned();
    assert!(!state.contains("canary-of-another-token"), "nor does one that has gone stand in the state");
    assert!(!state.contains(TOKEN), "nor does it stand in the state");

    // Somebody changes a manager: found, and repaired from the repository.
    hub.scale("/apis/apps/v1/namespaces/capa-system/deployments/capa-controller-manager", 0);
    run(&["plan", "-detailed-exitcode"]).expect(2).says("management.hub.provider[\"aws\"]").says("spec.replicas");
    run(&["apply", "-auto-approve"]).expect(0);

    // What a version holds does not change by itself.
    let file = format!("{FOLDER}/infrastructure-aws/{}/infrastructure-components.yaml", version("aws"));
    let components = read(&place, &file);
    place.write(&file, components.replace("registry.example/manager:v1", "registry.example/manager:v2"));
    run(&["plan"]).expect(1).says("WL0515").says("the components of aws").says(&at(&place, "component_repository"));
    place.write(&file, components);

    // Somebody stops a manager, and the repository is gone: everything goes all the same, with the configuration or without.
    hub.scale("/apis/apps/v1/namespaces/capi-system/deployments/capi-controller-manager", 0);
    std::fs::rename(place.path().join(FOLDER), place.path().join("gone")).expect("renamed");
    run(&["plan", "-destroy"]).expect(0).says("The component repository cannot be read.");
    std::fs::rename(place.path().join("main.wl.hcl"), place.path().join("main.off")).expect("renamed");
    let flag = "-kubeconfig=management.hub=hub.kubeconfig";
    run(&["destroy", "-auto-approve", flag]).expect(0).says("Destroy complete!");
    assert_eq!(server.ledger(), Default::default());
}

#[test]
fn what_is_wrong_with_a_repository_is_told_before_anything_is_done() {
    let (_server, kubeconfig) = server();
    let place = place(&kubeconfig, Certificates::None, "");
    let run = |arguments: &[&str]| place.run_with(arguments, &ENVIRONMENT);
    let folder = format!("{FOLDER}/infrastructure-aws/{}", version("aws"));
    let (file, metadata) = (format!("{folder}/infrastructure-components.yaml"), format!("{folder}/metadata.yaml"));
    let (components, series) = (read(&place, &file), read(&place, &metadata));

    // The Secret of the manager is windlass's own; the other one asks for a value.
    let told = run(&["plan"]).expect(1).says("WL0206").says("REGISTRY_TOKEN").says("variables = { REGISTRY_TOKEN = … }").says(&file);
    assert!(!told.stderr.contains("AWS_B64ENCODED_CREDENTIALS"), "{}", told.stderr);
    place.replace("main.wl.hcl", &format!("\"{FOLDER}\"\n"), &format!("\"{FOLDER}\"\n{VARIABLES}"));
    run(&["plan"]).expect(0);

    for (wrong, told) in [
        (components.replace("${REGISTRY_TOKEN}", "${REGISTRY_TOKEN"), "WL0219"),
        (components.replace("\"kind\": \"Secret\"", "\"kind\": Secret: x"), "WL0214"),
        (components.replace("capa-controller-manager", "other-manager"), "WL0219"),
        (components.replace("\"replicas\": ${MANAGER_REPLICAS:=1}", "\"replicas\": many"), "WL0410"),
        (components.replace("\"credentials\": \"user:${REGISTRY_TOKEN}\"", "\"${REGISTRY_TOKEN}\": \"x\""), "WL0115"),
        (components.replace("registry.example/manager:v1", "registry.example/${REGISTRY_TOKEN}"), "WL0115"),
        (components.replace("user:${REGISTRY_TOKEN}", "user:${REGISTRY_TOKEN^^}"), "WL0115"),
        (String::new(), "WL0219"),
    ] {
        assert_ne!(wrong, components, "{told}");
        place.write(&file, wrong);
        // Versions and digests are locked before the objects are judged.
        let _ = std::fs::remove_file(place.path().join(LOCK));
        let done = run(&["plan"]).expect(1).says(told);
        assert!(!done.stderr.contains(TOKEN) && !done.stderr.contains("windlass-sensitive"), "{}", done.stderr);
    }
    let first = "  \"apiVersion\": \"v1\",\n  \"kind\": \"ServiceAccount\",\n";
    let another = |api_version: &str, kind: &str| {
        format!(
            "{components}---\n{{\"apiVersion\": \"{api_version}\", \"kind\": \"{kind}\", \"metadata\": {{\"name\": \"a\", \"namespace\": \"b\"}}}}\n"
        )
    };
    for (wrong, code, told) in [
        (components.replace("${MANAGER_REPLICAS:=1}", "-1"), "WL0410", "spec.replicas: -1 is less than 0"),
        (components.replace("${MANAGER_REPLICAS:=1}", "1.5"), "WL0410", "spec.replicas"),
        (components.replace(first, "  \"kind\": \"ServiceAccount\",\n"), "WL0215", "has no apiVersion"),
        (components.replace(first, "  \"apiVersion\": \"v1\",\n"), "WL0215", "has no kind"),
        (
            components.replace("\"name\": \"capa-controller-manager-aggregated\"", "\"generateName\": \"a\""),
            "WL0215",
            "has no metadata.name",
        ),
        (another("monitoring.example.org/v1", "Monitor"), "WL0219", "serves no Monitor of monitoring.example.org/v1"),
        (another("policy/v1beta1", "PodSecurityPolicy"), "WL0219", "serves no PodSecurityPolicy of policy/v1beta1"),
    ] {
        assert_ne!(wrong, components, "{told}");
        place.write(&file, wrong);
        let in_file = format!("{file}:");
        let _ = std::fs::remove_file(place.path().join(LOCK));
        run(&["plan"]).expect(1).says(code).says(told).says(&in_file).says("hint: ");
        if code != "WL0219" {
            run(&["init"]).expect(1).says(code).says(told).says(&in_file);
        }
    }
    place.write(&file, &components);
    let _ = std::fs::remove_file(place.path().join(LOCK));
    place.write(&metadata, series.replace("v1beta1", "v1beta2"));
    run(&["plan"]).expect(1).says("WL0219").says("says contract v1beta2");
    place.write(&metadata, &series);
    for (written, told) in [
        ("nowhere", "is no folder"),
        ("http://127.0.0.1:1", "https://"),
        ("ftp://127.0.0.1:1", "WL0207"),
        ("https://127.0.0.1:1/x", "WL0219"),
        ("", "is empty"),
        ("https://u:canary@127.0.0.1/x", "a user or a password"),
    ] {
        place.replace("main.wl.hcl", &format!("= \"{FOLDER}\""), &format!("= \"{written}\""));
        let done = run(&["plan"]).expect(1).says(told).says(&at(&place, "component_repository"));
        assert!(!done.stderr.contains("canary"), "the line is not shown: {}", done.stderr);
        place.replace("main.wl.hcl", &format!("= \"{written}\""), &format!("= \"{FOLDER}\""));
    }
    std::fs::remove_file(place.path().join(&file)).expect("it is there");
    run(&["plan"]).expect(1).says(&format!("{folder}/infrastructure-components.yaml cannot be read"));
    place.write(&file, &components);
    pinned_in_another_version(&place);
    std::fs::remove_file(place.path().join(&file)).expect("it is there");
    // Whoever only judges the configuration needs no repository.
    run(&["validate"]).expect(0);
    assert!(!place.path().join(LOCK).exists(), "nothing was locked");
}

/// A lock that was written for another version is refused where the version is pinned.
fn pinned_in_another_version(place: &Place) {
    let pin = format!("  provider \"cluster-api\" {{\n    version = \"{}\"\n  }}\n", version("cluster-api"));
    place.replace("main.wl.hcl", VARIABLES, &format!("{VARIABLES}{pin}"));
    place.write(LOCK, "provider \"cluster-api\" {\n  version = \"v0.9.9\"\n  facts   = \"sha256:0\"\n}\n");
    let done = place.run_with(&["plan"], &ENVIRONMENT).expect(1).says("WL0515").says("pins provider cluster-api to v0.9.9");
    let pinned = format!("version = \"{}\"", version("cluster-api"));
    assert!(done.stderr.contains(&at(place, &pinned)), "{}", done.stderr);
    std::fs::remove_file(place.path().join(LOCK)).expect("it is there");
    place.replace("main.wl.hcl", &pin, "");
}

#[test]
fn what_has_no_effect_is_warned_of() {
    let (_server, kubeconfig) = server();
    let place = place(&kubeconfig, Certificates::None, VARIABLES);
    let run = |arguments: &[&str]| place.run_with(arguments, &ENVIRONMENT);
    let warned = |done: &support::Done| done.stderr.matches("WL0220").count() + done.stdout.matches("WL0220").count();
    for command in [&["init"][..], &["plan"], &["validate"]] {
        assert_eq!(warned(&run(command).expect(0)), 0, "all of it is asked for");
    }
    place.replace("main.wl.hcl", "MANAGER_REPLICAS", "MANAGER_REPLICA");
    for command in [&["init"][..], &["plan"]] {
        let done =
            run(command).expect(0).says("WL0220").says("do not ask for the variable MANAGER_REPLICA").says(&at(&place, "MANAGER_REPLICA"));
        assert_eq!(warned(&done.says("did you mean `MANAGER_REPLICAS`?")), 1);
    }
    // Where others install the providers, nothing is read at all; a cluster that pivots is windlass's own.
    place.replace("main.wl.hcl", &format!("\"{FOLDER}\"\n"), &format!("\"{FOLDER}\"\n  install_providers = false\n"));
    assert_eq!(warned(&run(&["validate"]).expect(0)), 0);
    place.replace("main.wl.hcl", "pivot    = true", "pivot    = false");
    let done =
        run(&["validate"]).expect(0).says("`component_repository` has no effect").says("`variables` of provider \"aws\" has no effect");
    assert_eq!(warned(&done.says(&at(&place, "component_repository")).says(&at(&place, "MANAGER_REPLICA"))), 2);
}

/// A download is locked by its digest, and asked for once.
#[test]
fn a_repository_may_be_a_server() {
    let (_server, kubeconfig) = server();
    let place = place(&kubeconfig, Certificates::None, VARIABLES);
    let served = place.path().join(FOLDER);
    let web = web::Web::serve(&served);
    let written = |place: &Place, from: &str, to: &str| place.replace("main.wl.hcl", &format!("= \"{from}\""), &format!("= \"{to}\""));
    let address = format!("{}/moved", web.address());
    written(&place, FOLDER, &address);
    place.write("authority.pem", web.authority());
    let authority = place.path().join("authority.pem").display().to_string();
    let trusting = [ENVIRONMENT[0], ENVIRONMENT[1], ("SSL_CERT_FILE", authority.as_str())];
    let plan = |environment: &[(&str, &str)]| place.run_with(&["plan"], environment);

    plan(&ENVIRONMENT).expect(1).says("WL0219").says(&address).says("certificate");
    assert!(web.asked().is_empty() && web.failures() > 0, "whom nobody vouches for is asked nothing");
    plan(&trusting).expect(0);
    // Four providers, two files each, each by way of where it has moved to.
    assert_eq!(web.asked().len(), 16);
    plan(&trusting).expect(0);
    plan(&ENVIRONMENT).expect(0);
    assert!(web.asked().is_empty(), "what is locked and at hand is not asked for again");
    place.run_with(&["plan", "-out=up.wlplan"], &trusting).expect(0);
    let other = [trusting[0], ("WL_VAR_token", "another"), trusting[2]];
    place.run_with(&["apply", "up.wlplan"], &other).expect(5).says("has another value now");
    assert!(web.asked().is_empty(), "nor for a saved plan, whose secrets stand in components");

    // A copy that was changed here is not used; one that was changed there is refused.
    let kept = format!(".windlass/components/infrastructure-aws/{}/infrastructure-components.yaml", version("aws"));
    place.write(&kept, "{}");
    plan(&trusting).expect(0);
    assert_eq!(web.asked().len(), 2, "one file, by way of where it has moved to");
    let file = format!("{FOLDER}/infrastructure-aws/{}/infrastructure-components.yaml", version("aws"));
    place.write(&file, read(&place, &file).replace("manager:v1", "manager:v2"));
    plan(&trusting).expect(0);
    std::fs::remove_dir_all(place.path().join(".windlass/components")).expect("it is there");
    plan(&trusting).expect(1).says("WL0515").says("the components of aws");
    std::fs::remove_file(place.path().join(&file)).expect("it is there");
    std::fs::remove_dir_all(place.path().join(".windlass/components")).expect("it is there");
    plan(&trusting).expect(1).says("WL0219").says("404");
}
