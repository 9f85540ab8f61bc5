//! Faults in HCL. Nothing is started and nothing is written for any of them, whatever the command.

use crate::refusal::Told::This;
use crate::refusal::{HINT, Refusal, nothing_was_begun};
use crate::support::Place;

const CLOUD: &str =
    "cloud \"aws\" \"main\" {\n  region = \"eu-west-1\"\n  credentials {\n    role_arn = \"arn:aws:iam::111122223333:role/capa\"\n  }\n}\n";

struct Row<'a> {
    text: &'a str,
    code: &'a str,
    place: &'a str,
    says: &'a [&'a str],
}

const ROWS: &[Row<'_>] = &[
    Row {
        text: "output \"x\" {\n  value = \"eu-west-1\n}\n",
        code: "WL0011",
        place: "main.wl.hcl:2:11",
        says: &["a string has no closing quote", "hint: add `\"` at its end"],
    },
    Row {
        text: "variable \"a\" {\n  type =\n}\n",
        code: "WL0010",
        place: "main.wl.hcl:2:9",
        says: &["the line ends too early", "A value is missing after `=`"],
    },
    Row {
        text: "output \"x\" {\n  value = (1 +\n}\n",
        code: "WL0013",
        place: "main.wl.hcl:3:1",
        says: &["`}` where `)` is needed", "this `(` is still open"],
    },
    Row { text: "locals {\n  a = <<EOT\nno end\n}\n", code: "WL0012", place: "main.wl.hcl:2:7", says: &["EOT"] },
    Row { text: "locals {\n  a = 1\n  a = 2\n}\n", code: "WL0018", place: "main.wl.hcl:3:3", says: &["a"] },
    Row { text: "output \"x\" { value = 1 + [2] }\n", code: "WL0103", place: "main.wl.hcl:1:26", says: &["`+` cannot use this operand"] },
    Row {
        text: "variable \"size\" {\n  type    = number\n  default = \"many\"\n}\n",
        code: "WL0103",
        place: "main.wl.hcl:3:13",
        says: &["a number is required"],
    },
    Row { text: "output \"x\" { value = 1 / 0 }\n", code: "WL0106", place: "main.wl.hcl:1:22", says: &["zero"] },
    Row {
        text: "output \"x\" { value = lenght([1]) }\n",
        code: "WL0102",
        place: "main.wl.hcl:1:22",
        says: &["hint: did you mean `length`?"],
    },
    Row {
        text: "locals {\n  region = \"eu\"\n}\noutput \"x\" { value = local.regoin }\n",
        code: "WL0100",
        place: "main.wl.hcl:4:22",
        says: &["there is no local value `regoin`", "hint: did you mean `region`?"],
    },
    Row {
        text: "variable \"key\" {\n  type = string\n}\noutput \"x\" { value = var.key }\n",
        code: "WL0206",
        place: "main.wl.hcl:1:1",
        says: &["variable \"key\" has no value", "hint: give one with -var 'key=…', in windlass.wlvars.hcl or as WL_VAR_key"],
    },
    Row {
        text: "variable \"size\" {\n  type     = number\n  default  = null\n  nullable = false\n}\n",
        code: "WL0109",
        place: "main.wl.hcl:3:14",
        says: &["variable \"size\" may not be null, and its default is null", "hint: give another default or none"],
    },
    Row {
        text: "windlass {\n  required_version = \">= 0.1, < 0.1\"\n}\n",
        code: "WL0217",
        place: "main.wl.hcl:2:22",
        says: &["the configuration needs >= 0.1, < 0.1", "hint: use a windlass that fits"],
    },
    Row {
        text: "windlass {\n  required_version = \"^0.1\"\n}\n",
        code: "WL0207",
        place: "main.wl.hcl:2:22",
        says: &["\"^0.1\" is no constraint on versions"],
    },
    Row {
        text: "resource \"aws_instance\" \"x\" {}\n",
        code: "WL0200",
        place: "main.wl.hcl:1:1",
        says: &["there is no `resource` block in windlass", "hint: clusters are described by `cluster` blocks"],
    },
    Row {
        text: "terraform {}\n",
        code: "WL0200",
        place: "main.wl.hcl:1:1",
        says: &["there is no `terraform` block in windlass", "hint: settings stand in a `windlass` block"],
    },
    Row { text: "data \"aws_ami\" \"x\" {}\n", code: "WL0200", place: "main.wl.hcl:1:1", says: &["hint: there are no data sources"] },
    Row { text: "provider \"aws\" {}\n", code: "WL0200", place: "main.wl.hcl:1:1", says: &["hint: an account of a provider is a `cloud"] },
];

