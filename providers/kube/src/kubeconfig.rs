//! Kubeconfigs: which are trusted with what, whom they reach, and when their certificate ends. Knows no plane.

use std::path::{Path, PathBuf};

use data_encoding::BASE64;
use kube::config::{KubeConfigOptions, Kubeconfig};
use serde_json::Value as Json;

use crate::error::ApiError;

/// Where a kubeconfig's text comes from, which decides what it may do on this machine.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Origin {
    /// The user named it: it may start programs and read files.
    User,
    /// A Secret in some API: it may not.
    Secret,
}

/// What a kubeconfig says of its server.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Server {
    /// URL.
    pub url: String,
    /// CA certificate, PEM; empty if none is embedded.
    pub ca_certificate: String,
}

/// Reads a kubeconfig; one from a Secret must not name programs or files.
pub fn read(text: &str, origin: Origin) -> Result<Kubeconfig, ApiError> {
    // Parse errors of YAML quote the text, which is a credential: only the fact is told.
    let config = Kubeconfig::from_yaml(text).map_err(|_| ApiError::NoAccess("the kubeconfig is no valid YAML of that kind".to_owned()))?;
    if origin == Origin::Secret {
        refuse_programs_and_files(&config)?;
    }
    Ok(config)
}

/// Kubeconfigs that a user names, by path, merged as kubectl merges those of KUBECONFIG: what is named first counts.
pub fn merged(texts: &[(PathBuf, String)]) -> Result<Kubeconfig, ApiError> {
    let mut all = Kubeconfig::default();
    for (path, text) in texts {
        let in_file = |error: &dyn std::fmt::Display| ApiError::NoAccess(format!("{}: {error}", path.display()));
        let mut config = read(text, Origin::User).map_err(|error| in_file(&error))?;
        anchor_files(&mut config, path);
        all = all.merge(config).map_err(|error| in_file(&error))?;
    }
    Ok(all)
}

/// Relative file names in a kubeconfig are meant from the folder it stands in (as client-go reads them).
fn anchor_files(config: &mut kube::config::Kubeconfig, path: &Path) {
    let Some(folder) = path.parent() else { return };
    let anchor = |file: &mut Option<String>| {
        if let Some(name) = file {
            *name = folder.join(&name).to_string_lossy().into_owned();
        }
    };
    for user in config.auth_infos.iter_mut().filter_map(|named| named.auth_info.as_mut()) {
        anchor(&mut user.client_certificate);
        anchor(&mut user.client_key);
        anchor(&mut user.token_file);
    }
    for cluster in config.clusters.iter_mut().filter_map(|named| named.cluster.as_mut()) {
        anchor(&mut cluster.certificate_authority);
    }
}

/// What keeps kubeconfigs that a user names from opening anything: nothing of this is cured by waiting.
pub fn fault(texts: &[(PathBuf, String)], context: Option<&str>) -> Option<String> {
    let config = match merged(texts) {
        Ok(config) => config,
        Err(error) => return Some(error.to_string()),
    };
    let names: Vec<String> = texts.iter().map(|(path, _)| path.display().to_string()).collect();
    opens_nothing(&config, context).map(|fault| format!("{}: {fault}", names.join(", ")))
}

fn opens_nothing(config: &Kubeconfig, context: Option<&str>) -> Option<String> {
    let known: Vec<&str> = config.contexts.iter().map(|named| named.name.as_str()).collect();
    let Some(name) = context.or(config.current_context.as_deref()).filter(|name| !name.is_empty()) else {
        return Some(format!("the kubeconfig has no current context; it has {}", listed(&known)));
    };
    let Some(named) = config.contexts.iter().find(|named| named.name == name) else {
        return Some(format!("the kubeconfig has no context {name:?}; it has {}", listed(&known)));
    };
    let cluster = named.context.as_ref().map(|context| context.cluster.as_str()).unwrap_or_default();
    let address = config.clusters.iter().find(|named| named.name == cluster).and_then(|named| named.cluster.as_ref()?.server.as_ref());
    address.is_none().then(|| format!("the kubeconfig's context {name:?} names cluster {cluster:?}, which has no server in it"))
}

fn listed(names: &[&str]) -> String {
    if names.is_empty() { "none".to_owned() } else { names.join(", ") }
}

