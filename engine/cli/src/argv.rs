//! Terraform's way of writing flags, before clap sees them: `-name[=v]` becomes `--name[=v]` for names that exist. Pure.

use std::ffi::OsString;

/// Words that Terraform users type and that do not exist here, with our way. A word that exists at another command stands with its command.
const TERRAFORM: &[(&str, &str)] = &[
    ("-refresh-only", "`windlass drift` shows what changed outside of windlass; it never writes"),
    ("taint", "use `windlass apply -replace=ADDR`"),
    ("untaint", "there is nothing to untaint: `-replace=ADDR` holds for one plan"),
    ("workspace", "an environment is a state file and a variable file: -state=FILE -var-file=FILE"),
    ("force-unlock", "a lock is freed by the operating system when its process ends; there is nothing to force"),
    ("refresh", "`windlass drift` shows what changed; `windlass plan` always looks at what lives"),
    ("fmt", "not supported by this release yet"),
    (
        "-draw-cycles",
        "a plan whose steps wait for each other is never made; circles in the configuration are errors that name their places",
    ),
    ("console", "not supported by this release yet; an `output` shows what an expression gives"),
    ("import", "not supported by this release yet"),
    ("-lock", "apply and destroy always lock, plan and drift never do; -lock-timeout=30s waits for a lock"),
    ("login", "windlass has no service to log in to"),
    ("logout", "windlass has no service to log out of"),
    ("get", "modules are not supported by this release yet"),
    ("test", "not supported; `windlass plan -detailed-exitcode` on the sandbox tests a configuration"),
    ("-migrate-state", "the state is one file: copy it"),
    ("-backend-config", "the state is one file; -state=FILE names it"),
    ("-backend", "the state is one file; -state=FILE names it"),
    ("-state-out", "a state is changed where it is; copy the file first if the old one is to be kept"),
    ("-backup", "a state is changed where it is; copy the file first if the old one is to be kept"),
    ("init -upgrade", "the providers belong to the release; another version of one is set in `management` and planned as every change is"),
    ("init -reconfigure", "there is no backend; the state is one file, and -state=FILE names it"),
    (
        "validate -json",
        "not supported by this release yet; the text on stderr begins each finding with `Error[WL…]`, and the exit code is 1",
    ),
    ("state rm", "not supported by this release yet; `windlass destroy -abandon=ADDR` forgets a cluster that does not answer"),
    ("state mv", "not supported by this release yet: an address that changes is another resource"),
    ("state pull", "the state is one file: copy it; `windlass show -json` prints it"),
    ("state push", "the state is one file: copy it to where -state=FILE names it"),
    ("state replace-provider", "the providers belong to the release; `windlass providers show` lists them"),
];

/// Our way of what a Terraform user typed, if we do not have it.
pub fn not_ours<'a>(arguments: impl IntoIterator<Item = &'a str>) -> Option<(String, &'static str)> {
    let mut command: Option<&str> = None;
    // A command, and what stands behind it (`state rm`); what comes then are names of the user's own.
    let mut words = 0;
    let mut arguments = arguments.into_iter().skip(1);
    while let Some(argument) = arguments.next() {
        if command.is_none() && argument.trim_start_matches('-') == "chdir" && argument.starts_with('-') {
            // What follows is a folder, whatever it is called.
            arguments.next();
            continue;
        }
        let word = if argument.starts_with('-') {
            let name = argument.trim_start_matches('-').split('=').next().unwrap_or_default();
            format!("-{name}")
        } else if words < 2 {
            words += 1;
            argument.to_owned()
        } else {
            continue;
        };
        let here = command.map_or_else(|| word.clone(), |command| format!("{command} {word}"));
        let is = |known: &str| known == here || (known == word && word.starts_with('-'));
        if let Some((word, way)) = TERRAFORM.iter().find(|(known, _)| is(known)) {
            return Some(((*word).to_owned(), way));
        }
        if command.is_none() && !argument.starts_with('-') {
            command = Some(argument);
        }
    }
    None
}

/// Rewrites one-dash flags. `flags` are the long names that exist; what is not among them stays as it is, so that clap names it in its error.
pub fn rewrite(arguments: impl IntoIterator<Item = OsString>, flags: &[String]) -> Vec<OsString> {
    let mut rewritten = Vec::new();
    let mut verbatim = false;
    for argument in arguments {
        let text = argument.to_string_lossy();
        verbatim |= text == "--";
        let name = text.strip_prefix('-').and_then(|rest| rest.split('=').next()).unwrap_or_default();
        let known = name.len() > 1
            && !name.starts_with('-')
            && (flags.iter().any(|flag| flag == name) || !name.chars().all(|c| c.is_ascii_digit()));
        if known && !verbatim {
            let mut doubled = OsString::from("-");
            doubled.push(&argument);
            rewritten.push(doubled);
        } else {
            rewritten.push(argument);
        }
    }
    rewritten
}

/// Terraform's way of writing switches, after [`rewrite`]: `--name=true` is `--name`, and `--name=false` takes earlier ones back. Other
/// values stay as they are, so that clap refuses them.
pub fn switched(arguments: Vec<OsString>, switches: &[String]) -> Vec<OsString> {
    let mut written: Vec<OsString> = Vec::with_capacity(arguments.len());
    let mut verbatim = false;
    for argument in arguments {
        let text = argument.to_string_lossy();
        verbatim |= text == "--";
        let switch = text.strip_prefix("--").and_then(|rest| rest.split_once('=')).filter(|_| !verbatim);
        match switch.filter(|(name, _)| switches.iter().any(|switch| switch == name)) {
            Some((name, "true" | "1")) => written.push(OsString::from(format!("--{name}"))),
            Some((name, "false" | "0")) => {
                let taken_back = OsString::from(format!("--{name}"));
                written.retain(|earlier| *earlier != taken_back);
            }
            _ => written.push(argument.clone()),
        }
    }
    written
}

