//! The answers of [`ANSWERS`], [`NEEDING_VALUES`] and [`faults`] are those of clusterctl v1.14.2 for the same texts and values, but for the
//! places of faults, which it does not tell. What it says to [`refused`] stands beside each.

use super::fault::{EnvsubstError, Fault};
use super::parse::MAX_DEPTH;
use super::template::{Substituted, Template};

const VALUES: [(&str, &str); 9] = [
    ("A", "abcABC123ABCabc"),
    ("B", "path/to/file.tar.gz"),
    ("D", "a$b$$c"),
    ("EMPTY", ""),
    ("MULTI", "one\ntwo: ${A}\n"),
    ("N", "3"),
    ("NEG", "-4"),
    ("Q", "abc"),
    ("U", "äöü-ß-x"),
];

fn value(name: &str) -> Option<String> {
    VALUES.iter().find(|(known, _)| *known == name).map(|(_, value)| (*value).to_owned())
}

fn substitute(text: &str, value: &dyn Fn(&str) -> Option<String>) -> Result<Substituted, EnvsubstError> {
    Template::parse(text)?.substitute(value)
}

fn substituted(text: &str) -> Substituted {
    substitute(text, &value).unwrap_or_else(|error| panic!("{text:?}: {error}"))
}

fn error(text: &str) -> EnvsubstError {
    substitute(text, &value).err().unwrap_or_else(|| panic!("{text:?} is taken"))
}

fn names(names: &std::collections::BTreeSet<String>) -> String {
    names.iter().map(String::as_str).collect::<Vec<_>>().join(" ")
}

fn operator(found: &str) -> Fault {
    Fault::Operator(found.to_owned())
}

/// Texts, and what they become.
const ANSWERS: &[(&str, &str)] = &[
    ("", ""),
    ("}{ $A $(A) $ {A} $1 \\$", "}{ $A $(A) $ {A} $1 \\$"),
    ("{{ ds.meta_data.local_hostname }}", "{{ ds.meta_data.local_hostname }}"),
    ("x${Q}y${N}z", "xabcy3z"),
    ("${ Q}|${Q }|${\tQ\r\n}", "abc|abc|abc"),
    ("${MULTI}|${D}", "one\ntwo: ${A}\n|a$b$$c"),
    // `$$`
    ("$$|$$$$|$$$ $", "$|$$|$$ $"),
    ("$${Q}|$${ Q }|$$${Q}", "${Q}|${Q}|$abc"),
    // Defaults
    ("${X:=d}|${X:-d}|${X=d}", "d|d|d"),
    ("${Q:=d}|${Q:-d}|${Q=d}", "abc|abc|abc"),
    ("${EMPTY}|${EMPTY:=d}|${EMPTY:-d}|${EMPTY=d}|${EMPTY:=}", "|d|d|d|"),
    ("${X=true}/${X=false}", "true/false"),
    ("${X:=a b: [c]}|${X:={}}|${X:=a\nb}|${X:==}", "a b: [c]|{}|a\nb|="),
    ("${X:=$$\\/$}", "$$\\/$"),
    ("${X:=${Y:=c}}|${X:=${Y:=${N}}}", "c|3"),
    ("${X:=<${N}-${Y:=${EMPTY:=e}}>}", "<3-e>"),
    // What counts as a default.
    ("${X:=${Y}}|", "|"),
    ("${Y:=\n  ${ X }\n}", "\n  \n"),
    ("${X:=d} ${X}|", "d |"),
    ("${X/a/b}${X:1}${X#p}${X%%p}|", "|"),
    // Length and case
    ("${#A} ${#EMPTY} ${#U}", "15 0 11"),
    ("${A^} ${A^^} ${Q,,} ${Q,}", "AbcABC123ABCabc ABCABC123ABCABC abc abc"),
    ("${B^}|${U^}|${U^^}|${EMPTY^}${EMPTY,,}", "Path/to/file.tar.gz|Äöü-ß-x|ÄÖÜ-ß-X|"),
    // Wildcards
    ("${A#a}|${A#b}|${A#*b}|${A##*b}", "bcABC123ABCabc|abcABC123ABCabc|cABC123ABCabc|c"),
    ("${A#*}|${A##*}|${A%*}|${A%%*}|", "bcABC123ABCabc||abcABC123ABCab||"),
    ("${A%c}|${A%b}|${A%b*}|${A%%b*}", "abcABC123ABCab|abcABC123ABCabc|abcABC123ABCa|a"),
    ("${B#*/}|${B##*/}|${B%.*}|${B%%.*}", "to/file.tar.gz|file.tar.gz|path/to/file.tar|path/to/file"),
    ("${B#????}|${A#abcABC123ABCabcd}", "/to/file.tar.gz|abcABC123ABCabc"),
    ("${A#[a-c]}|${A#[^b]}|${A#[b-d]}", "bcABC123ABCabc|bcABC123ABCabc|abcABC123ABCabc"),
    ("${A##[a-z]*[0-9]}|${A#\\a}|${A%]cb[}", "ABCabc|bcABC123ABCabc|abcABC123ABCab"),
    ("${A#${Q}}|${A%${Q}}|${Q#${X}}", "ABC123ABCabc|abcABC123ABC|abc"),
    ("${D#$$}|${D#a$}", "a$b$$c|b$$c"),
    // Replacements
    ("${A/abc/x}|${A//abc/x}", "xABC123ABCabc|xABC123ABCx"),
    ("${A/#abc/x}|${A/%abc/x}", "xABC123ABCabc|abcABC123ABCx"),
    ("${A/abc/}|${A//abc/}", "ABC123ABCabc|ABC123ABC"),
    ("${Q/q/x}|${Q/#q/x}|${Q/%q/x}|${Q/a*/x}", "abc|abc|abc|abc"),
    ("${B//\\//-}|${B/\\/to\\//\\\\}|${B//./$}", "path-to-file.tar.gz|path\\file.tar.gz|path/to/file$tar$gz"),
    ("${D/$$/x}|${D//b/$$}|${Q/abc/$${N}}", "axb$$c|a$$$$c|${N}"),
    ("${Q/a//x}|${Q/a/x/y}|${Q/${Q}/${N}}|${Q//${X}/-}", "xbc|x/ybc|3|-a-b-c-"),
    // Parts
    ("${A:3}|${A:3:3}|${A:0:1}|${A:${N}:${N}}|${A:03}", "ABC123ABCabc|ABC|a|ABC|ABC123ABCabc"),
    ("${A:99}|${A:12:99}|${A:99:1}|${A:0:0}|${A:1::2}", "|abc|||bc"),
    ("${A:${NEG}}|${Q:${NEG}}|${A:${NEG}:2}|${U:2:2}", "Cabc|abc|Ca|ö"),
];