fn refuse_programs_and_files(config: &Kubeconfig) -> Result<(), ApiError> {
    let refuse = |what: &str| {
        Err(ApiError::NoAccess(format!(
            "the kubeconfig stands in a Secret and has `{what}`, which is refused: only one that you name may have it"
        )))
    };
    for user in config.auth_infos.iter().filter_map(|named| named.auth_info.as_ref()) {
        let forbidden = [
            (user.exec.is_some(), "exec"),
            (user.auth_provider.is_some(), "auth-provider"),
            (user.token_file.is_some(), "tokenFile"),
            (user.client_certificate.is_some(), "client-certificate"),
            (user.client_key.is_some(), "client-key"),
        ];
        if let Some((_, what)) = forbidden.into_iter().find(|(is, _)| *is) {
            return refuse(what);
        }
    }
    for cluster in config.clusters.iter().filter_map(|named| named.cluster.as_ref()) {
        if cluster.certificate_authority.is_some() {
            return refuse("certificate-authority");
        }
        if cluster.proxy_url.is_some() {
            return refuse("proxy-url");
        }
    }
    Ok(())
}

/// The server of the chosen (or current) context.
pub fn server(config: &Kubeconfig, context: Option<&str>) -> Server {
    let context = context.or(config.current_context.as_deref());
    let named = config.contexts.iter().find(|c| Some(c.name.as_str()) == context).or(config.contexts.first());
    let name = named.and_then(|c| c.context.as_ref()).map(|c| c.cluster.as_str());
    let cluster = config.clusters.iter().find(|c| Some(c.name.as_str()) == name).and_then(|c| c.cluster.as_ref());
    let Some(cluster) = cluster else { return Server::default() };
    let pem = cluster.certificate_authority_data.as_deref().and_then(|data| BASE64.decode(data.as_bytes()).ok());
    Server {
        url: cluster.server.clone().unwrap_or_default(),
        ca_certificate: pem.and_then(|pem| String::from_utf8(pem).ok()).unwrap_or_default(),
    }
}

/// A client of the chosen context: no retries of its own, and a short patience for connecting.
pub async fn client(config: Kubeconfig, context: Option<&str>) -> Result<kube::Client, ApiError> {
    let refused =
        |error: &dyn std::error::Error| ApiError::NoAccess(format!("the kubeconfig cannot be used: {}", crate::plane::chain(error)));
    let options = KubeConfigOptions { context: context.map(str::to_owned), ..KubeConfigOptions::default() };
    let config = kube::Config::from_custom_kubeconfig(config, &options).await.map_err(|error| refused(&error))?;
    client_of(config)
}

/// The same from a finished configuration (the agent's own).
pub fn client_of(mut config: kube::Config) -> Result<kube::Client, ApiError> {
    let _ = rustls::crypto::ring::default_provider().install_default();
    config.default_retry = false;
    config.connect_timeout = Some(std::time::Duration::from_secs(5));
    kube::Client::try_from(config)
        .map_err(|error| ApiError::NoAccess(format!("the kubeconfig cannot be used: {}", crate::plane::chain(&error))))
}

/// Text of a key of a v1 Secret.
pub fn secret_text(secret: &Json, key: &str) -> Option<String> {
    let data = secret.get("data")?.get(key)?.as_str()?;
    String::from_utf8(BASE64.decode(data.as_bytes()).ok()?).ok()
}

/// Whole days until the embedded client certificate ends, negative if it has; `None` if there is none.
pub fn certificate_days(text: &str, now: jiff::Timestamp) -> Option<i64> {
    let config = Kubeconfig::from_yaml(text).ok()?;
    let user = config.auth_infos.iter().find_map(|named| named.auth_info.as_ref()?.client_certificate_data.clone())?;
    let pem = String::from_utf8(BASE64.decode(user.as_bytes()).ok()?).ok()?;
    let end = certificate_end(&pem)?;
    Some((end.as_second() - now.as_second()).div_euclid(86_400))
}

