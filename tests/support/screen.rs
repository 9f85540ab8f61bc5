//! What a person sees of the bytes that a command sends to a terminal: lines, the cursor, and what is cleared. Colours are passed over.

#![allow(dead_code, reason = "each test binary uses its part")]

/// A terminal's lines, those that have scrolled away included.
pub struct Screen {
    rows: usize,
    columns: usize,
    lines: Vec<Vec<char>>,
    row: usize,
    column: usize,
}

impl Screen {
    /// What a terminal of this size shows in the end. Fails the test for bytes that it would not understand.
    #[track_caller]
    pub fn of(bytes: &str, rows: usize, columns: usize) -> Screen {
        let mut screen = Screen { rows, columns, lines: vec![Vec::new()], row: 0, column: 0 };
        let mut rest = bytes.chars();
        while let Some(character) = rest.next() {
            match character {
                '\u{1b}' => {
                    assert_eq!(rest.next(), Some('['), "an escape that is no CSI");
                    let mut number = String::new();
                    let end = rest.by_ref().find(|c| {
                        if c.is_ascii_alphabetic() {
                            true
                        } else {
                            number.push(*c);
                            false
                        }
                    });
                    screen.control(end.expect("an escape has an end"), &number);
                }
                '\r' => screen.column = 0,
                '\n' => screen.down(1),
                other => screen.put(other),
            }
        }
        screen
    }

    /// All lines, without spaces at their ends.
    pub fn lines(&self) -> Vec<String> {
        self.lines.iter().map(|line| line.iter().collect::<String>().trim_end().to_owned()).collect()
    }

    /// Its text, with each line that went over several rows in one.
    pub fn text(&self) -> String {
        let row = |line: &Vec<char>| {
            let end = if line.len() < self.columns { "\n" } else { "" };
            line.iter().collect::<String>() + end
        };
        self.lines.iter().map(row).collect()
    }

    fn control(&mut self, what: char, number: &str) {
        let count = number.parse::<usize>().unwrap_or(1);
        let top = self.lines.len().saturating_sub(self.rows);
        match what {
            'A' => self.row = self.row.saturating_sub(count).max(top),
            'B' => (0..count).for_each(|_| self.row = (self.row + 1).min(self.lines.len() - 1)),
            'C' => self.column = (self.column + count).min(self.columns - 1),
            'D' => self.column = self.column.saturating_sub(count),
            'G' => self.column = count - 1,
            'K' if number == "2" => self.lines[self.row].clear(),
            'K' => self.lines[self.row].truncate(self.column),
            'J' => {
                self.lines[self.row].truncate(self.column);
                self.lines.truncate(self.row + 1);
            }
            'm' => {}
            other => panic!("a control that the test does not know: {number}{other}"),
        }
    }

    fn down(&mut self, count: usize) {
        self.row += count;
        while self.lines.len() <= self.row {
            self.lines.push(Vec::new());
        }
    }

    fn put(&mut self, character: char) {
        if self.column == self.columns {
            self.column = 0;
            self.down(1);
        }
        let line = &mut self.lines[self.row];
        while line.len() <= self.column {
            line.push(' ');
        }
        line[self.column] = character;
        self.column += 1;
    }
}

#[test]
fn a_screen_is_what_a_terminal_would_show() {
    let screen = Screen::of("one\r\ntwo\r\nthree\u{1b}[1A\r\u{1b}[2Kx\u{1b}[1B\ry", 24, 80);
    assert_eq!(screen.lines(), ["one", "x", "yhree"]);
    assert_eq!(Screen::of("abcd\u{1b}[31me\u{1b}[0m", 24, 4).lines(), ["abcd", "e"]);
    assert_eq!(Screen::of("a\r\nb\r\nc\u{1b}[9A\rx", 2, 80).lines(), ["a", "x", "c"], "what has scrolled away is not reached");
}