#[test]
fn texts_become_what_clusterctl_makes_of_them() {
    for (text, expected) in ANSWERS {
        let substituted = substituted(text);
        assert_eq!((substituted.text.as_str(), names(&substituted.missing).as_str()), (*expected, ""), "{text:?}");
    }
}

/// Texts, the variables that are missing, and what stands there until they have values.
const NEEDING_VALUES: &[(&str, &str, &str)] = &[
    ("${X}", "X", "${X}"),
    ("${Y} ${X} ${X:=d} ${Q}", "X Y", "${Y} ${X} ${X:=d} abc"),
    ("ä${\n X }$$ ${ Q }${X=d}", "X", "ä${\n X }$ abc${X=d}"),
    ("${X:=}${X:=${Q}}", "X", "${X:=}${X:=${Q}}"),
    ("${X^}${Y,,}${#Z}", "X Y Z", "${X^}${Y,,}${#Z}"),
    ("${Q:${X}}${X}", "X", "${Q:${X}}${X}"),
];

#[test]
fn missing_variables_are_named_and_their_expressions_left() {
    for (text, missing, left) in NEEDING_VALUES {
        let substituted = substituted(text);
        assert_eq!((names(&substituted.missing).as_str(), substituted.text.as_str()), (*missing, *left), "{text:?}");
    }
}

