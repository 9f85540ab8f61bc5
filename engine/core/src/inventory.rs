//! Entries of a layer's inventory, the ConfigMap that lists every object that the layer has applied or is about to apply.
//!
//! Key of an entry: namespace, name, group and kind joined by `__`; value: `<uid> <version>` (uid empty while only intended).

/// One entry.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// Namespace of the object.
    pub namespace: Option<String>,
    /// Its name.
    pub name: String,
    /// Its group; empty for the core group.
    pub group: String,
    /// Its version without the group.
    pub version: String,
    /// Its kind.
    pub kind: String,
    /// Its uid; empty while it is only intended.
    pub uid: String,
}

impl Entry {
    /// `apiVersion` of the object.
    pub fn api_version(&self) -> String {
        if self.group.is_empty() { self.version.clone() } else { format!("{}/{}", self.group, self.version) }
    }

    /// Key and value in the ConfigMap.
    pub fn written(&self) -> (String, String) {
        let namespace = self.namespace.as_deref().unwrap_or_default();
        (format!("{namespace}__{}__{}__{}", escape(&self.name), self.group, self.kind), format!("{} {}", self.uid, self.version))
    }

    /// The entry of a key and a value; `None` if they are none.
    pub fn read(key: &str, value: &str) -> Option<Entry> {
        let mut parts = key.split("__");
        let (namespace, name, group, kind) = (parts.next()?, parts.next()?, parts.next()?, parts.next()?);
        let (uid, version) = value.split_once(' ')?;
        Some(Entry {
            namespace: (!namespace.is_empty()).then(|| namespace.to_owned()),
            name: unescape(name)?,
            group: group.to_owned(),
            version: version.to_owned(),
            kind: kind.to_owned(),
            uid: uid.to_owned(),
        })
    }
}

/// Keys of a ConfigMap take `[-._a-zA-Z0-9]`; names of RBAC objects may hold more. `_` itself is escaped, so that `__` separates.
fn escape(name: &str) -> String {
    let mut out = String::with_capacity(name.len());
    for byte in name.bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'.' => out.push(char::from(byte)),
            other => out.push_str(&format!("_{other:02x}")),
        }
    }
    out
}

fn unescape(text: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((&byte, tail)) = rest.split_first() {
        rest = tail;
        if byte == b'_' {
            let hex = std::str::from_utf8(rest.get(..2)?).ok()?;
            bytes.push(u8::from_str_radix(hex, 16).ok()?);
            rest = rest.get(2..)?;
        } else {
            bytes.push(byte);
        }
    }
    String::from_utf8(bytes).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn entries_come_back() {
        for (namespace, name, group, version, kind) in [
            (None, "shop", "", "v1", "Namespace"),
            (Some("shop"), "web", "apps", "v1", "Deployment"),
            (None, "system:a_b__c", "rbac.authorization.k8s.io", "v1", "ClusterRole"),
            (Some("a"), "_", "", "v1", "ConfigMap"),
        ] {
            let [name, group, version, kind, uid] = [name, group, version, kind, "u-1"].map(str::to_owned);
            let entry = Entry { namespace: namespace.map(str::to_owned), name, group, version, kind, uid };
            let (key, value) = entry.written();
            assert!(key.bytes().all(|b| b.is_ascii_alphanumeric() || b"-._".contains(&b)), "{key}");
            assert_eq!(Entry::read(&key, &value), Some(entry));
        }
        assert_eq!(Entry::read("x", "y"), None);
        assert_eq!(Entry::read("____", "u"), None);
    }
}
