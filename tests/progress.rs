//! Progress on a terminal: a line for each running step and one of totals, of which nothing is left in the end; plain lines elsewhere.

#[path = "support/minimal.rs"]
mod minimal;
#[path = "support/running.rs"]
mod running;
#[path = "support/screen.rs"]
mod screen;
mod support;
#[path = "support/terminal.rs"]
mod terminal;

use std::collections::BTreeMap;
use std::process::Command;

use running::{ends, signal};
use rustix::process::Signal;
use screen::Screen;
use support::Place;
use terminal::Terminal;

const ROWS: u16 = 24;
const COLUMNS: u16 = 100;

/// Runs a command in a terminal of this kind; its exit code, and all that it sent.
#[track_caller]
fn on_terminal(place: &Place, arguments: &[&str], term: &str, prepare: impl FnOnce(&mut Command)) -> (Option<i32>, String) {
    let mut command = place.command(arguments);
    command.env("TERM", term);
    prepare(&mut command);
    let mut terminal = Terminal::start(command);
    terminal.resizes(ROWS, COLUMNS);
    let code = ends(&mut terminal.child);
    // The last words may still be on their way.
    std::thread::sleep(std::time::Duration::from_millis(200));
    (code, terminal.screen())
}

/// Steps of a plan that say something when they are done, as its drawing names them, and how many have these words.
#[track_caller]
fn steps(place: &Place, arguments: &[&str]) -> BTreeMap<String, usize> {
    let drawn = place.run(&[&["graph", "-format=text"], arguments].concat()).expect(0).stdout;
    let waves = drawn.lines().take_while(|line| !line.starts_with("Critical path"));
    let steps = waves.filter_map(|line| line.strip_prefix("* ").or(line.strip_prefix("  ")));
    let mut counted = BTreeMap::new();
    for step in steps.filter(|step| !step.ends_with(": recording") && !step.ends_with(": outputs")) {
        *counted.entry(step.to_owned()).or_default() += 1;
    }
    counted
}

/// What stays on the screen: every step's end once, the end of the run, and no line that was only drawn.
#[track_caller]
fn stays(sent: &str, steps: &BTreeMap<String, usize>, end: &str) {
    let text = Screen::of(sent, usize::from(ROWS), usize::from(COLUMNS)).text();
    for (step, count) in steps {
        let told = |word: &str| text.matches(&format!("{step}: {word} after ")).count();
        assert_eq!(told("ready") + told("done") + told("was done already"), *count, "{step} is told another number of times on\n{text}");
    }
    assert!(text.contains(end), "{end:?} is missing on\n{text}");
    assert!(!text.contains(" steps done, ") && !text.contains("waits for"), "what was drawn is still there:\n{text}");
}

#[test]
fn what_is_drawn_leaves_nothing_and_what_is_done_stays() {
    let place = minimal::place("", "");
    let up = steps(&place, &[]);
    assert!(up.len() > 10, "{up:?}");
    let (code, sent) = on_terminal(&place, &["apply", "-auto-approve"], "xterm", |_| {});
    assert_eq!(code, Some(0), "{sent}");
    assert!(sent.contains(" steps done, ") && sent.contains(" running, "), "{sent}");
    assert!(!sent.contains("\u{1b}[1m") && !sent.contains("\u{1b}[32m"), "NO_COLOR is heeded: {sent:?}");
    assert!(!sent.contains("by past runs"), "there are none: {sent}");
    stays(&sent, &up, "Apply complete! Resources:");

    // The same kinds of steps again: how long they take is known. With colours.
    place.run(&["destroy", "-auto-approve"]).expect(0);
    let (code, sent) = on_terminal(&place, &["apply", "-auto-approve"], "xterm-256color", |command| {
        command.env_remove("NO_COLOR");
    });
    assert_eq!(code, Some(0), "{sent}");
    assert!(sent.contains("by past runs"), "{sent}");
    assert!(sent.contains("\u{1b}[1m") && sent.contains("\u{1b}[32m"), "{sent:?}");
    stays(&sent, &up, "Apply complete! Resources:");
    let down = steps(&place, &["-type=plan-destroy"]);
    let (code, sent) = on_terminal(&place, &["destroy", "-auto-approve"], "xterm", |_| {});
    assert_eq!(code, Some(0), "{sent}");
    stays(&sent, &down, "Destroy complete! Resources:");
}

#[test]
fn a_dumb_terminal_and_a_pipe_get_plain_lines() {
    let place = minimal::place("", "");
    let (code, sent) = on_terminal(&place, &["apply", "-auto-approve"], "dumb", |_| {});
    assert_eq!(code, Some(0), "{sent}");
    assert!(!sent.contains('\u{1b}') && !sent.contains(" steps done, "), "{sent:?}");
    assert!(sent.contains("...\r\n"), "{sent}");
    let piped = place.run_with(&["destroy", "-auto-approve"], &[("TERM", "xterm")]).expect(0);
    assert!(!piped.stdout.contains('\u{1b}') && !piped.stdout.contains(" steps done, "), "{}", piped.stdout);
}

#[test]
fn an_interrupt_is_told_once_and_leaves_a_whole_screen() {
    let place = minimal::place("", "");
    let mut command = place.command(&["apply", "-auto-approve"]);
    command.env("TERM", "xterm");
    let mut terminal = Terminal::start(command);
    terminal.resizes(ROWS, COLUMNS);
    terminal.shows("control_plane: waiting for");
    // The window becomes small, then large; a shell's prompt must find a clean line in the end.
    terminal.resizes(8, 40);
    signal(&terminal.child, Signal::WINCH);
    terminal.resizes(ROWS, COLUMNS);
    signal(&terminal.child, Signal::WINCH);
    signal(&terminal.child, Signal::INT);
    signal(&terminal.child, Signal::INT);
    assert_eq!(ends(&mut terminal.child), Some(130));
    std::thread::sleep(std::time::Duration::from_millis(200));
    let lines = Screen::of(&terminal.screen(), usize::from(ROWS), usize::from(COLUMNS)).lines();
    let count = |text: &str| lines.iter().filter(|line| line.contains(text)).count();
    assert_eq!((count("Interrupt received."), count("Not complete.")), (1, 1), "{lines:#?}");
    assert_eq!((count(" steps done, "), lines.last().map(String::as_str)), (0, Some("")), "{lines:#?}");
    place.run(&["destroy", "-auto-approve"]).expect(0);
}
