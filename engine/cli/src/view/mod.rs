//! Everything that a person sees: text is made by pure functions in the submodules and printed here, and nowhere else.

mod colour;
mod diagnostic;
mod diagnostic_json;
mod drift;
mod forecast;
pub mod graph;
mod instances;
mod live;
mod plan;
mod progress;
mod run_stream;
mod state;
mod stream;
mod tree;

use std::io::Write;
use std::sync::OnceLock;

use serde_json::{Value as Json, json};
use tokio::sync::mpsc::UnboundedReceiver;
use windlass_core::diag::{Code, Diagnostics, SourceMap};
use windlass_core::plan::tally::Tally;
use windlass_core::plan::ui_json::{Level, Message, change_messages, change_summary, operation, plan_messages};
use windlass_core::plan::{Mode, Plan};
use windlass_run::RunEvent;
use windlass_run::summary::{Summary, Verdict};
use windlass_state::PastWork;

use crate::arguments::Arguments;
use crate::failure::Failure;

pub use drift::{drift_json, drift_text};
pub use plan::plan_text;
pub use progress::title as step_title;
pub use state::{resource_text, state_text};
pub use tree::value_text;

/// How things are printed.
#[derive(Debug, Clone, Copy)]
pub struct View {
    plain: bool,
    /// Messages for programs, one JSON object a line on stdout, and nothing else anywhere.
    stream: bool,
}

impl View {
    /// By the flags; NO_COLOR and whether a terminal listens are looked at when something is printed.
    pub fn new(arguments: &Arguments) -> Self {
        Self { plain: arguments.no_color, stream: arguments.command.streams() }
    }

    /// What comes before everything else.
    pub fn begins(&self) {
        if self.stream {
            self.say(stream::version());
        }
    }

    /// Result of a command, to stdout.
    pub fn out(&self, text: &str) {
        match self.stream {
            true => stream::log(Level::Info, text).into_iter().for_each(|message| self.say(message)),
            false => print(text, self.plain, false),
        }
    }

    /// A question, to stdout. No line break ends it, so it would be held back until the answer.
    pub fn question(&self, text: &str) {
        self.out(text);
        keep(std::io::stdout().lock().flush());
    }

    /// What goes beside a result, to stderr.
    pub fn note(&self, text: &str) {
        match self.stream {
            true => self.out(text),
            false => print(text, self.plain, true),
        }
    }

    /// What only people need to be told.
    pub fn advice(&self, text: &str) {
        if !self.stream {
            self.out(text);
        }
    }

    /// Data that another program reads, to stdout, byte for byte.
    pub fn data(&self, text: &str) {
        raw(text, false);
    }

    /// Why a command did not succeed.
    pub fn failure(&self, failure: &Failure) {
        self.findings(&failure.diagnostics, &failure.sources, false);
    }

    /// Warnings of a command that goes on.
    pub fn warnings(&self, diagnostics: &Diagnostics, sources: &SourceMap, compact: bool) {
        if !diagnostics.is_empty() {
            self.findings(diagnostics, sources, compact);
        }
    }

    fn findings(&self, diagnostics: &Diagnostics, sources: &SourceMap, compact: bool) {
        // That stdout takes nothing more can only be told elsewhere.
        match self.stream && LOST.get().is_none() {
            true => stream::diagnostics(diagnostics, sources).for_each(|message| self.say(message)),
            false => print(&diagnostic::diagnostics_text(diagnostics, sources, compact), self.plain, true),
        }
    }

    /// A plan that was just made.
    pub fn plan(&self, plan: &Plan) {
        if !self.stream {
            return self.out(&format!("\n{}", plan_text(plan)));
        }
        plan_messages(plan).into_iter().for_each(|message| self.say(message));
        plan.warnings.iter().for_each(|warning| self.say(stream::plan_warning(warning)));
    }

    /// A plan that was made and shown before, and is carried out now.
    pub fn reviewed(&self, plan: &Plan) {
        if self.stream {
            change_messages(plan).for_each(|message| self.say(message));
        }
    }