/// `notAfter` of the first certificate of a PEM text (RFC 5280, 4.1).
fn certificate_end(pem: &str) -> Option<jiff::Timestamp> {
    let body: String =
        pem.lines().skip_while(|line| !line.starts_with("-----BEGIN")).skip(1).take_while(|line| !line.starts_with("-----END")).collect();
    let der = BASE64.decode(body.trim().as_bytes()).ok()?;
    let (_, certificate, _) = element(&der)?;
    let (_, mut fields, _) = element(certificate)?;
    // [0] version (optional), serial, algorithm, issuer, validity
    let (tag, _, rest) = element(fields)?;
    if tag == 0xa0 {
        fields = rest;
    }
    for _ in 0..3 {
        (_, _, fields) = element(fields)?;
    }
    let (_, validity, _) = element(fields)?;
    let (_, _, end) = element(validity)?;
    let (tag, time, _) = element(end)?;
    asn1_time(tag, std::str::from_utf8(time).ok()?)
}

/// Tag, content and what follows of one DER element.
fn element(der: &[u8]) -> Option<(u8, &[u8], &[u8])> {
    let (&tag, rest) = der.split_first()?;
    let (&first, mut rest) = rest.split_first()?;
    let mut length = usize::from(first);
    if first & 0x80 != 0 {
        let count = usize::from(first & 0x7f);
        if count > 4 {
            return None;
        }
        length = 0;
        for _ in 0..count {
            let (&byte, tail) = rest.split_first()?;
            length = length << 8 | usize::from(byte);
            rest = tail;
        }
    }
    Some((tag, rest.get(..length)?, rest.get(length..)?))
}

fn asn1_time(tag: u8, text: &str) -> Option<jiff::Timestamp> {
    // UTCTime has two digits for the year: 50-99 are 19xx (RFC 5280, 4.1.2.5.1).
    let full = match tag {
        0x17 if text.get(..2)? >= "50" => format!("19{text}"),
        0x17 => format!("20{text}"),
        _ => text.to_owned(),
    };
    let part = |range: std::ops::Range<usize>| full.get(range);
    let iso = format!("{}-{}-{}T{}:{}:{}Z", part(0..4)?, part(4..6)?, part(6..8)?, part(8..10)?, part(10..12)?, part(12..14)?);
    iso.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn config(user: &str, cluster: &str) -> String {
        format!(
            "apiVersion: v1\nkind: Config\ncurrent-context: a\ncontexts: [{{name: a, context: {{cluster: c, user: u}}}}]\n\
             clusters: [{{name: c, cluster: {{server: 'https://h:1', {cluster}}}}}]\nusers: [{{name: u, user: {{{user}}}}}]\n"
        )
    }

    #[test]
    fn a_kubeconfig_of_a_secret_names_no_program_and_no_file() {
        for (user, cluster, word) in [
            ("exec: {command: x, apiVersion: v1}", "", "exec"),
            ("auth-provider: {name: x, config: {}}", "", "auth-provider"),
            ("tokenFile: /x", "", "tokenFile"),
            ("client-certificate: /x", "", "client-certificate"),
            ("client-key: /x", "", "client-key"),
            ("token: t", "certificate-authority: /x", "certificate-authority"),
            ("token: t", "proxy-url: http://x", "proxy-url"),
        ] {
            let text = config(user, cluster);
            let error = read(&text, Origin::Secret).expect_err(word);
            assert!(error.to_string().contains(&format!("`{word}`")), "{error}");
            assert!(read(&text, Origin::User).is_ok(), "{word}");
        }
        assert!(read(&config("token: t", ""), Origin::Secret).is_ok());
    }

    #[test]
    fn a_broken_kubeconfig_is_not_quoted() {
        let error = read("users: [token: hunter2", Origin::Secret).expect_err("broken");
        assert!(!error.to_string().contains("hunter2"));
    }

    #[test]
    fn the_server_is_that_of_the_context() {
        let ca = BASE64.encode(b"PEM");
        let config = read(&config("token: t", &format!("certificate-authority-data: {ca}")), Origin::Secret).expect("read");
        assert_eq!(server(&config, None), Server { url: "https://h:1".into(), ca_certificate: "PEM".into() });
    }

    #[test]
    fn times_of_certificates_are_read() {
        for (tag, text, expected) in [
            (0x17, "261122120000Z", "2026-11-22T12:00:00Z"),
            (0x17, "991122120000Z", "1999-11-22T12:00:00Z"),
            (0x18, "20510101000000Z", "2051-01-01T00:00:00Z"),
        ] {
            assert_eq!(asn1_time(tag, text).map(|t| t.to_string()).as_deref(), Some(expected));
        }
        assert_eq!(asn1_time(0x17, "2611"), None);
        assert_eq!(element(&[0x30, 0x84]), None);
    }
}
