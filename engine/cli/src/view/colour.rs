//! Colours, as Terraform uses them.

use std::fmt::Display;

use anstyle::{AnsiColor, Style};

const fn of(colour: AnsiColor) -> Style {
    Style::new().fg_color(Some(anstyle::Color::Ansi(colour)))
}

/// What is made.
pub const ADD: Style = of(AnsiColor::Green);
/// What changes.
pub const CHANGE: Style = of(AnsiColor::Yellow);
/// What goes.
pub const REMOVE: Style = of(AnsiColor::Red);
/// What moves.
pub const MOVE: Style = of(AnsiColor::Cyan);
/// What is less important.
pub const DIM: Style = Style::new().dimmed();
/// What is more important.
pub const BOLD: Style = Style::new().bold();

/// The text in a style.
pub fn paint(style: Style, text: impl Display) -> String {
    format!("{style}{text}{style:#}")
}
