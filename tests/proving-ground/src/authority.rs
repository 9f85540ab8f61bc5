//! Certificates: an authority of our own, or one that somebody else made (Cluster API's control plane provider makes RSA keys).

use std::net::{IpAddr, Ipv4Addr};

use data_encoding::BASE64;
use rcgen::{
    BasicConstraints, CertificateParams, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair, KeyUsagePurpose, SanType, date_time_ymd,
};

use crate::error::GroundError;

/// When every certificate that we sign ends, as RFC 3339 has it.
pub(crate) const END: &str = "2049-12-31T00:00:00Z";

/// A certificate authority, as PEM.
#[derive(Clone)]
pub struct Authority {
    certificate: String,
    key: String,
}

/// A certificate and its private key, as PEM.
#[derive(Clone)]
pub struct KeyAndCertificate {
    /// The certificate.
    pub certificate: String,
    /// Its key.
    pub key: String,
}

/// The key pair that signs and checks tokens of service accounts, as PEM.
#[derive(Clone)]
pub struct ServiceAccountKeys {
    /// Signs.
    pub private: String,
    /// Checks.
    pub public: String,
}

impl std::fmt::Debug for Authority {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Authority")
    }
}

impl ServiceAccountKeys {
    /// A new pair.
    ///
    /// # Errors
    /// None in practice.
    pub fn generate() -> Result<ServiceAccountKeys, GroundError> {
        let key = KeyPair::generate().map_err(refused)?;
        Ok(ServiceAccountKeys { private: key.serialize_pem(), public: key.public_key_pem() })
    }
}

impl Authority {
    /// A new self-signed authority.
    ///
    /// # Errors
    /// None in practice.
    pub fn generate() -> Result<Authority, GroundError> {
        let key = KeyPair::generate().map_err(refused)?;
        let mut params = params("kubernetes", "");
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign, KeyUsagePurpose::DigitalSignature];
        let certificate = params.self_signed(&key).map_err(refused)?;
        Ok(Authority { certificate: certificate.pem(), key: key.serialize_pem() })
    }

    /// An authority that somebody else made; the key is PKCS#8, or PKCS#1 for RSA.
    ///
    /// # Errors
    /// The key or the certificate cannot be read.
    pub fn from_pem(certificate: &str, key: &str) -> Result<Authority, GroundError> {
        let authority = Authority { certificate: certificate.to_owned(), key: pkcs8(key)? };
        authority.issuer()?;
        Ok(authority)
    }

    /// Its certificate.
    pub fn certificate(&self) -> &str {
        &self.certificate
    }

    /// Its key, PKCS#8.
    pub fn key(&self) -> &str {
        &self.key
    }

    /// A serving certificate for 127.0.0.1, localhost and these names.
    ///
    /// # Errors
    /// A name is not one.
    pub fn serving(&self, common_name: &str, names: &[&str]) -> Result<KeyAndCertificate, GroundError> {
        let mut params = params(common_name, "");
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
        params.subject_alt_names.push(SanType::IpAddress(IpAddr::V4(Ipv4Addr::LOCALHOST)));
        for name in names.iter().chain(&["localhost"]) {
            params.subject_alt_names.push(SanType::DnsName((*name).try_into().map_err(refused)?));
        }
        self.sign(params)
    }

    /// A client certificate; the organization is the user's group, empty for none.
    ///
    /// # Errors
    /// None in practice.
    pub fn client(&self, user: &str, group: &str) -> Result<KeyAndCertificate, GroundError> {
        let mut params = params(user, group);
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
        self.sign(params)
    }

    fn sign(&self, mut params: CertificateParams) -> Result<KeyAndCertificate, GroundError> {
        params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        params.use_authority_key_identifier_extension = true;
        let key = KeyPair::generate().map_err(refused)?;
        let certificate = params.signed_by(&key, &self.issuer()?).map_err(refused)?;
        Ok(KeyAndCertificate { certificate: certificate.pem(), key: key.serialize_pem() })
    }

    fn issuer(&self) -> Result<Issuer<'static, KeyPair>, GroundError> {
        let key = KeyPair::from_pem(&self.key).map_err(refused)?;
        Issuer::from_ca_cert_pem(&self.certificate, key).map_err(refused)
    }
}

fn params(common_name: &str, organization: &str) -> CertificateParams {
    let mut params = CertificateParams::default();
    params.distinguished_name.push(DnType::CommonName, common_name);
    if !organization.is_empty() {
        params.distinguished_name.push(DnType::OrganizationName, organization);
    }
    params.not_before = date_time_ymd(2020, 1, 1);
    params.not_after = date_time_ymd(2049, 12, 31);
    params
}

fn refused(error: rcgen::Error) -> GroundError {
    GroundError::Certificate(error.to_string())
}

/// Wraps an RSA key of PKCS#1 (RFC 8017, A.1.2) as PKCS#8 (RFC 5208, 5); another key is what it is.
fn pkcs8(pem: &str) -> Result<String, GroundError> {
    const ALGORITHM_AND_VERSION: [u8; 18] =
        [0x02, 0x01, 0x00, 0x30, 0x0d, 0x06, 0x09, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, 0x01, 0x05, 0x00];
    let Some((_, rest)) = pem.split_once("-----BEGIN RSA PRIVATE KEY-----") else { return Ok(pem.to_owned()) };
    let body: String = rest.split("-----").next().unwrap_or_default().split_whitespace().collect();
    let inner = BASE64.decode(body.as_bytes()).map_err(|error| GroundError::Certificate(error.to_string()))?;
    let mut content = ALGORITHM_AND_VERSION.to_vec();
    content.extend(der(0x04, &inner));
    let lines: Vec<String> =
        BASE64.encode(&der(0x30, &content)).as_bytes().chunks(64).map(|line| String::from_utf8_lossy(line).into_owned()).collect();
    Ok(format!("-----BEGIN PRIVATE KEY-----\n{}\n-----END PRIVATE KEY-----\n", lines.join("\n")))
}

/// Tag, length and content (X.690, 8.1).
fn der(tag: u8, content: &[u8]) -> Vec<u8> {
    let length = content.len().to_be_bytes();
    let short: Vec<u8> = length.iter().copied().skip_while(|byte| *byte == 0).collect();
    let mut out = vec![tag];
    match (content.len(), short.len().try_into()) {
        (0..=0x7f, _) | (_, Err(_)) => out.push(short.first().copied().unwrap_or_default()),
        (_, Ok(bytes)) => {
            let bytes: u8 = bytes;
            out.push(0x80 | bytes);
            out.extend(short);
        }
    }
    out.extend(content);
    out
}
