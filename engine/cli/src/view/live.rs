//! A run on a terminal: below the lines that stay one line for each running step, with what it waits for, and one with the totals. Lines are
//! cut to the width and to the height, so that what is drawn again is exactly what was drawn. Knows no plan but its steps.

use std::collections::BTreeMap;
use std::io::{IsTerminal, Write};
use std::time::{Duration, Instant};

use anstyle::Style;
use tokio::sync::mpsc::UnboundedReceiver;
use unicode_width::{UnicodeWidthChar, UnicodeWidthStr};
use windlass_core::plan::Plan;
use windlass_run::RunEvent;

use super::colour::{BOLD, DIM, paint};
use super::forecast::Forecast;
use super::progress::{ProgressPrinter, silent, title};
use super::{View, keep, raw};

/// Between two drawings; seconds are shown.
const TICK: Duration = Duration::from_millis(500);
/// How long a forecast is shown before it is made anew.
const FORECAST: Duration = Duration::from_secs(2);
/// Steps that have a line at the same time; the rest is counted.
const MOST: usize = 12;
/// Columns that stay free at the right: a terminal shows `^C` where the cursor stands, and that must not begin another row.
const MARGIN: usize = 6;

/// Whether stdout is a terminal whose lines can be drawn again. A terminal without a name, or called `dumb`, takes plain lines only.
pub fn can_be_drawn_on() -> bool {
    let named = std::env::var("TERM").is_ok_and(|term| !term.is_empty() && term != "dumb");
    named && std::io::stdout().is_terminal()
}

/// Draws one run.
pub struct Live<'a> {
    view: View,
    plan: &'a Plan,
    printer: ProgressPrinter<'a>,
    running: BTreeMap<usize, Instant>,
    done: usize,
    failed: usize,
    begun: Instant,
    forecast: Forecast,
    left: Option<(Instant, Option<Duration>)>,
    lines: Lines,
}

impl<'a> Live<'a> {
    /// For the steps of a plan.
    pub fn new(view: View, plan: &'a Plan, forecast: Forecast) -> Self {
        let printer = ProgressPrinter::new(view, plan);
        let (running, lines) = (BTreeMap::new(), Lines::new());
        Self { view, plan, printer, running, done: 0, failed: 0, begun: Instant::now(), forecast, left: None, lines }
    }

    /// Draws until the run is over; then nothing is left but the lines that stay.
    pub async fn follow(mut self, mut events: UnboundedReceiver<RunEvent>) {
        let mut tick = tokio::time::interval(TICK);
        loop {
            tokio::select! {
                event = events.recv() => match event {
                    Some(event) => {
                        if let Some(line) = self.told(&event, Instant::now()) {
                            self.lines.clear();
                            self.view.out(&format!("{line}\n"));
                            self.draw();
                        }
                    }
                    None => break,
                },
                _ = tick.tick() => self.draw(),
            }
        }
        self.lines.clear();
    }

    fn draw(&mut self) {
        let size = Size::now();
        let lines = self.lines_now(Instant::now(), size);
        self.lines.draw(self.view, lines, size);
    }

    /// Takes in an event; the line that stays, if it is worth one.
    fn told(&mut self, event: &RunEvent, now: Instant) -> Option<String> {
        let line = self.printer.line(event, now);
        match event {
            RunEvent::Planned { done, .. } => {
                self.done = done.len();
                done.iter().for_each(|step| self.forecast.done(*step, None));
            }
            RunEvent::StepStarted { step } => {
                self.running.insert(*step, now);
                // It has a line as long as it runs.
                return None;
            }
            RunEvent::StepDone { step, elapsed, .. } => {
                self.running.remove(step);
                self.done += 1;
                self.forecast.done(*step, Some(*elapsed));
            }
            RunEvent::StepFailed { step, .. } => {
                self.running.remove(step);
                self.failed += 1;
            }
            RunEvent::Waiting { .. }
            | RunEvent::GoesOn { .. }
            | RunEvent::Note { .. }
            | RunEvent::StepSkipped { .. }
            | RunEvent::Stopping { .. } => {}
        }
        line
    }

    /// The lines that are drawn: those of running steps, oldest first, as many as have room, and the totals.
    fn lines_now(&mut self, now: Instant, size: Size) -> Vec<Line> {
        let mut running: Vec<(Instant, usize)> = self.running.iter().map(|(step, begun)| (*begun, *step)).collect();
        running.sort_unstable();
        let told = |step: usize| self.plan.steps.get(step).filter(|step| !silent(step));
        let steps = running.iter().filter_map(|(begun, index)| Some((*begun, *index, told(*index)?)));
        let room = size.rows.saturating_sub(2).clamp(1, MOST);
        let columns = size.columns.saturating_sub(MARGIN);
        let mut lines: Vec<Line> = steps
            .take(room)
            .map(|(begun, index, step)| {
                let waits = self.printer.waits_for(index).map(|text| format!(" waits for {text}")).unwrap_or_default();
                let rest = format!(" [{}]{waits}", clock(now.duration_since(begun)));
                let (address, title) = (step.address.to_string(), format!(": {}", title(&step.action)));
                Line::of(&[(BOLD, &address), (Style::new(), &title), (DIM, &rest)], columns)
            })
            .collect();
        lines.push(Line::of(&[(BOLD, &self.totals(now))], columns));
        lines
    }

