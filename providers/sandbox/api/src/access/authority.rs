//! A plane's certificate authority and what it signs. Knows no sockets.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use rcgen::{
    BasicConstraints, CertificateParams, DistinguishedName, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair, KeyUsagePurpose,
    SanType, date_time_ymd,
};

use crate::error::Error;

/// Certificate and key of a plane's CA, as PEM.
#[derive(Clone)]
pub(crate) struct Authority {
    pub cert_pem: String,
    pub key_pem: String,
    plane: String,
}

impl std::fmt::Debug for Authority {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Authority({})", self.plane)
    }
}

impl Authority {
    /// A new self-signed authority.
    pub fn generate(plane: &str) -> Result<Authority, Error> {
        let key = KeyPair::generate().map_err(|error| refused(plane, error))?;
        let mut params = CertificateParams::default();
        params.distinguished_name = subject("kubernetes");
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign, KeyUsagePurpose::DigitalSignature];
        valid_for_a_long_time(&mut params);
        let cert = params.self_signed(&key).map_err(|error| refused(plane, error))?;
        Ok(Authority { cert_pem: cert.pem(), key_pem: key.serialize_pem(), plane: plane.to_owned() })
    }

    /// An authority that somebody else made; the key must belong to the certificate's algorithm.
    pub fn from_pem(plane: &str, cert_pem: &str, key_pem: &str) -> Result<Authority, Error> {
        let authority = Authority { cert_pem: cert_pem.to_owned(), key_pem: key_pem.to_owned(), plane: plane.to_owned() };
        authority.issuer()?;
        Ok(authority)
    }

    /// A serving certificate for the plane's addresses: chain PEM and key PEM.
    pub fn serving_leaf(&self) -> Result<(String, String), Error> {
        let mut params = CertificateParams::default();
        params.distinguished_name = subject("kube-apiserver");
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
        let names = ["localhost", "kubernetes", "kubernetes.default", "kubernetes.default.svc", "kubernetes.default.svc.cluster.local"];
        for name in names {
            let name = name.try_into().map_err(|error| refused(&self.plane, error))?;
            params.subject_alt_names.push(SanType::DnsName(name));
        }
        for address in [IpAddr::V4(Ipv4Addr::LOCALHOST), IpAddr::V6(Ipv6Addr::LOCALHOST)] {
            params.subject_alt_names.push(SanType::IpAddress(address));
        }
        self.sign(params)
    }

    fn sign(&self, mut params: CertificateParams) -> Result<(String, String), Error> {
        params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        params.use_authority_key_identifier_extension = true;
        valid_for_a_long_time(&mut params);
        let key = KeyPair::generate().map_err(|error| refused(&self.plane, error))?;
        let cert = params.signed_by(&key, &self.issuer()?).map_err(|error| refused(&self.plane, error))?;
        Ok((cert.pem(), key.serialize_pem()))
    }

    fn issuer(&self) -> Result<Issuer<'static, KeyPair>, Error> {
        let key = KeyPair::from_pem(&self.key_pem).map_err(|error| refused(&self.plane, error))?;
        Issuer::from_ca_cert_pem(&self.cert_pem, key).map_err(|error| refused(&self.plane, error))
    }
}

/// Fixed dates: the certificates must hold under a frozen clock and after years in a folder.
fn valid_for_a_long_time(params: &mut CertificateParams) {
    params.not_before = date_time_ymd(2020, 1, 1);
    params.not_after = date_time_ymd(2049, 12, 31);
}

fn subject(common_name: &str) -> DistinguishedName {
    let mut name = DistinguishedName::new();
    name.push(DnType::CommonName, common_name);
    name
}

fn refused(plane: &str, error: rcgen::Error) -> Error {
    Error::Certificate { plane: plane.to_owned(), reason: error.to_string() }
}
