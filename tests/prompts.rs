//! The questions of apply and destroy, on a terminal and without one: who may answer, and how each answer ends.

#[path = "support/running.rs"]
mod running;
mod support;
#[path = "support/terminal.rs"]
mod terminal;

use running::{ends, signal};
use rustix::process::Signal;
use support::Place;
use terminal::Terminal;

/// A cloud, its providers, and no cluster.
const CLOUD: &str = "cloud \"aws\" \"main\" {\n  region = \"eu-west-1\"\n}\n";
const QUESTION: &str = "Enter a value:";
const CTRL_D: &str = "\x04";

/// How a person answers.
enum Answer {
    Types(&'static str),
    Sends(Signal),
}

/// Runs a command in a terminal, answers its question, and gives its exit code and what stood on the screen.
#[track_caller]
fn answered(place: &Place, arguments: &[&str], question: &str, answer: &Answer) -> (Option<i32>, String) {
    let mut terminal = Terminal::start(place.command(arguments));
    terminal.shows(question);
    match answer {
        Answer::Types(text) => terminal.types(text),
        Answer::Sends(signal_sent) => signal(&terminal.child, *signal_sent),
    }
    let code = ends(&mut terminal.child);
    // The last words may still be on their way.
    std::thread::sleep(std::time::Duration::from_millis(100));
    (code, terminal.screen())
}

#[test]
fn only_yes_is_yes() {
    let place = Place::empty();
    place.write("main.wl.hcl", CLOUD);
    // Nobody is there, or nobody is to be asked.
    let done = place.run(&["apply"]).expect(1).says("WL0514").says("the plan needs approval, and nobody can answer");
    assert!(!done.stdout.contains(QUESTION), "{}", done.stdout);
    done.says("-auto-approve approves it");
    let mut unasked = Terminal::start(place.command(&["apply", "-input=false"]));
    assert_eq!(ends(&mut unasked.child), Some(1));
    assert!(!unasked.screen().contains(QUESTION), "{}", unasked.screen());

    let cancelled = "apply cancelled; nothing has been changed";
    let stopped = "stopped at the question; nothing has been changed";
    for (answer, code, words) in [
        (Answer::Types("no\n"), 1, cancelled),
        (Answer::Types("y\n"), 1, cancelled),
        (Answer::Types("\n"), 1, cancelled),
        (Answer::Types(CTRL_D), 1, cancelled),
        (Answer::Sends(Signal::INT), 130, stopped),
        (Answer::Sends(Signal::TERM), 143, stopped),
    ] {
        let (ended, screen) = answered(&place, &["apply"], QUESTION, &answer);
        assert_eq!(ended, Some(code), "{screen}");
        assert!(screen.contains(words), "{words:?} is missing in\n{screen}");
        assert!(place.objects().is_empty(), "{:?}", place.objects());
        assert!(!place.path().join("windlass.wlstate-wal").exists(), "the state is closed: {words}");
    }
    let (ended, screen) = answered(&place, &["apply"], QUESTION, &Answer::Types("yes\n"));
    assert_eq!(ended, Some(0), "{screen}");
    assert!(screen.contains("Apply complete!"), "{screen}");
    let objects = place.objects();
    assert!(!objects.is_empty());

    let (ended, screen) = answered(&place, &["destroy"], QUESTION, &Answer::Types("no\n"));
    assert_eq!(ended, Some(1), "{screen}");
    assert_eq!(place.objects(), objects);
    let (ended, screen) = answered(&place, &["destroy"], QUESTION, &Answer::Types("yes\n"));
    assert_eq!(ended, Some(0), "{screen}");
    assert!(place.objects().is_empty(), "{:?}", place.objects());

    let reset = "Type 'yes' to confirm:";
    let (ended, screen) = answered(&place, &["sandbox", "reset"], reset, &Answer::Types("no\n"));
    assert_eq!(ended, Some(1), "{screen}");
    assert!(screen.contains("the sandbox was not reset"), "{screen}");
}
