//! Files to bodies: what is read, and what is said about what cannot be read.

use std::fmt::Write as _;

use crate::diag::{Diagnostics, SourceMap};
use crate::lang::{Block, Body, Expr, parse, references};

/// Every diagnostic as `code line:column summary | related | hint`.
fn told(sources: &SourceMap, diagnostics: &Diagnostics) -> String {
    let mut text = String::new();
    for diagnostic in diagnostics {
        let place = diagnostic.primary.and_then(|span| sources.locate(span));
        let place = place.map_or_else(|| "-".to_owned(), |place| format!("{}:{}", place.line, place.column));
        let _ = write!(text, "{} {place} {}", diagnostic.code, diagnostic.summary);
        for (span, label) in &diagnostic.related {
            let place = sources.locate(*span).map_or_else(String::new, |place| format!("{}:{}", place.line, place.column));
            let _ = write!(text, " | {place} {label}");
        }
        text.push('\n');
    }
    text
}

fn check(source: &str, expected: &str) {
    check_bytes(source.as_bytes(), expected);
}

fn check_bytes(source: &[u8], expected: &str) {
    let mut sources = SourceMap::new();
    let (body, diagnostics) = parse(&mut sources, "main.wl.hcl", source);
    let names: Vec<&str> = body.attributes.iter().map(|a| &*a.name).chain(body.blocks.iter().map(|b| &*b.kind)).collect();
    let found = format!("{}read: {}", told(&sources, &diagnostics), names.join(" ")).trim_end().to_owned();
    assert_eq!(found, expected.trim(), "for:\n{}", String::from_utf8_lossy(source));
}

#[test]
fn a_fault_in_one_block_leaves_the_others() {
    check(
        "a {\n  x = \"open\n}\nb {\n  y = \n}\nc = 1\n",
        "
WL0011 2:7 a string has no closing quote
WL0010 5:7 the line ends too early
read: c",
    );
    check("a {\n  x = 1\n\nb {\n}\nc = 1\n", "WL0013 1:3 `{` is never closed\nread: c b");
    check("a {\n  w {\n    x = 1\n}\n\nb {\n}\n", "WL0013 2:5 `{` is never closed\nread: b");
    check("a {}\n}\nb {}\n", "WL0014 2:1 unexpected `}`\nread: a b");
    check("a = [1, 2}\nb = 1\n", "WL0013 1:10 `}` where `]` is needed | 1:5 this `[` is still open\nread: b");
    check("a = <<EOT\n text\nb {\n}\n", "WL0012 1:5 a heredoc is never closed by `EOT`\nread: b");
    check("/* never\na = 1\n", "WL0015 1:1 a comment is never closed\nread:");
    check("a = \"${f(\nb {\n}\n", "WL0013 1:9 `(` is never closed\nread: b");
    check("a = \"${x\nb {\n}\n", "WL0013 1:6 an interpolation is never closed\nread: b");
}

#[test]
fn bytes_that_are_no_text() {
    check_bytes(b"\xef\xbb\xbfa = 1\n", "read: a");
    check_bytes(b"a = 1\nb = \xff\n", "WL0001 2:5 the file is not valid UTF-8\nread:");
    check_bytes(b"a = 1\nb\0 = 2\n", "WL0002 2:2 the file holds a NUL byte\nread:");
    check_bytes(b"a = 1\r\nb {\r\n  c = <<EOT\r\ntext\r\nEOT\r\n}\r\n", "read: a b");
    check_bytes(b"", "read:");
}

#[test]
fn words_for_common_slips() {
    check("a = 'x'\n", "WL0010 1:5 unexpected `'`\nread:");
    check("a: 1\n", "WL0010 1:2 unexpected `:`\nread:");
    check("a = 1 b = 2\n", "WL0010 1:7 unexpected `b`\nread:");
    check("a {\n  x = 1\n  x = 2\n}\n", "WL0018 3:3 `x` is set twice\nread:");
    check("x = 1\nx = 2\n", "WL0018 2:1 `x` is set twice | 1:1 first set here\nread: x");
    check("x = { a = 1, a = 2 }\n", "WL0107 1:14 the key `a` stands twice in the object\nread:");
    check("x = \"a\\qb\"\n", "WL0017 1:7 a backslash sequence that does not exist\nread:");
    check("x = \"a\\é\"\n", "WL0017 1:7 a backslash sequence that does not exist\nread:");
    check("x = \"%{ if true }\\é%{ endif }\"\n", "WL0017 1:18 a backslash sequence that does not exist\nread: x");
    check("x = f(1 2)\n", "WL0010 1:9 unexpected `2`\nread:");
    check("x = [1 2]\n", "WL0010 1:8 unexpected `2`\nread:");
    check("x = 1\ny é", "WL0010 2:3 unexpected `é`\nread: x");
    check("x = { (a) = 1, (a) = 2 }\n", "WL0107 1:16 the key `(a)` stands twice in the object\nread:");
    check("x = \n", "WL0010 1:3 the line ends too early\nread:");
    check("x = { a.b = 1 }\n", "WL0010 1:7 an ambiguous key\nread: x");
}

