//! Keys and certificates of a cluster as kubeadm lays them out, and the kubeconfig signed by its CA.

use rcgen::{
    BasicConstraints, CertificateParams, DistinguishedName, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair, KeyUsagePurpose,
    SerialNumber,
};
use serde_json::json;

use crate::plane::Result;

/// Key and certificate (or public key), PEM.
#[derive(Clone)]
pub struct Pair {
    /// `tls.crt`.
    pub certificate: String,
    /// `tls.key`.
    pub key: String,
}

/// A self-signed CA of ten years.
pub fn authority(name: &str, now: jiff::Timestamp) -> Result<Pair> {
    let key = KeyPair::generate()?;
    let mut params = CertificateParams::default();
    params.distinguished_name = named(&[(DnType::CommonName, name)]);
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    params.key_usages = vec![KeyUsagePurpose::DigitalSignature, KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::KeyEncipherment];
    validity(&mut params, now, 3650);
    let certificate = params.self_signed(&key)?;
    Ok(Pair { certificate: certificate.pem(), key: key.serialize_pem() })
}

/// The key pair that signs ServiceAccount tokens: its "certificate" is the public key.
pub fn account_keys() -> Result<Pair> {
    let key = KeyPair::generate()?;
    Ok(Pair { certificate: key.public_key_pem(), key: key.serialize_pem() })
}

/// An administrator's kubeconfig for `server`, valid for a year.
pub fn kubeconfig(cluster: &str, server: &str, authority: &Pair, now: jiff::Timestamp) -> Result<String> {
    let key = KeyPair::generate()?;
    let mut params = CertificateParams::default();
    params.distinguished_name = named(&[(DnType::OrganizationName, "system:masters"), (DnType::CommonName, "kubernetes-admin")]);
    params.key_usages = vec![KeyUsagePurpose::DigitalSignature, KeyUsagePurpose::KeyEncipherment];
    params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
    params.serial_number = Some(SerialNumber::from_slice(uuid::Uuid::new_v4().as_bytes()));
    validity(&mut params, now, 365);
    let issuer = Issuer::from_ca_cert_pem(&authority.certificate, KeyPair::from_pem(&authority.key)?)?;
    let certificate = params.signed_by(&key, &issuer)?;
    let encode = |text: &str| data_encoding::BASE64.encode(text.as_bytes());
    let (user, context) = (format!("{cluster}-admin"), format!("{cluster}-admin@{cluster}"));
    let kubeconfig = json!({
        "apiVersion": "v1", "kind": "Config", "preferences": {}, "current-context": context,
        "clusters": [{"name": cluster, "cluster": {"server": server, "certificate-authority-data": encode(&authority.certificate)}}],
        "users": [{"name": user, "user": {"client-certificate-data": encode(&certificate.pem()), "client-key-data": encode(&key.serialize_pem())}}],
        "contexts": [{"name": context, "context": {"cluster": cluster, "user": user}}],
    });
    // JSON is YAML.
    Ok(serde_json::to_string_pretty(&kubeconfig)?)
}

fn named(parts: &[(DnType, &str)]) -> DistinguishedName {
    let mut name = DistinguishedName::new();
    for (kind, value) in parts {
        name.push(kind.clone(), *value);
    }
    name
}

fn validity(params: &mut CertificateParams, now: jiff::Timestamp, days: i64) {
    let date = |timestamp: jiff::Timestamp| {
        let date = timestamp.to_zoned(jiff::tz::TimeZone::UTC).date();
        rcgen::date_time_ymd(i32::from(date.year()), u8::try_from(date.month()).unwrap_or(1), u8::try_from(date.day()).unwrap_or(1))
    };
    let shifted = |days: i64| now.checked_add(jiff::SignedDuration::from_hours(24 * days)).unwrap_or(now);
    params.not_before = date(shifted(-1));
    params.not_after = date(shifted(days));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_kubeconfig_is_signed_by_any_authority() {
        let now = jiff::Timestamp::from_second(1_790_000_000).expect("time");
        let own = authority("my own CA", now).expect("authority");
        let text = kubeconfig("shop", "https://127.0.0.1:6443", &own, now).expect("kubeconfig");
        let parsed = kube::config::Kubeconfig::from_yaml(&text).expect("kubeconfig");
        assert_eq!(crate::plane::server_of(&parsed).as_deref(), Some("https://127.0.0.1:6443"));
        let again = kubeconfig("shop", "https://127.0.0.1:6443", &own, now).expect("kubeconfig");
        assert_ne!(text, again);
    }
}
