//! Questions on the terminal. The only place that reads what a person types; knows no plan.

use std::io::IsTerminal;

use tokio::runtime::Handle;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::oneshot;
use tokio::task::block_in_place;
use windlass_core::diag::Code;

use crate::exit::Exit;
use crate::failure::Failure;
use crate::view::View;

/// Asks, and gives the answer without spaces around it (an end of input is an empty answer); `None`: nobody can answer. Ctrl-C and SIGTERM
/// are failures with their own exit codes, so that a command still closes what it has opened.
pub fn ask(view: &View, question: &str) -> Result<Option<String>, Failure> {
    if !std::io::stdin().is_terminal() {
        return Ok(None);
    }
    view.question(question);
    let answer = block_in_place(|| Handle::current().block_on(answer()));
    if !answer.as_ref().is_ok_and(|typed| typed.ends_with('\n')) {
        // The cursor stands behind the question.
        view.out("\n");
    }
    answer.map(|typed| Some(typed.trim().to_owned()))
}

async fn answer() -> Result<String, Failure> {
    let (typed, said) = oneshot::channel();
    // A read from a terminal cannot be given up; the process does not wait for this thread when it ends.
    std::thread::spawn(move || {
        let mut line = String::new();
        let read = std::io::stdin().read_line(&mut line);
        // Nobody listens any more once the question was given up.
        let _ = typed.send(read.map(|_| line));
    });
    let unheard = |error: std::io::Error| Failure::new(Code::NOT_APPROVED, format!("the answer cannot be read: {error}"));
    let mut interrupt = signal(SignalKind::interrupt()).map_err(unheard)?;
    let mut terminate = signal(SignalKind::terminate()).map_err(unheard)?;
    let stopped = |exit| Failure::new(Code::STOPPED, "stopped at the question; nothing has been changed").exits(exit);
    tokio::select! {
        said = said => match said {
            Ok(read) => read.map_err(unheard),
            Err(_) => Ok(String::new()),
        },
        _ = interrupt.recv() => Err(stopped(Exit::Interrupted)),
        _ = terminate.recv() => Err(stopped(Exit::Terminated)),
    }
}
