//! The TLS side of a plane. A client certificate is asked for but not demanded; a wrong one is no TLS error but a 401, as with
//! the real server, so the handshake accepts every certificate whose key the client holds, and `Gate::identify` checks the chain.

use std::sync::Arc;

use rustls::client::danger::HandshakeSignatureValid;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, UnixTime};
use rustls::server::WebPkiClientVerifier;
use rustls::server::danger::{ClientCertVerified, ClientCertVerifier};
use rustls::{DigitallySignedStruct, DistinguishedName, RootCertStore, ServerConfig, SignatureScheme};

use super::{Authority, Identity};
use crate::error::Error;

/// TLS configuration of a plane and the check of client certificates.
#[derive(Debug, Clone)]
pub(crate) struct Gate {
    pub config: Arc<ServerConfig>,
    verifier: Arc<dyn ClientCertVerifier>,
}

impl Gate {
    pub fn new(plane: &str, authority: &Authority) -> Result<Gate, Error> {
        let refuse = |reason: String| Error::Certificate { plane: plane.to_owned(), reason };
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let mut roots = RootCertStore::empty();
        for cert in CertificateDer::pem_slice_iter(authority.cert_pem.as_bytes()) {
            let cert = cert.map_err(|error| refuse(error.to_string()))?;
            roots.add(cert).map_err(|error| refuse(error.to_string()))?;
        }
        let verifier = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider.clone())
            .allow_unauthenticated()
            .build()
            .map_err(|error| refuse(error.to_string()))?;
        let (cert_pem, key_pem) = authority.serving_leaf()?;
        let chain = CertificateDer::pem_slice_iter(cert_pem.as_bytes())
            .collect::<Result<Vec<_>, _>>()
            .map_err(|error| refuse(error.to_string()))?;
        let key = PrivateKeyDer::from_pem_slice(key_pem.as_bytes()).map_err(|error| refuse(error.to_string()))?;
        let mut config = ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .map_err(|error| refuse(error.to_string()))?
            .with_client_cert_verifier(Arc::new(LateVerifier(verifier.clone())))
            .with_single_cert(chain, key)
            .map_err(|error| refuse(error.to_string()))?;
        config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
        Ok(Gate { config: Arc::new(config), verifier })
    }

    /// Who a client's certificate chain says it is, if this plane's CA signed it.
    pub fn identify(&self, chain: &[CertificateDer<'_>]) -> Option<Identity> {
        let (leaf, intermediates) = chain.split_first()?;
        self.verifier.verify_client_cert(leaf, intermediates, UnixTime::now()).ok()?;
        Identity::of_certificate(leaf)
    }
}

#[derive(Debug)]
struct LateVerifier(Arc<dyn ClientCertVerifier>);

impl ClientCertVerifier for LateVerifier {
    fn client_auth_mandatory(&self) -> bool {
        false
    }

    fn root_hint_subjects(&self) -> &[DistinguishedName] {
        self.0.root_hint_subjects()
    }

    fn verify_client_cert(
        &self,
        _leaf: &CertificateDer<'_>,
        _intermediates: &[CertificateDer<'_>],
        _now: UnixTime,
    ) -> Result<ClientCertVerified, rustls::Error> {
        Ok(ClientCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        self.0.verify_tls12_signature(message, cert, signed)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        self.0.verify_tls13_signature(message, cert, signed)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.supported_verify_schemes()
    }
}