/// Texts, line, column and kind of their fault.
fn faults() -> Vec<(&'static str, usize, usize, Fault)> {
    vec![
        ("${}", 1, 3, Fault::NoName),
        ("\nä ${ }", 2, 5, Fault::NoName),
        ("${ A B }", 1, 3, Fault::NoName),
        ("${ X:=d}", 1, 3, Fault::NoName),
        ("${!A}", 1, 3, Fault::NoName),
        ("${##}", 1, 4, Fault::NoName),
        ("a\n ${", 2, 2, Fault::NotClosed),
        ("${A", 1, 1, Fault::NotClosed),
        ("${A:=x\n", 1, 1, Fault::NotClosed),
        ("${ A }${A:=${B}", 1, 7, Fault::NotClosed),
        ("${A:=${B", 1, 6, Fault::NotClosed),
        ("${A/x/", 1, 1, Fault::NotClosed),
        ("${A-d}", 1, 4, operator("-")),
        ("${A.b}", 1, 4, operator(".")),
        ("${A?e}", 1, 4, operator("?")),
        ("${A[0]}", 1, 4, operator("[")),
        ("${ A$B }", 1, 5, operator("$")),
        ("${A\u{a0}}", 1, 4, operator("\u{a0}")),
        ("${A#}", 1, 5, Fault::NoArgument),
        ("${A:}", 1, 5, Fault::NoArgument),
        ("${A::1}", 1, 5, Fault::NoArgument),
        ("${A:1:}", 1, 7, Fault::NoArgument),
        ("${A///x}", 1, 6, Fault::NoArgument),
        ("${A#a${N}}", 1, 6, Fault::NoBrace),
        ("${A/a/x${N}}", 1, 8, Fault::NoBrace),
        ("${A:${N}1}", 1, 9, Fault::NoBrace),
        ("${A^^^}", 1, 6, Fault::NoBrace),
        ("${A,,x}", 1, 6, Fault::NoBrace),
        ("${#A:=1}", 1, 5, Fault::NoBrace),
        ("${A/a${N}/x}", 1, 6, Fault::NoSlash),
        ("${A/a}", 1, 6, Fault::NoSlash),
    ]
}

#[test]
fn faults_have_places() {
    for (text, line, column, fault) in faults() {
        let error = error(text);
        assert_eq!((error.line, error.column, &error.fault), (line, column, &fault), "{text:?}");
    }
}

/// What clusterctl takes, what it makes of it, and what it is here.
fn refused() -> Vec<(&'static str, &'static str, Fault)> {
    vec![
        ("${X:?message}", "message", operator(":?")),
        ("${Q:+other}", "abc", operator(":+")),
        ("${Q,^}", "abc", operator(",^")),
        ("${Q^,}", "abc", operator("^,")),
        ("${Q/#abc/}", "abc", Fault::NoReplacement),
        ("${Q/%abc/}", "abc", Fault::NoReplacement),
        ("${Q#[}", "abc", Fault::BadPattern),
        ("${Q#[]}", "abc", Fault::BadPattern),
        ("${Q#[a-]}", "abc", Fault::BadPattern),
        ("${Q#a\\}", "abc", Fault::BadPattern),
        ("${Q%[a-c]}", "abc", Fault::BadPattern),
        ("${Q%\\*}", "abc", Fault::BadPattern),
        ("${Q/}/x}", "abc", Fault::NoArgument),
        ("${Q/b} b/c}", "abc", Fault::NoSlash),
        ("${Q: 2}", "abc", Fault::NotANumber),
        ("${Q:1:2:3}", "abc", Fault::NotANumber),
        ("${Q:99999999999999999999}", "abc", Fault::NotANumber),
        ("${Q:${X}}", "abc", Fault::NotANumber),
        ("${Q:${Q}}", "abc", Fault::NotANumber),
        ("${A:3:-1}", "a crash", Fault::NegativeLength),
        ("${Q:0:${NEG}}", "a crash", Fault::NegativeLength),
        ("${U:1}", "half of an ä, and the rest", Fault::CutCharacter),
        ("a\0b${Q}", "a", Fault::Nul),
    ]
}

#[test]
fn what_clusterctl_makes_nonsense_of_is_a_fault() {
    for (text, theirs, fault) in refused() {
        assert_eq!(error(text).fault, fault, "{text:?}, with clusterctl: {theirs}");
    }
}

/// clusterctl crashes at the first, cuts the ä in two, refuses the name, and knows a single letter for the last.
#[test]
fn what_clusterctl_does_not_take_or_takes_differently() {
    assert_eq!(substituted("${A:1:9223372036854775807}").text, "bcABC123ABCabc");
    assert_eq!(substituted("${U#?}|${U#*}").text, "öü-ß-x|öü-ß-x");
    assert_eq!(substituted("${Ⅷ:=d}").text, "d");
    assert_eq!(substitute("${C^^}", &|_| Some("ᾀ".into())).map(|substituted| substituted.text), Ok("ᾀ".into()));
}

#[test]
fn what_was_replaced_by_nothing_is_told() {
    for (text, blank) in [
        ("${X:=d} ${X}", "X"),
        ("${X:=${Y}} ${Q:=${Z}}", "Y"),
        ("${X/a/b}${Y:1}", "X Y"),
        ("${X:=d}${X:=}${EMPTY}", ""),
        ("${X}${X:=${Y}}", ""),
    ] {
        assert_eq!(names(&substituted(text).blank), blank, "{text:?}");
    }
}

