//! A folder over HTTPS on loopback, with an authority of its own: what a server of component repositories is to a client.

use std::io::{BufRead, BufReader, Write};
use std::net::TcpListener;
use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use rustls::pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};

/// The server; it ends with the test's process.
pub struct Web {
    port: u16,
    authority: String,
    asked: Arc<Mutex<Vec<String>>>,
    failures: Arc<AtomicUsize>,
}

impl Web {
    /// Serves a folder. What is asked for below `/moved/` is answered with where it is.
    pub fn serve(folder: &Path) -> Web {
        let key = rcgen::KeyPair::generate().expect("a key");
        let mut parameters = rcgen::CertificateParams::new(vec!["localhost".to_owned()]).expect("parameters");
        parameters.is_ca = rcgen::IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
        let authority = parameters.self_signed(&key).expect("an authority");
        let leaf_key = rcgen::KeyPair::generate().expect("a key");
        let issuer = rcgen::Issuer::new(parameters, key);
        let leaf = rcgen::CertificateParams::new(vec!["localhost".to_owned()]).expect("parameters");
        let leaf = leaf.signed_by(&leaf_key, &issuer).expect("a certificate");
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let versions = rustls::ServerConfig::builder_with_provider(provider).with_safe_default_protocol_versions().expect("versions");
        let secret = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(leaf_key.serialize_der()));
        let config = versions.with_no_client_auth().with_single_cert(vec![leaf.der().clone()], secret).expect("a configuration");
        let listener = TcpListener::bind(("127.0.0.1", 0)).expect("a port");
        let port = listener.local_addr().expect("its address").port();
        let web = Web { port, authority: authority.pem(), asked: Arc::default(), failures: Arc::default() };
        let (asked, failures, config, folder) = (web.asked.clone(), web.failures.clone(), Arc::new(config), folder.to_path_buf());
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let connection = rustls::ServerConnection::new(config.clone()).expect("a connection");
                if answer(rustls::StreamOwned::new(connection, stream), &folder, &asked).is_err() {
                    failures.fetch_add(1, Ordering::SeqCst);
                }
            }
        });
        web
    }

    /// `https://localhost:PORT`.
    pub fn address(&self) -> String {
        format!("https://localhost:{}", self.port)
    }

    /// The certificate of its authority, PEM.
    pub fn authority(&self) -> &str {
        &self.authority
    }

    /// The paths that were asked for since the last time.
    pub fn asked(&self) -> Vec<String> {
        std::mem::take(&mut self.asked.lock().expect("not poisoned"))
    }

    /// Connections that ended before there was a question: clients that do not trust the authority.
    pub fn failures(&self) -> usize {
        self.failures.load(Ordering::SeqCst)
    }
}

fn answer(
    mut stream: rustls::StreamOwned<rustls::ServerConnection, std::net::TcpStream>,
    folder: &Path,
    asked: &Mutex<Vec<String>>,
) -> std::io::Result<()> {
    let mut lines = BufReader::new(&mut stream).lines();
    let first = lines.next().ok_or(std::io::ErrorKind::UnexpectedEof)??;
    while lines.next().transpose()?.is_some_and(|line| !line.is_empty()) {}
    let path = first.split(' ').nth(1).unwrap_or("/").to_owned();
    asked.lock().expect("not poisoned").push(path.clone());
    let head = |status: &str, more: &str, length: usize| {
        format!("HTTP/1.1 {status}\r\n{more}Content-Length: {length}\r\nConnection: close\r\n\r\n").into_bytes()
    };
    let body = match path.strip_prefix("/moved/") {
        Some(rest) => head("302 Found", &format!("Location: /{rest}\r\n"), 0),
        None => match std::fs::read(folder.join(path.trim_start_matches('/'))) {
            Ok(bytes) => [head("200 OK", "", bytes.len()), bytes].concat(),
            Err(_) => head("404 Not Found", "", 0),
        },
    };
    stream.write_all(&body)?;
    stream.conn.send_close_notify();
    stream.flush()
}
