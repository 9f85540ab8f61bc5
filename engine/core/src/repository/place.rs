//! What `component_repository` may be: a folder, or an address that is read over https. Reads neither.

/// Where the files of a component repository lie.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Place<'w> {
    /// A folder, without `file://`.
    Folder(&'w str),
    /// An address without a slash at its end.
    Address(&'w str),
}

/// Why something names no place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NoPlace {
    /// In one line; never holds a password.
    pub summary: String,
    /// What to do about it.
    pub hint: &'static str,
    /// Whether the line that it stands in holds what nobody else should see.
    pub hidden: bool,
}

impl<'w> Place<'w> {
    /// The place that is written.
    ///
    /// # Errors
    /// It names none, or one whose address would be a secret.
    pub fn of(written: &'w str) -> Result<Self, NoPlace> {
        let refused = |summary: String, hint| NoPlace { summary, hint, hidden: false };
        if written.is_empty() {
            return Err(refused("component_repository is empty".to_owned(), "leave it out to read components where they are released"));
        }
        if authority(written).contains('@') {
            let summary = "component_repository holds a user or a password".to_owned();
            let hint = "addresses stand in plans and errors: use a server that asks for none, or a folder";
            return Err(NoPlace { summary, hint, hidden: true });
        }
        match written.split_once("://") {
            Some(("https", _)) => Ok(Self::Address(written.trim_end_matches('/'))),
            Some(("file", folder)) => Ok(Self::Folder(folder)),
            Some(_) => Err(refused(
                format!("component_repository = {written:?} cannot be read"),
                "it is a folder, or an address that begins with https://",
            )),
            None => Ok(Self::Folder(written)),
        }
    }
}

/// The part of an address that may name a user: between `//` and the next `/`.
fn authority(address: &str) -> &str {
    address.split_once("://").and_then(|(_, rest)| rest.split('/').next()).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_or_an_address_without_a_user() {
        for (written, place) in [
            ("copy", Ok(Place::Folder("copy"))),
            ("~/copy@home", Ok(Place::Folder("~/copy@home"))),
            ("file:///srv/copy", Ok(Place::Folder("/srv/copy"))),
            ("https://host/copy/", Ok(Place::Address("https://host/copy"))),
            ("https://host/a@b", Ok(Place::Address("https://host/a@b"))),
            ("", Err("is empty")),
            ("ftp://host/copy", Err("\"ftp://host/copy\" cannot be read")),
            ("https://user:word@host/copy", Err("holds a user or a password")),
        ] {
            match (Place::of(written), place) {
                (Ok(found), Ok(wanted)) => assert_eq!(found, wanted, "{written}"),
                (Err(refused), Err(told)) => {
                    assert!(refused.summary.contains(told) && !refused.summary.contains("word@"), "{refused:?}");
                    assert_eq!(refused.hidden, written.contains("word@"));
                }
                (found, _) => panic!("{written}: {found:?}"),
            }
        }
    }
}
