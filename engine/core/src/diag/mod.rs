//! Diagnostics: what is wrong, where, and what to do. Core returns them beside values; only the roof prints them.
//! Must not know colours, terminals or exit codes.

mod code;
mod source;
#[cfg(test)]
mod tests;

pub use code::Code;
pub use source::{FileId, Location, SourceFile, SourceMap, Span};

/// How bad it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Severity {
    /// Nothing can be planned.
    Error,
    /// Worth a look; the work goes on.
    Warning,
}

/// One finding.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Diagnostic {
    /// The stable code, by which it can be looked up.
    pub code: Code,
    /// Error or warning.
    pub severity: Severity,
    /// What is wrong, in one line without a full stop.
    pub summary: String,
    /// Whole sentences that say more; may be empty. Never holds the content of a secret.
    pub detail: String,
    /// The place in the source, when there is one.
    pub primary: Option<Span>,
    /// Other places that matter, each with a label.
    pub related: Vec<(Span, String)>,
    /// What to do about it.
    pub hint: Option<String>,
    /// The lines of the places are not shown, since they hold what nobody else should see.
    pub hidden: bool,
}

impl Diagnostic {
    /// An error without a place.
    #[must_use]
    pub fn error(code: Code, summary: impl Into<String>) -> Diagnostic {
        Diagnostic {
            code,
            severity: Severity::Error,
            summary: summary.into(),
            detail: String::new(),
            primary: None,
            related: Vec::new(),
            hint: None,
            hidden: false,
        }
    }

    /// A warning without a place.
    #[must_use]
    pub fn warning(code: Code, summary: impl Into<String>) -> Diagnostic {
        Diagnostic { severity: Severity::Warning, ..Diagnostic::error(code, summary) }
    }

    /// With the place that it is about.
    #[must_use]
    pub fn at(mut self, span: Span) -> Diagnostic {
        self.primary = Some(span);
        self
    }

    /// With whole sentences that say more.
    #[must_use]
    pub fn detail(mut self, detail: impl Into<String>) -> Diagnostic {
        self.detail = detail.into();
        self
    }

    /// With one more place and its label.
    #[must_use]
    pub fn related(mut self, span: Span, label: impl Into<String>) -> Diagnostic {
        self.related.push((span, label.into()));
        self
    }

    /// With advice.
    #[must_use]
    pub fn hint(mut self, hint: impl Into<String>) -> Diagnostic {
        self.hint = Some(hint.into());
        self
    }

    /// With the advice `did you mean "x"?` when one of `candidates` is near to `written`.
    #[must_use]
    pub fn did_you_mean<'c>(mut self, written: &str, candidates: impl IntoIterator<Item = &'c str>) -> Diagnostic {
        if let Some(name) = nearest(written, candidates) {
            self.hint = Some(format!("did you mean `{name}`?"));
        }
        self
    }

    /// With places whose lines are not shown.
    #[must_use]
    pub fn hidden_if(mut self, hidden: bool) -> Diagnostic {
        self.hidden = hidden;
        self
    }

    /// True for errors.
    #[must_use]
    pub fn is_error(&self) -> bool {
        self.severity == Severity::Error
    }
}

/// The candidate that is most like what was written, if any is like it at all.
#[must_use]
pub fn nearest<'c>(written: &str, candidates: impl IntoIterator<Item = &'c str>) -> Option<&'c str> {
    let limit = 1 + written.chars().count() / 4;
    candidates
        .into_iter()
        .map(|candidate| (strsim::damerau_levenshtein(&written.to_lowercase(), &candidate.to_lowercase()), candidate))
        .filter(|(distance, _)| *distance <= limit)
        .min()
        .map(|(_, candidate)| candidate)
}

/// Findings in the order in which they were made.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Diagnostics(pub Vec<Diagnostic>);

impl Diagnostics {
    /// Nothing found.
    #[must_use]
    pub fn new() -> Diagnostics {
        Diagnostics::default()
    }

    /// Adds one; the very same finding is kept once.
    pub fn push(&mut self, diagnostic: Diagnostic) {
        if self.0.last() != Some(&diagnostic) {
            self.0.push(diagnostic);
        }
    }

    /// Adds all of another.
    pub fn extend(&mut self, other: impl IntoIterator<Item = Diagnostic>) {
        self.0.extend(other);
    }

    /// True when there is nothing.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The number of findings.
    #[must_use]
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// True when at least one is an error.
    #[must_use]
    pub fn has_errors(&self) -> bool {
        self.0.iter().any(Diagnostic::is_error)
    }

    /// The findings.
    pub fn iter(&self) -> std::slice::Iter<'_, Diagnostic> {
        self.0.iter()
    }

    /// Orders by file and place, errors without a place first; doubles are dropped.
    pub fn sort(&mut self) {
        self.0.sort_by(|a, b| (a.primary, a.severity, a.code, &a.summary).cmp(&(b.primary, b.severity, b.code, &b.summary)));
        self.0.dedup();
    }
}

impl IntoIterator for Diagnostics {
    type Item = Diagnostic;
    type IntoIter = std::vec::IntoIter<Diagnostic>;

    fn into_iter(self) -> Self::IntoIter {
        self.0.into_iter()
    }
}

impl<'d> IntoIterator for &'d Diagnostics {
    type Item = &'d Diagnostic;
    type IntoIter = std::slice::Iter<'d, Diagnostic>;

    fn into_iter(self) -> Self::IntoIter {
        self.0.iter()
    }
}

impl FromIterator<Diagnostic> for Diagnostics {
    fn from_iter<I: IntoIterator<Item = Diagnostic>>(iter: I) -> Diagnostics {
        Diagnostics(iter.into_iter().collect())
    }
}

impl From<Diagnostic> for Diagnostics {
    fn from(diagnostic: Diagnostic) -> Diagnostics {
        Diagnostics(vec![diagnostic])
    }
}
