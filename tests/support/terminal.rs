//! A terminal for a command: what it shows is read, and what a person would type is written.

#![allow(dead_code, reason = "each test binary uses its part")]

use std::fs::{File, OpenOptions};
use std::io::{Read, Write};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::OpenOptionsExt;
use std::process::{Child, Command};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use rustix::fs::OFlags;
use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};

/// Longest that a text may take to appear.
const PATIENCE: Duration = Duration::from_secs(120);

/// A terminal with a command in it. It is not the command's controlling one: Ctrl-C is the signal that a driver would send.
pub struct Terminal {
    keyboard: File,
    screen: Arc<Mutex<String>>,
    /// The command.
    pub child: Child,
}

impl Terminal {
    /// Starts a command in a terminal of its own.
    #[track_caller]
    pub fn start(mut command: Command) -> Terminal {
        let master = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY | OpenptFlags::CLOEXEC).expect("a terminal");
        grantpt(&master).expect("a terminal may be used");
        unlockpt(&master).expect("a terminal may be opened");
        let name = ptsname(&master, Vec::new()).expect("a terminal has a name");
        let flags = i32::try_from(OFlags::NOCTTY.bits()).expect("a flag");
        let line = OpenOptions::new().read(true).write(true).custom_flags(flags).open(std::ffi::OsStr::from_bytes(name.as_bytes()));
        let line = line.expect("a terminal can be opened");
        let copy = || line.try_clone().expect("a terminal has several ends");
        let child = command.stdin(copy()).stdout(copy()).stderr(copy()).spawn().expect("the binary runs");
        // The command and this end are the only ones that hold it: it is over when the command is.
        drop((command, line));
        let keyboard = File::from(master);
        let mut shown = keyboard.try_clone().expect("a terminal has several ends");
        let screen = Arc::new(Mutex::new(String::new()));
        let seen = screen.clone();
        std::thread::spawn(move || {
            let mut bytes = [0; 4096];
            while let Ok(count @ 1..) = shown.read(&mut bytes) {
                seen.lock().expect("the screen").push_str(&String::from_utf8_lossy(&bytes[..count]));
            }
        });
        Terminal { keyboard, screen, child }
    }

    /// Gives it a size. Whoever looks at it next sees that.
    #[track_caller]
    pub fn resizes(&self, rows: u16, columns: u16) {
        let size = rustix::termios::Winsize { ws_row: rows, ws_col: columns, ws_xpixel: 0, ws_ypixel: 0 };
        rustix::termios::tcsetwinsize(&self.keyboard, size).expect("a terminal has a size");
    }

    /// All that was sent to it.
    pub fn screen(&self) -> String {
        self.screen.lock().expect("the screen").clone()
    }

    /// Waits until a text stands on it.
    #[track_caller]
    pub fn shows(&self, text: &str) {
        let start = Instant::now();
        while !self.screen().contains(text) {
            assert!(start.elapsed() < PATIENCE, "{text:?} does not come:\n{}", self.screen());
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    /// Types.
    #[track_caller]
    pub fn types(&mut self, text: &str) {
        self.keyboard.write_all(text.as_bytes()).expect("a terminal takes what is typed");
    }
}