/// One `-var` or `-var-file`, in the order of the command line: later ones win, whatever their form.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum VariableFlag {
    /// `-var name=value`
    Value(String),
    /// `-var-file=FILE`
    File(String),
}

/// The variable flags of rewritten arguments, in order.
pub fn variable_flags(arguments: &[OsString]) -> Vec<VariableFlag> {
    let mut flags = Vec::new();
    let mut arguments = arguments.iter().map(|argument| argument.to_string_lossy());
    while let Some(argument) = arguments.next() {
        for (name, make) in [("--var", VariableFlag::Value as fn(String) -> VariableFlag), ("--var-file", VariableFlag::File)] {
            if argument == name {
                flags.extend(arguments.next().map(|value| make(value.into_owned())));
                break;
            }
            if let Some(value) = argument.strip_prefix(name).and_then(|rest| rest.strip_prefix('=')) {
                flags.push(make(value.to_owned()));
                break;
            }
        }
    }
    flags
}

/// Help with flags as users write them here: one dash.
pub fn one_dash(help: &str) -> String {
    let mut text = String::with_capacity(help.len());
    let mut before = ' ';
    let mut characters = help.chars().peekable();
    while let Some(c) = characters.next() {
        let flag = c == '-' && characters.peek() == Some(&'-') && !before.is_alphanumeric() && before != '-';
        if flag {
            characters.next();
            if !characters.peek().is_some_and(|next| next.is_alphabetic()) {
                text.push('-');
            }
        }
        text.push(c);
        before = c;
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rewritten(arguments: &[&str]) -> Vec<String> {
        let flags = ["chdir", "out", "var", "var-file", "auto-approve"].map(str::to_owned);
        rewrite(arguments.iter().map(OsString::from), &flags).into_iter().map(|argument| argument.to_string_lossy().into_owned()).collect()
    }

    #[test]
    fn one_dash_flags_become_two_dash_flags() {
        for (given, expected) in [
            (&["w", "-chdir=a", "plan", "-out=f"][..], &["w", "--chdir=a", "plan", "--out=f"][..]),
            (&["w", "plan", "-var", "a=-b"], &["w", "plan", "--var", "a=-b"]),
            (&["w", "plan", "--out=f"], &["w", "plan", "--out=f"]),
            (&["w", "apply", "-"], &["w", "apply", "-"]),
            (&["w", "apply", "-h"], &["w", "apply", "-h"]),
            (&["w", "x", "-12"], &["w", "x", "-12"]),
            (&["w", "x", "--", "-out"], &["w", "x", "--", "-out"]),
        ] {
            assert_eq!(rewritten(given), expected);
        }
    }

    #[test]
    fn switches_take_true_and_false() {
        for (given, expected) in [
            (&["w", "plan", "--json=true"][..], &["w", "plan", "--json"][..]),
            (&["w", "plan", "--json", "--json=false", "--out=json=false"], &["w", "plan", "--out=json=false"]),
            (&["w", "--no-color=0", "plan", "--json=1"], &["w", "plan", "--json"]),
            (&["w", "plan", "--json=maybe"], &["w", "plan", "--json=maybe"]),
            (&["w", "plan", "--input=false"], &["w", "plan", "--input=false"]),
            (&["w", "x", "--", "--json=false"], &["w", "x", "--", "--json=false"]),
        ] {
            let written = switched(given.iter().map(OsString::from).collect(), &["json".to_owned(), "no-color".to_owned()]);
            assert_eq!(written, expected.iter().map(OsString::from).collect::<Vec<_>>());
        }
    }

    #[test]
    fn variable_flags_keep_their_order() {
        let arguments: Vec<OsString> = ["w", "--var", "a=1", "--var-file=f", "--var=b=2"].map(OsString::from).to_vec();
        let expected = [VariableFlag::Value("a=1".into()), VariableFlag::File("f".into()), VariableFlag::Value("b=2".into())];
        assert_eq!(variable_flags(&arguments), expected);
    }

    #[test]
    fn help_shows_one_dash() {
        assert_eq!(one_dash("  --out <FILE>  a -- b, pre--fix [--json]"), "  -out <FILE>  a -- b, pre--fix [-json]");
    }

    #[test]
    fn terraform_words_are_answered_with_our_way() {
        assert_eq!(not_ours(["w", "plan", "-refresh-only"]).map(|(word, _)| word).as_deref(), Some("-refresh-only"));
        assert_eq!(not_ours(["w", "-chdir=x", "taint", "a"]).map(|(word, _)| word).as_deref(), Some("taint"));
        assert_eq!(not_ours(["w", "state", "list", "taint"]), None);
        for known in
            [["state", "rm"], ["state", "mv"], ["state", "pull"], ["init", "-upgrade"], ["init", "-reconfigure"], ["validate", "-json"]]
        {
            assert_eq!(not_ours(["w", known[0], known[1], "x"]).map(|(word, _)| word), Some(known.join(" ")));
        }
        assert_eq!(not_ours(["w", "plan", "-json"]), None);
        assert_eq!(not_ours(["w", "apply", "rm"]), None);
        assert_eq!(not_ours(["w", "-chdir", "test", "plan"]), None);
        assert_eq!(not_ours(["w", "-chdir", "x", "taint"]).map(|(word, _)| word).as_deref(), Some("taint"));
    }
}
