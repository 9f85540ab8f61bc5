//! Laws that hold for every input: nothing panics, printing and reading are inverses, the splitter agrees with the parser.

use proptest::collection::{btree_map, vec};
use proptest::prelude::*;

use super::expressions::{TestFiles, names};
use crate::diag::{Diagnostics, SourceMap};
use crate::lang::{Body, Evaluator, Limits, parse, parse_expression, references};
use crate::value::{Number, Type, Value, convert};

/// Configuration to mutate: every form of the language stands in it.
const SAMPLE: &str = r#"# a comment
variable "size" { type = object({ a = optional(list(string), ["x"]), b = number }) }
locals {
  list  = [for i, x in var.items : "${i}-${x}" if x != "" && i < 3]
  map   = { for k, v in var.map : upper(k) => v... }
  text  = <<-EOT
    hello ${var.name} %{ if var.on ~} yes %{ else } no %{ endif }
    %{ for x in [1, 2] ~}
    ${x + 1.5e3}
    %{ endfor ~}
  EOT
  pick  = try(cluster.shop["endpoint"], null) == null ? -1 : !true ? 2 % 3 : [1, 2, 3][*][0]
  deep  = merge({ a = { b = [1, "two", null] } }, { (var.name) : 4 })...
  esc   = "a\tb\u00e9 $${x} %%{y} \"q\""
  splat = var.items[*].a.b[0].*.c
}
cluster "shop" "eu" { /* one line */ count = 1 }
"#;

/// Runs with a stack as the roof gives one.
fn on_a_big_stack<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> T {
    let thread = std::thread::Builder::new().stack_size(16 << 20).spawn(work).expect("a thread");
    match thread.join() {
        Ok(result) => result,
        Err(panic) => std::panic::resume_unwind(panic),
    }
}

/// Parses, looks at every place, and evaluates every expression.
fn exercise(bytes: &[u8]) -> Diagnostics {
    let mut sources = SourceMap::new();
    let (body, diagnostics) = parse(&mut sources, "fuzz.wl.hcl", bytes);
    let mut all = diagnostics.clone();
    evaluate_all(&body, &mut all);
    for span in all.iter().flat_map(|d| d.primary.into_iter().chain(d.related.iter().map(|(span, _)| *span))) {
        let place = sources.locate(span).expect("every span lies in a file");
        assert!(place.line > 0 && place.column > 0);
        assert!(sources.text(span).is_some(), "{span:?} is not a stretch of the text");
    }
    diagnostics
}

fn evaluate_all(body: &Body, diagnostics: &mut Diagnostics) {
    let names = names();
    let limits = Limits { steps: 20_000, ..Limits::default() };
    for attribute in &body.attributes {
        let _ = references(&attribute.expr);
        let (value, found) = Evaluator::new(&names, &TestFiles).with_limits(limits).evaluate(&attribute.expr);
        // Secrets are never printed.
        assert!(!format!("{value} {value:?}").contains("hunter2"));
        diagnostics.extend(found);
    }
    body.blocks.iter().for_each(|block| evaluate_all(&block.body, diagnostics));
}

/// Words of the language, for soups of them.
const WORDS: &[&str] = &[
    "1",
    "-",
    "+",
    "*",
    "/",
    "%",
    "==",
    "!=",
    "<",
    ">=",
    "&&",
    "||",
    "!",
    "?",
    ":",
    "(",
    ")",
    "[",
    "]",
    "{",
    "}",
    ",",
    ".",
    "...",
    "=",
    "=>",
    "for",
    "in",
    "if",
    "x",
    "var",
    ".name",
    "null",
    "true",
    "\"a\"",
    "\"${",
    "}\"",
    "upper(",
    "try(",
    "merge(",
    "[*]",
    ".*",
    "\n",
    "<<A\n",
    "\nA\n",
    "cluster.shop.endpoint",
    "var.password",
    "1e9",
    "0.5",
    "range(9)",
    "%{ if ",
    "~",
    "format(\"%d\",",
    "#",
    "/*",
    "\u{e9}",
];

fn a_number() -> impl Strategy<Value = String> {
    prop_oneof![
        any::<i64>().prop_map(|integer| integer.to_string()),
        "-?[0-9]{1,60}(\\.[0-9]{1,60})?(e-?[0-9]{1,3})?",
        any::<f64>().prop_filter("finite", |double| double.is_finite()).prop_map(|double| double.to_string()),
    ]
}