    fn totals(&mut self, now: Instant) -> String {
        if self.left.is_none_or(|(made, _)| now.duration_since(made) >= FORECAST) {
            let running = self.running.iter().map(|(step, begun)| (*step, now.duration_since(*begun))).collect();
            self.left = Some((now, self.forecast.left(&running)));
        }
        let failed = if self.failed == 0 { String::new() } else { format!(", {} failed", self.failed) };
        let left = match self.left.and_then(|(_, left)| left) {
            None => String::new(),
            Some(left) if left < Duration::from_secs(5) => ", by past runs a few seconds left".to_owned(),
            Some(left) => format!(", by past runs about {} left", clock(left)),
        };
        let (steps, running, took) = (self.plan.steps.len(), self.running.len(), clock(now.duration_since(self.begun)));
        format!("{} of {steps} steps done, {running} running{failed}, {took}{left}", self.done)
    }
}

/// `7s`, `2m05s`, `1h02m`.
fn clock(duration: Duration) -> String {
    match duration.as_secs() {
        seconds @ 0..60 => format!("{seconds}s"),
        seconds @ 60..3600 => format!("{}m{:02}s", seconds / 60, seconds % 60),
        seconds => format!("{}h{:02}m", seconds / 3600, seconds % 3600 / 60),
    }
}

/// Rows and columns of the terminal.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Size {
    rows: usize,
    columns: usize,
}

impl Size {
    /// Of stdout; of a terminal that does not tell, what terminals have always had.
    fn now() -> Self {
        let told = rustix::termios::tcgetwinsize(std::io::stdout()).ok().filter(|size| size.ws_row > 0 && size.ws_col > 0);
        told.map_or(Self { rows: 24, columns: 80 }, |size| Self { rows: size.ws_row.into(), columns: size.ws_col.into() })
    }
}

/// A line that is no wider than it may be.
#[derive(Debug, PartialEq, Eq)]
struct Line {
    text: String,
    width: usize,
}

impl Line {
    /// Pieces one after the other, cut to so many columns.
    fn of(pieces: &[(Style, &str)], columns: usize) -> Self {
        let mut line = Self { text: String::new(), width: 0 };
        for (style, piece) in pieces {
            let room = columns.saturating_sub(line.width);
            let fits = piece.width() <= room;
            let piece = if fits { (*piece).to_owned() } else { cut(piece, room) };
            line.width += piece.width();
            line.text.push_str(&paint(*style, piece));
            if !fits {
                break;
            }
        }
        line
    }
}

/// The beginning of a text, with a sign that it goes on.
fn cut(text: &str, columns: usize) -> String {
    let mut room = columns.saturating_sub(1);
    let mut kept = String::new();
    for character in text.chars() {
        let width = character.width().unwrap_or(0);
        if width > room {
            break;
        }
        room -= width;
        kept.push(character);
    }
    if columns > 0 {
        kept.push('…');
    }
    kept
}

/// The lines at the bottom; the cursor stands at the end of the last one. Each is shorter than the terminal is wide, so a wider window
/// changes nothing.
struct Lines {
    widths: Vec<usize>,
    /// Whether the terminal breaks lines anew when its window becomes narrower.
    reflows: bool,
}

impl Lines {
    fn new() -> Self {
        let named = |name: &str| std::env::var_os(name).is_some();
        // xterm and GNU screen cut lines; tmux inside of them does not.
        Self { widths: Vec::new(), reflows: named("TMUX") || !(named("XTERM_VERSION") || named("STY")) }
    }

    /// How many rows above the cursor they begin.
    fn above(&self, columns: usize) -> usize {
        let rows = |width: usize| if self.reflows { width.div_ceil(columns.max(1)).max(1) } else { 1 };
        self.widths.iter().map(|width| rows(*width)).sum::<usize>().saturating_sub(1)
    }

    /// The codes that take them away.
    fn erasure(&self, columns: usize) -> String {
        match (self.widths.is_empty(), self.above(columns)) {
            (true, _) => String::new(),
            (false, 0) => "\r\u{1b}[J".to_owned(),
            (false, above) => format!("\r\u{1b}[{above}A\u{1b}[J"),
        }
    }