    /// Tells what a run does, until it is over. `past`: what earlier runs did, asked for only where it is shown.
    pub async fn follow(&self, plan: &Plan, past: impl FnOnce() -> Vec<PastWork>, events: UnboundedReceiver<RunEvent>) {
        match self.stream {
            true => run_stream::RunStream::new(plan).follow(*self, events).await,
            false if live::can_be_drawn_on() => {
                let forecast = forecast::Forecast::new(plan, &past());
                live::Live::new(*self, plan, forecast).follow(events).await;
            }
            false => progress::ProgressPrinter::new(*self, plan).follow(events).await,
        }
    }

    /// How a run ended.
    pub fn ended(&self, summary: &Summary, plan: &Plan) {
        let text = progress::end_text(summary, plan);
        let done = summary.verdict == Verdict::Done || summary.verdict == Verdict::Unreachable && summary.failed.is_empty();
        if !(self.stream && done && summary.run.is_some()) {
            return self.out(&text);
        }
        let message = change_summary(Tally::of(plan), operation(plan.mode));
        self.say(if plan.unplanned.is_empty() { message } else { message.ours(json!({"unplanned": plan.unplanned})) });
    }

    /// There is nothing that could be planned.
    pub fn planned_nothing(&self) {
        if self.stream {
            self.say(change_summary(Tally::default(), "plan"));
        }
    }

    /// The end of a command that found nothing to do. `left_out`: as far as planes answer.
    pub fn nothing(&self, mode: Mode, left_out: bool) {
        if left_out || !self.stream {
            self.out(match (left_out, mode) {
                (false, Mode::Apply) => "\nApply complete! Resources: 0 added, 0 changed, 0 destroyed.\n",
                (false, Mode::Destroy) => "\nDestroy complete! Resources: 0 destroyed.\n",
                (true, _) => "\nNothing has been changed. What did not answer was left out.\n",
            });
        }
        if self.stream {
            self.say(change_summary(Tally::default(), operation(mode)));
        }
    }

    /// All outputs at the end of an apply: as text, and by name in Terraform's shape.
    pub fn outputs(&self, text: &str, outputs: Json) {
        match (self.stream, outputs.as_object().map_or(0, serde_json::Map::len)) {
            (false, _) => self.out(text),
            (true, 0) => {}
            (true, count) => self.say(Message::news("outputs", format!("Outputs: {count}"), "outputs", outputs)),
        }
    }

    /// One message of the stream.
    fn say(&self, message: Message) {
        let now = jiff::Timestamp::now().strftime("%Y-%m-%dT%H:%M:%S%.6fZ").to_string();
        raw(&stream::line(message, &now), false);
    }
}

/// What stdout could not take, once it is known: whoever reads a cut result must not be told that all is well.
static LOST: OnceLock<String> = OnceLock::new();

/// Writes out what is still held back; what of all output could not be written, as a failure. A reader that has gone away (`| head`) has
/// what it wanted.
pub fn flushed() -> Result<(), Failure> {
    keep(std::io::stdout().lock().flush());
    match LOST.get() {
        None => Ok(()),
        Some(error) => Err(Failure::new(Code::FILE_SYSTEM, format!("the output cannot be written: {error}"))
            .detail("What was asked for has been done; what was said about it is not complete.")
            .hint("make room where the output goes")),
    }
}

fn keep(written: std::io::Result<()>) {
    if let Err(error) = written
        && error.kind() != std::io::ErrorKind::BrokenPipe
    {
        LOST.get_or_init(|| error.to_string());
    }
}

/// Prints as it is.
pub fn raw(text: &str, error: bool) {
    if error {
        // There is no other place to say that stderr is full.
        let _ = std::io::stderr().lock().write_all(text.as_bytes());
    } else {
        keep(std::io::stdout().lock().write_all(text.as_bytes()));
    }
}

fn print(text: &str, plain: bool, error: bool) {
    if plain {
        return raw(&anstream::adapter::strip_str(text).to_string(), error);
    }
    if error {
        let _ = anstream::stderr().lock().write_all(text.as_bytes());
    } else {
        keep(anstream::stdout().lock().write_all(text.as_bytes()));
    }
}