#[test]
fn numbers_are_read_from_the_text() {
    let digits = "9".repeat(400);
    check(&format!("x = 1e400\ny = [-1.5E-400, {digits}, 1.7976931348623157e309]\nz = f(1e+400).a.0\n"), "read: x y z");
    check("x = 1e400 2\n", "WL0010 1:11 unexpected `2`\nread:");
    check("x = 1e99999\n", "WL0113 1:5 the number is too large or too small to be computed with\nread: x");
}

#[test]
fn nesting_has_a_limit_that_is_said() {
    let deep = format!("x = {}1{}\n", "(".repeat(100_000), ")".repeat(100_000));
    check(&deep, "WL0016 1:70 nested too deeply\nread:");
    let blocks = format!("{}x = 1\n{}", "b {\n".repeat(1_000), "}\n".repeat(1_000));
    check(&blocks, "WL0016 65:3 nested too deeply\nread:");
    let chain = format!("x = 1{}\n", " + 1".repeat(1_000));
    check(&chain, "WL0016 1:519 too many operators in one expression\nread:");
}

/// The texts of all spans of a body, to see that each lies where it should.
fn spans(source: &str) -> String {
    let mut sources = SourceMap::new();
    let (body, diagnostics) = parse(&mut sources, "main.wl.hcl", source.as_bytes());
    assert!(diagnostics.is_empty(), "{diagnostics:?}");
    let mut lines = Vec::new();
    walk(&sources, &body, &mut lines);
    lines.join("\n")
}

fn walk(sources: &SourceMap, body: &Body, lines: &mut Vec<String>) {
    let text = |span| sources.text(span).unwrap_or("?").to_owned();
    for attribute in &body.attributes {
        lines.push(format!("{} <- {}", text(attribute.name_span), text(attribute.expr.span)));
        for reference in references(&attribute.expr) {
            lines.push(format!("  ref {} at {}", reference, text(reference.span)));
        }
    }
    for Block { kind_span, labels, header_span, body, .. } in &body.blocks {
        let labels: Vec<String> = labels.iter().map(|label| text(label.span)).collect();
        lines.push(format!("{} {} in {}", text(*kind_span), labels.join(","), text(*header_span)));
        walk(sources, body, lines);
    }
}

#[test]
fn places_are_exact() {
    insta::assert_snapshot!(spans(
        r#"# comment
first = 1

cluster "shop" eu { # more
  size  = var.size + 1
  name  = "${local.prefix}-${each.key}"
  zones = [for z in var.zones : upper(z) if z != local.skip["a"]]
  pick  = cluster.a["b"].c[var.i].d
  deps  = [addon.team-spaces, (profile.base)]
  all   = var.items[*].name
  text  = <<-EOT
    hello ${var.who}
    %{ for x in local.xs ~}
    ${x} ${y.z}
    %{ endfor ~}
  EOT
  inner { one = { k = var.v, (var.dyn) = 2 } }
}
"#
    ), @r#"
        first <- 1
        cluster "shop",eu in cluster "shop" eu
        size <- var.size + 1
          ref var.size at var.size
        name <- "${local.prefix}-${each.key}"
          ref local.prefix at local.prefix
          ref each.key at each.key
        zones <- [for z in var.zones : upper(z) if z != local.skip["a"]]
          ref var.zones at var.zones
          ref local.skip["a"] at local.skip["a"]
        pick <- cluster.a["b"].c[var.i].d
          ref cluster.a["b"].c at cluster.a["b"].c
          ref var.i at var.i
        deps <- [addon.team-spaces, (profile.base)]
          ref addon.team-spaces at addon.team-spaces
          ref profile.base at profile.base
        all <- var.items[*].name
          ref var.items at var.items
        text <- <<-EOT
            hello ${var.who}
            %{ for x in local.xs ~}
            ${x} ${y.z}
            %{ endfor ~}
          EOT
          ref var.who at var.who
          ref local.xs at local.xs
          ref y.z at y.z
        inner  in inner
        one <- { k = var.v, (var.dyn) = 2 }
          ref var.v at var.v
          ref var.dyn at var.dyn
    "#);
}

#[test]
fn expression_kinds_are_small() {
    assert!(std::mem::size_of::<Expr>() <= 48, "{}", std::mem::size_of::<Expr>());
}
