//! The `Accept` header. Knows no object.

use crate::status::Failure;

/// The form in which objects are answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Form {
    /// The objects themselves.
    Object,
    /// `meta.k8s.io/v1 Table`.
    Table,
    /// `meta.k8s.io/v1 PartialObjectMetadata`.
    Metadata,
}

impl Form {
    /// The first form in the header that can be served; no header means objects.
    pub fn read(accept: &str) -> Result<Form, Failure> {
        if accept.trim().is_empty() {
            return Ok(Form::Object);
        }
        accept.split(',').find_map(one).ok_or_else(|| Failure::not_acceptable(&["application/json"]))
    }
}

fn one(entry: &str) -> Option<Form> {
    let mut parts = entry.split(';').map(str::trim);
    if !matches!(parts.next()?, "application/json" | "application/*" | "*/*") {
        return None;
    }
    let mut form = Form::Object;
    for part in parts {
        match part.split_once('=') {
            Some(("as", "Table")) => form = Form::Table,
            Some(("as", "PartialObjectMetadata" | "PartialObjectMetadataList")) => form = Form::Metadata,
            Some(("as", _)) => return None,
            Some(("v", version)) if version != "v1" => return None,
            Some(("g", group)) if group != "meta.k8s.io" => return None,
            _ => {}
        }
    }
    Some(form)
}

/// True if the client takes aggregated discovery in version v2.
pub(super) fn aggregated(accept: &str) -> bool {
    accept.split(',').any(|entry| {
        ["g=apidiscovery.k8s.io", "v=v2", "as=APIGroupDiscoveryList"]
            .iter()
            .all(|wanted| entry.split(';').any(|part| part.trim() == *wanted))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_known_form_wins() {
        for (accept, expected) in [
            ("", Some(Form::Object)),
            ("*/*", Some(Form::Object)),
            ("application/vnd.kubernetes.protobuf, application/json", Some(Form::Object)),
            ("application/json;as=Table;v=v1;g=meta.k8s.io,application/json", Some(Form::Table)),
            ("application/json;as=Table;v=v1beta1;g=meta.k8s.io,application/json", Some(Form::Object)),
            ("application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1", Some(Form::Metadata)),
            ("application/vnd.kubernetes.protobuf", None),
            ("text/html", None),
        ] {
            assert_eq!(Form::read(accept).ok(), expected, "{accept}");
        }
        assert!(aggregated("application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList,application/json"));
        assert!(!aggregated("application/json;g=apidiscovery.k8s.io;v=v2beta1;as=APIGroupDiscoveryList"));
    }
}