#[test]
fn a_fault_is_told_with_its_place_and_what_to_do() {
    let place = Place::empty();
    for row in ROWS {
        place.write("main.wl.hcl", row.text);
        let refusal = Refusal { code: row.code, place: This(row.place), hint: HINT, says: row.says, exit: 1 };
        for command in [&["validate"][..], &["apply", "-auto-approve"]] {
            let told = refusal.of(&place, command).stderr;
            assert_eq!(told.matches("Error[").count(), 1, "one fault is told once:\n{told}");
        }
    }
    nothing_was_begun(&place);
}

#[test]
fn every_circle_is_told() {
    let place = Place::empty();
    place.write("main.wl.hcl", "locals {\n  a = local.b\n  b = local.a\n  c = local.d\n  d = local.c\n  e = local.e\n}\n");
    let told = place.run(&["validate"]).expect(1).stderr;
    assert_eq!(told.matches("[WL0210]").count(), 3, "{told}");
    for circle in
        ["local.a refers to local.b, local.b refers to local.a.", "local.c refers to local.d, local.d", "local.e refers to local.e."]
    {
        assert!(told.contains(circle), "{circle:?} is missing in\n{told}");
    }
}

#[test]
fn all_faults_are_told_at_once() {
    let place = Place::empty();
    place.write("main.wl.hcl", "output \"x\" { value = 1 / 0 }\noutput \"y\" { value = nothing }\nterraform {}\n");
    let told = place.run(&["validate"]).expect(1).stderr;
    for code in ["[WL0106]", "[WL0100]", "[WL0200]"] {
        assert!(told.contains(code), "{told}");
    }
}

#[test]
fn of_two_circles_the_shorter_is_told_with_the_reason_of_each_edge() {
    let place = Place::empty();
    place.write(
        "main.wl.hcl",
        "locals {\n  a = local.b\n  b = local.c\n  c = [local.d, local.b]\n  d = local.a\n  e = local.a\n}\noutput \"x\" { value = local.e }\n",
    );
    let refusal = Refusal {
        code: "WL0210",
        place: This("main.wl.hcl:3:7"),
        hint: HINT,
        says: &["names refer to each other in a circle", "local.b refers to local.c, local.c refers to local.b."],
        exit: 1,
    };
    let told = refusal.of(&place, &["validate"]).stderr;
    assert_eq!(told.matches("Error[").count(), 1, "{told}");
    nothing_was_begun(&place);
}

#[test]
fn layers_that_wait_for_each_other_are_told() {
    let place = Place::example("quickstart");
    place.replace("main.wl.hcl", "  addon \"platform\" {\n", "  addon \"platform\" {\n    depends_on = [addon.shop]\n");
    let refusal = Refusal {
        code: "WL0210",
        place: This("main.wl.hcl:38:3"),
        hint: HINT,
        says: &["platform -> shop -> platform", "`depends_on`"],
        exit: 1,
    };
    refusal.of(&place, &["validate"]);
    nothing_was_begun(&place);
}

#[test]
fn an_unknown_attribute_is_told_with_the_nearest_one() {
    let place = Place::example("quickstart");
    place.replace("main.wl.hcl", "  pivot    = true\n", "  pivot    = true\n  count    = 2\n");
    let says = ["there is no `count` in windlass", "hint: use `for_each = toset([…])`"];
    let told = Refusal { code: "WL0101", place: This("main.wl.hcl:74:3"), hint: HINT, says: &says, exit: 1 }.of(&place, &["plan"]).stderr;
    assert_eq!(told.matches("Error[").count(), 1, "{told}");
    place.replace("main.wl.hcl", "  count    = 2\n", "");
    place.replace("main.wl.hcl", "root_volume_gib", "root_volume_gb");
    let refusal = Refusal {
        code: "WL0101",
        place: This("main.wl.hcl:79:7"),
        hint: HINT,
        says: &["machine of control_plane of cluster \"shop\" has no attribute `root_volume_gb`", "hint: did you mean `root_volume_gib`?"],
        exit: 1,
    };
    refusal.of(&place, &["plan"]);
    nothing_was_begun(&place);
}