#[test]
fn values_that_do_not_enter_as_they_are_are_told() {
    for (text, altered) in [
        ("${Q} ${ Q } ${Q:=d} ${X:=${Q}} ${X^} $${Q}", ""),
        ("${Q^} ${#B} ${N:1} ${A}", "B N Q"),
        ("${A/${Q}/${N}} ${X#${B}} ${X:${N}:${N}}", "A B N Q"),
        ("${X:=${Q/a/${Y:=${U}}}}", "Q U"),
        ("${Q:=${A^}}", ""),
    ] {
        assert_eq!(names(&substituted(text).altered), altered, "{text:?}");
    }
}

#[test]
fn variables_are_listed_as_clusterctl_lists_them() {
    let text = "${A} ${X:=d} ${X} ${Y:=<${N}${Q:=q}>} ${Z/a\\/b/${ U }} ${EMPTY:=} ${EMPTY=late} ${W:1:2} ${#V} $${NOT}";
    let template = Template::parse(text).expect("well-formed");
    let listed = template.variables();
    let listed = listed.iter().map(|(name, default)| (*name, default.as_deref())).collect::<Vec<_>>();
    let expected = [("A", None), ("EMPTY", None), ("V", None), ("W", Some("12")), ("X", Some("d")), ("Y", Some("<${N}${Q}>"))];
    assert_eq!(listed, expected.into_iter().chain([("Z", Some("a/b${U}"))]).collect::<Vec<_>>());
    assert_eq!(names(&substituted(text).used), "A EMPTY N Q U");
}

#[test]
fn errors_say_what_is_wrong_and_where() {
    let error = error("a: b\nc: ${ Q } ${Q-\u{7}}");
    assert_eq!(error.offset, 18);
    assert_eq!(error.to_string(), "line 2, column 14: `-` cannot follow the name of a variable; a default is written `${NAME:=default}`");
}

#[test]
fn expressions_are_nested_so_deep_and_no_deeper() {
    let nested = |depth| "${X:=".repeat(depth) + "d" + &"}".repeat(depth);
    assert_eq!(substituted(&nested(MAX_DEPTH)).text, "d");
    let error = error(&nested(MAX_DEPTH + 1));
    assert_eq!((error.fault, error.offset), (Fault::TooDeep, 5 * MAX_DEPTH));
    assert_eq!(substitute(&"${X:=".repeat(100_000), &value).err().map(|error| error.fault), Some(Fault::TooDeep));
}

/// Parts of texts that mean something, one after another in an order that looks like none.
fn scrambled(seed: u64) -> String {
    const PARTS: [&str; 32] = [
        "${", "${", "${", "}", "}", "}", "A", "X", "N", "U", "EMPTY", ":=", ":", "=", "/", "//", "#", "%%", "^", ",,", "$", "$$", "\\",
        "*", "?", "[a-c]", "[", "1", "-2", "ä", " ", "\n",
    ];
    let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    let mut next = |below: u64| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        usize::try_from(state % below).unwrap()
    };
    (0..=next(24)).map(|_| PARTS[next(32)]).collect()
}

#[test]
fn whatever_the_text_is_laws_hold() {
    let mut taken = 0;
    for text in (1..20_000).map(scrambled) {
        match substitute(&text, &value) {
            Ok(first) => {
                taken += 1;
                let known: std::collections::BTreeSet<String> = VALUES.iter().map(|(name, _)| (*name).to_owned()).collect();
                assert!(first.missing.is_disjoint(&known) && first.used.is_subset(&known), "{text:?}");
                assert!(first.missing.iter().all(|name| text.contains(name.as_str()) && first.text.contains(name.as_str())), "{text:?}");
            }
            Err(error) => {
                let before = text.get(..error.offset).unwrap_or_else(|| panic!("{text:?}: no character begins at {}", error.offset));
                assert_eq!(error.line, before.split('\n').count(), "{text:?}");
                assert_eq!(error.column, before.chars().rev().take_while(|character| *character != '\n').count() + 1, "{text:?}");
            }
        }
        let solid = text.replace([' ', '\n'], "");
        assert_eq!(substituted(&solid.replace('$', "$$")).text, solid, "escaped, a text stays as it is");
    }
    assert!(taken > 1_000, "only {taken} of the texts are well-formed");
}