    fn clear(&mut self) {
        raw(&self.erasure(Size::now().columns), false);
        keep(std::io::stdout().lock().flush());
        self.widths.clear();
    }

    fn draw(&mut self, view: View, lines: Vec<Line>, size: Size) {
        raw(&self.erasure(size.columns), false);
        self.widths = lines.iter().map(|line| line.width).collect();
        view.out(&lines.into_iter().map(|line| line.text).collect::<Vec<_>>().join("\n"));
        keep(std::io::stdout().lock().flush());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plain(line: &Line) -> String {
        anstream::adapter::strip_str(&line.text).to_string()
    }

    #[test]
    fn lines_are_cut_by_columns_and_not_by_characters() {
        let line = |columns| Line::of(&[(BOLD, "abc"), (DIM, " 日本語")], columns);
        assert_eq!((plain(&line(10)).as_str(), line(10).width), ("abc 日本語", 10));
        assert_eq!((plain(&line(9)).as_str(), line(9).width), ("abc 日本…", 9));
        assert_eq!((plain(&line(8)).as_str(), line(8).width), ("abc 日…", 7));
        assert_eq!((plain(&line(3)).as_str(), line(3).width), ("abc", 3));
        assert_eq!((plain(&line(2)).as_str(), line(2).width), ("a…", 2));
        assert_eq!((plain(&line(0)).as_str(), line(0).width), ("", 0));
    }

    #[test]
    fn what_was_drawn_is_taken_away_also_where_the_window_became_narrower() {
        let lines = |reflows| Lines { widths: vec![70, 0, 30], reflows };
        assert_eq!(lines(true).erasure(80), "\r\u{1b}[2A\u{1b}[J");
        assert_eq!(lines(true).erasure(30), "\r\u{1b}[4A\u{1b}[J", "three rows, one, one");
        assert_eq!(lines(false).erasure(30), "\r\u{1b}[2A\u{1b}[J", "a terminal that cuts lines has no more rows than before");
        assert_eq!(Lines { widths: vec![9], reflows: true }.erasure(80), "\r\u{1b}[J");
        assert_eq!(Lines { widths: Vec::new(), reflows: true }.erasure(80), "");
    }

    #[test]
    fn a_running_step_has_a_line_with_what_it_waits_for_and_one_that_is_done_stays() {
        let wait = serde_json::json!({"do": "wait", "plane": "management.m", "conditions": []});
        let step = |id: &str| serde_json::json!({"id": id, "address": "cluster.a", "action": wait, "timeout_seconds": 1});
        let plan: Plan = serde_json::from_value(serde_json::json!({
            "windlass_plan": 1, "tool_version": "0", "lineage": "l", "serial": 1, "mode": "apply", "desired_digest": "d", "planes": [],
            "changes": [], "fingerprints": [], "steps": [step("1"), step("2"), step("3")],
        }))
        .expect("a plan");
        let start = Instant::now();
        let mut live = Live::new(View { plain: true, stream: false }, &plan, Forecast::new(&plan, &[]));
        live.begun = start;
        for step in 0..3 {
            assert_eq!(live.told(&RunEvent::StepStarted { step }, start), None);
        }
        let reason = RunEvent::Waiting { step: 1, what: "Machine x".into(), reason: "no\n\u{1b}[2Jnode".into() };
        assert_eq!(live.told(&reason, start), None);
        let now = start + Duration::from_secs(61);
        let shown = |live: &mut Live<'_>, rows| live.lines_now(now, Size { rows, columns: 80 }).iter().map(plain).collect::<Vec<_>>();
        let one = "cluster.a: waiting for 0 objects [1m01s]";
        let expected = [one, &format!("{one} waits for Machine x: no [2Jnode"), one, "0 of 3 steps done, 3 running, 1m01s"];
        assert_eq!(shown(&mut live, 24), expected);
        assert_eq!(shown(&mut live, 4), [expected[0], expected[1], expected[3]], "no more lines than have room");
        let done = RunEvent::StepDone { step: 1, ensured: windlass_run::ports::Ensured::Added, elapsed: Duration::from_secs(2) };
        let stays = live.told(&done, now).map(|line| anstream::adapter::strip_str(&line).to_string());
        assert_eq!(stays.as_deref(), Some("cluster.a: waiting for 0 objects: ready after 2.0s"));
        assert_eq!(shown(&mut live, 24), [one, one, "1 of 3 steps done, 2 running, 1m01s"]);
    }

    #[test]
    fn times_are_short() {
        let text = |seconds| clock(Duration::from_secs(seconds));
        assert_eq!([text(0), text(59), text(65), text(3720)], ["0s", "59s", "1m05s", "1h02m"]);
    }
}