#[test]
fn the_design_s_example_is_understood_up_to_its_chart() {
    let place = Place::empty();
    place.write("main.wl.hcl", include_str!("design.hcl"));
    let object = "apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: NAME\n  namespace: default\n";
    for name in ["csi", "manifests", "ingress"] {
        place.write(&format!("{name}/all.yaml"), object.replace("NAME", name));
    }
    let refusal = Refusal {
        code: "WL0211",
        place: This("main.wl.hcl:23:5"),
        hint: HINT,
        says: &["Helm charts are not supported by this release yet", "`helm template`", "docs/how-to/charts.md"],
        exit: 1,
    };
    let told = refusal.of(&place, &["validate", "-var", "admin_key=ssh-ed25519 AAAA test"]).stderr;
    assert_eq!(told.matches("Error[").count(), 1, "only the chart is refused:\n{told}");
    // A missing variable is one fault, not one more for each place that uses it.
    let told = place.run(&["validate"]).expect(1).stderr;
    assert!(told.contains("[WL0206]") && !told.contains("[WL0116]"), "{told}");
    let page = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/how-to/charts.md");
    assert!(std::fs::read_to_string(page).expect("the page is there").contains("helm template"));
    // With the chart's rendered manifests in its place, as the page says, all of it is valid.
    let text = include_str!("design.hcl");
    let (before, rest) = text.split_once("    chart {").expect("the chart");
    let (_, after) = rest.split_once("    }\n").expect("its end");
    place.write("main.wl.hcl", format!("{before}    manifests = [\"${{path.module}}/manifests/*.yaml\"]\n{after}"));
    place.write("manifests/all.yaml", object.replace("NAME", "cilium"));
    place.write("spaces/all.yaml", object.replace("NAME", "spaces"));
    place.replace(
        "main.wl.hcl",
        "addon \"team-spaces\" {\n    manifests = [\"${path.module}/manifests",
        "addon \"team-spaces\" {\n    manifests = [\"${path.module}/spaces",
    );
    place.run(&["validate", "-var", "admin_key=ssh-ed25519 AAAA test"]).expect(0).says("Success!");
    nothing_was_begun(&place);
}

#[test]
fn a_file_that_is_no_text_is_refused() {
    let place = Place::empty();
    for (bytes, code, at) in [(&b"x = \xff\xfe\n"[..], "WL0001", "main.wl.hcl:1:5"), (b"x = \"\0\"\n", "WL0002", "main.wl.hcl:1:6")] {
        place.write("main.wl.hcl", bytes);
        Refusal { code, place: This(at), hint: HINT, says: &[], exit: 1 }.of(&place, &["validate"]);
    }
    place.write("main.wl.hcl", format!("{CLOUD}output \"x\" {{ value = {}1{} }}\n", "(".repeat(3000), ")".repeat(3000)));
    Refusal { code: "WL0016", place: This("main.wl.hcl:7:86"), hint: HINT, says: &["nested"], exit: 1 }.of(&place, &["validate"]);
    nothing_was_begun(&place);
}

#[test]
fn files_outside_of_the_module_folder_are_not_read() {
    let place = Place::empty();
    place.write("inside.txt", "x");
    std::os::unix::fs::symlink("/etc/passwd", place.path().join("link.txt")).expect("a link");
    for path in ["../../../etc/passwd", "/etc/passwd", "sub/../../x.txt", "link.txt"] {
        place.write("main.wl.hcl", format!("output \"x\" {{ value = file(\"{path}\") }}\n"));
        let says = ["lies outside of the module folder"];
        Refusal { code: "WL0114", place: This("main.wl.hcl:1:27"), hint: HINT, says: &says, exit: 1 }.of(&place, &["validate"]);
    }
    place.write("main.wl.hcl", "output \"x\" { value = file(\"./sub/../inside.txt\") }\n");
    std::fs::create_dir(place.path().join("sub")).expect("a folder");
    place.run(&["validate"]).expect(0);
}

#[test]
fn blocks_that_this_release_does_not_have_are_called_that() {
    let place = Place::empty();
    for kind in ["module", "check", "moved"] {
        place.write("main.wl.hcl", format!("{kind} \"x\" {{\n}}\n"));
        let fault = format!("`{kind}` blocks are not supported by this release yet");
        let says = [fault.as_str(), "hint: remove the block: this release does not have it"];
        Refusal { code: "WL0211", place: This("main.wl.hcl:1:1"), hint: HINT, says: &says, exit: 1 }.of(&place, &["validate"]);
    }
}
