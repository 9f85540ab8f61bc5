//! Source texts and places in them. Knows nothing of their grammar.

use std::sync::{Arc, OnceLock};

/// A file of a [`SourceMap`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct FileId(pub u32);

/// A stretch of bytes of one file.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Span {
    /// The file.
    pub file: FileId,
    /// The first byte, counted from the begin of the file's text.
    pub start: u32,
    /// The number of bytes.
    pub len: u32,
}

impl Span {
    /// The byte after the last one.
    #[must_use]
    pub fn end(self) -> u32 {
        self.start.saturating_add(self.len)
    }

    /// The smallest stretch that holds both; `self` when they are in different files.
    #[must_use]
    pub fn to(self, other: Span) -> Span {
        if self.file != other.file {
            return self;
        }
        let start = self.start.min(other.start);
        Span { file: self.file, start, len: self.end().max(other.end()) - start }
    }
}

/// A source text. A byte order mark is not part of the text.
#[derive(Debug)]
pub struct SourceFile {
    /// The name as the user typed it.
    pub name: Arc<str>,
    /// The text.
    pub text: Arc<str>,
    /// Its text is never shown: it holds values of variables, and which of them are secret is not known before it could be read.
    pub hidden: bool,
    line_starts: OnceLock<Vec<u32>>,
}

impl SourceFile {
    fn line_starts(&self) -> &[u32] {
        self.line_starts.get_or_init(|| {
            let newlines = self.text.bytes().enumerate().filter(|(_, byte)| *byte == b'\n');
            std::iter::once(0).chain(newlines.map(|(at, _)| u32::try_from(at + 1).unwrap_or(u32::MAX))).collect()
        })
    }
}

/// Where a span begins, for people.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Location {
    /// The name of the file.
    pub name: Arc<str>,
    /// The line, counted from 1.
    pub line: u32,
    /// The column, counted in characters from 1.
    pub column: u32,
    /// The text of that line, without its end.
    pub line_text: String,
}

/// All source texts of one run.
#[derive(Debug, Default)]
pub struct SourceMap {
    files: Vec<SourceFile>,
}

impl SourceMap {
    /// A map without files.
    #[must_use]
    pub fn new() -> SourceMap {
        SourceMap::default()
    }

    /// Adds a text and gives its id.
    pub fn add(&mut self, name: impl Into<Arc<str>>, text: impl Into<Arc<str>>) -> FileId {
        let id = FileId(u32::try_from(self.files.len()).unwrap_or(u32::MAX));
        self.files.push(SourceFile { name: name.into(), text: text.into(), hidden: false, line_starts: OnceLock::new() });
        id
    }

    /// The id of this text under this name; it is added unless it is there. `hidden`: it is never shown.
    pub fn add_once(&mut self, name: &str, text: &str, hidden: bool) -> FileId {
        if let Some((id, _)) = self.files().find(|(_, file)| &*file.name == name && &*file.text == text) {
            return id;
        }
        let id = self.add(name, text);
        if hidden {
            self.hide_last();
        }
        id
    }

    /// The text that was added last is never shown.
    pub fn hide_last(&mut self) {
        if let Some(file) = self.files.last_mut() {
            file.hidden = true;
        }
    }

    /// The file of that id.
    #[must_use]
    pub fn file(&self, id: FileId) -> Option<&SourceFile> {
        self.files.get(id.0 as usize)
    }

    /// All files with their ids.
    pub fn files(&self) -> impl Iterator<Item = (FileId, &SourceFile)> {
        self.files.iter().enumerate().map(|(index, file)| (FileId(u32::try_from(index).unwrap_or(u32::MAX)), file))
    }

    /// The text of a span.
    #[must_use]
    pub fn text(&self, span: Span) -> Option<&str> {
        self.file(span.file)?.text.get(span.start as usize..span.end() as usize)
    }

    /// The place where a span begins.
    #[must_use]
    pub fn locate(&self, span: Span) -> Option<Location> {
        let file = self.file(span.file)?;
        let mut at = (span.start as usize).min(file.text.len());
        while !file.text.is_char_boundary(at) {
            at -= 1;
        }
        let starts = file.line_starts();
        let index = starts.partition_point(|start| *start as usize <= at).saturating_sub(1);
        let begin = starts.get(index).map_or(0, |start| *start as usize);
        let end = starts.get(index + 1).map_or(file.text.len(), |next| *next as usize);
        let line_text = file.text.get(begin..end).unwrap_or_default().trim_end_matches(['\n', '\r']);
        let column = file.text.get(begin..at).unwrap_or_default().chars().count() + 1;
        Some(Location {
            name: file.name.clone(),
            line: u32::try_from(index + 1).unwrap_or(u32::MAX),
            column: u32::try_from(column).unwrap_or(u32::MAX),
            line_text: line_text.to_owned(),
        })
    }
}