fn a_value() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<f64>().prop_filter_map("finite", |double| Number::from_f64(double).map(Value::from)),
        ".{0,12}".prop_map(Value::from),
        "[ \\n\\ta-z:#'\"-]{0,12}".prop_map(Value::from),
    ];
    leaf.prop_recursive(3, 24, 5, |inner| {
        prop_oneof![vec(inner.clone(), 0..5).prop_map(Value::from), btree_map(".{0,6}", inner, 0..5).prop_map(Value::object),]
    })
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(192) })]

    #[test]
    fn arbitrary_bytes_never_panic(bytes in vec(any::<u8>(), 0..200)) {
        on_a_big_stack(move || exercise(&bytes));
    }

    #[test]
    fn soups_of_words_never_panic(words in vec(proptest::sample::select(WORDS), 0..40)) {
        on_a_big_stack(move || {
            let soup = words.join(" ");
            exercise(format!("a = {soup}\n").as_bytes());
            let names = names();
            if let (Some(expr), _) = parse_expression(&mut SourceMap::new(), "soup", &words.concat()) {
                let limits = Limits { steps: 20_000, ..Limits::default() };
                let _ = Evaluator::new(&names, &TestFiles).with_limits(limits).evaluate(&expr);
            }
        });
    }

    #[test]
    fn mutated_configuration_never_panics_and_is_split_as_the_parser_reads(
        edits in vec((any::<prop::sample::Index>(), 0..4u8, any::<prop::sample::Index>(), proptest::sample::select(WORDS)), 1..6),
    ) {
        on_a_big_stack(move || {
            let mut text: Vec<char> = SAMPLE.chars().collect();
            for (at, kind, to, word) in &edits {
                if text.is_empty() {
                    break;
                }
                let (a, b) = (at.index(text.len()), to.index(text.len()));
                let (from, until) = (a.min(b), a.max(b).min(a.min(b) + 30));
                match kind {
                    0 => drop(text.drain(from..until)),
                    1 => drop(text.splice(a..a, word.chars())),
                    2 => {
                        let copy: Vec<char> = text[from..until].to_vec();
                        text.splice(b..b, copy);
                    }
                    _ => text[a] = word.chars().next().unwrap_or('x'),
                }
            }
            let text: String = text.into_iter().collect();
            let diagnostics = exercise(text.as_bytes());
            // What the parser reads as a whole is read piece by piece too, unless it is stricter here.
            if let Ok(whole) = hcl_edit::parser::parse_body(&text)
                && !diagnostics.has_errors()
            {
                let (body, _) = parse(&mut SourceMap::new(), "again", text.as_bytes());
                assert_eq!(body.attributes.len() + body.blocks.len(), whole.len(), "{text}");
            }
        });
    }

    #[test]
    fn numbers_print_and_read_back(text in a_number()) {
        if let Ok(number) = text.parse::<Number>() {
            let printed = number.to_string();
            prop_assert_eq!(printed.parse::<Number>(), Ok(number));
            prop_assert_eq!(printed.parse::<Number>().map(|again| again.to_string()), Ok(printed));
        }
    }

    #[test]
    fn small_numbers_compute_exactly(a in any::<i64>(), b in any::<i64>()) {
        let (x, y) = (Number::from(a), Number::from(b));
        let exact = |number: Result<Number, _>| number.map(|number: Number| number.to_string());
        prop_assert_eq!(exact(x.add(&y)), Ok::<_, crate::value::NumberError>((i128::from(a) + i128::from(b)).to_string()));
        prop_assert_eq!(exact(x.sub(&y)), Ok((i128::from(a) - i128::from(b)).to_string()));
        if a != 0 && b != 0 {
            prop_assert_eq!(exact(x.mul(&y)), Ok((i128::from(a) * i128::from(b)).to_string()));
            let quotient = x.div(&y).expect("not by zero");
            prop_assert_eq!(quotient.trunc().to_i64(), a.checked_div(b).or(None));
            prop_assert_eq!(x.rem(&y).ok().and_then(|rest| rest.to_i64()), Some(a.wrapping_rem(b)));
        }
        prop_assert_eq!(x.cmp(&y), a.cmp(&b));
    }

    #[test]
    fn doubles_survive(double in any::<f64>()) {
        if let Some(number) = Number::from_f64(double) {
            prop_assert_eq!(number.to_f64(), Some(double));
        }
    }

    #[test]
    fn rounding_is_exact(a in "[1-9][0-9]{0,80}", b in "[1-9][0-9]{0,80}") {
        // (a / b) * b differs from a by at most one in the last of 512 binary digits, so 150 decimal digits agree.
        let (x, y) = (a.parse::<Number>().expect("digits"), b.parse::<Number>().expect("digits"));
        let back = x.div(&y).and_then(|quotient| quotient.mul(&y)).expect("in range");
        let off = back.sub(&x).and_then(|difference| difference.div(&x)).expect("in range").abs();
        prop_assert!(off < "1e-150".parse().expect("a number"), "{} off by {}", a, off);
    }

    #[test]
    fn json_survives(value in a_value()) {
        let json = value.to_json().expect("doubles and 64 bit integers have a JSON form");
        prop_assert_eq!(Value::from_json(&json), value.clone());
    }

    #[test]
    fn encoders_and_decoders_are_inverse(value in a_value()) {
        let mut names = crate::lang::Names::new();
        names.set("v", value.clone());
        for expression in ["jsondecode(jsonencode(v))", "yamldecode(yamlencode(v))"] {
            let (expr, _) = parse_expression(&mut SourceMap::new(), "law", expression);
            let (back, diagnostics) = Evaluator::new(&names, &TestFiles).evaluate(&expr.expect("an expression"));
            // YAML has no exact integers beyond 64 bits: refused, never rounded.
            if expression.starts_with("yaml") && diagnostics.has_errors() {
                continue;
            }
            prop_assert!(diagnostics.is_empty(), "{:?} {:?}", expression, diagnostics);
            prop_assert_eq!(&back, &value, "{}", expression);
        }
    }

    #[test]
    fn conversion_is_idempotent(value in a_value()) {
        for ty in [Type::String, Type::Number, Type::Bool, Type::list(Type::Any), Type::set(Type::String), Type::map(Type::Any)] {
            if let Ok(once) = convert(&value, &ty) {
                prop_assert_eq!(convert(&once, &ty), Ok(once.clone()));
                prop_assert_eq!(convert(&once, &once.type_of()), Ok(once));
            }
        }
    }

    #[test]
    fn a_secret_shows_in_no_form(value in a_value(), around in a_value()) {
        let secret = Value::object([("a", Value::secret(value)), ("b", around)]);
        let open = secret.get("b").cloned().unwrap_or(Value::Null);
        let expected = format!("{{\"a\" = (sensitive), \"b\" = {open:?}}}");
        prop_assert_eq!(format!("{secret:?}"), expected);
        prop_assert!(secret.to_json().is_err());
        prop_assert!(secret.contains_secret());
    }
}
