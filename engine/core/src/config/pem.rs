//! PEM texts (RFC 7468) as users give them: what stands in one, by its labels and outer shape. Checks no name, no date and no signature, and
//! repeats nothing of a text.

use data_encoding::{BASE64, HEXLOWER};
use sha2::{Digest, Sha256};

use super::der::{BIT_STRING, INTEGER, OCTET_STRING, SEQUENCE, inside};

/// Label of a certificate's block.
const CERTIFICATE: &str = "CERTIFICATE";

/// Why a text is not what is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// There is no block in it that begins and ends on lines of its own.
    NoBlock,
    /// A block is cut off, is not base64, or does not have the shape that its label says.
    Broken,
    /// A private key stands where certificates are asked for.
    PrivateKey,
    /// Something else than certificates stands there.
    NoCertificate,
    /// No private key stands where one is asked for.
    NoPrivateKey,
    /// The key can be read with a passphrase only.
    Passphrase,
    /// Something stands beside the one key.
    NotAlone,
}

impl Fault {
    /// End of a sentence that begins with what was given: `… is no PEM text`.
    pub fn words(self) -> &'static str {
        match self {
            Fault::NoBlock => "is no PEM text",
            Fault::Broken => "is damaged PEM",
            Fault::PrivateKey => "holds a private key",
            Fault::NoCertificate => "holds something else than certificates",
            Fault::NoPrivateKey => "holds no private key of a kind that Kubernetes reads",
            Fault::Passphrase => "is locked with a passphrase",
            Fault::NotAlone => "holds something beside one private key",
        }
    }

    /// What to do.
    pub fn hint(self) -> &'static str {
        match self {
            Fault::NoBlock => {
                "give the text of a PEM file, with its lines: `file(\"FILE.pem\")`; `-----BEGIN …-----` stands at the begin of a line"
            }
            Fault::Broken => "give the whole text of a PEM file, from `-----BEGIN …-----` to `-----END …-----`",
            Fault::PrivateKey => {
                "give the certificates alone: what stands here is shown in plans and kept in the state; keys have attributes of their own"
            }
            Fault::NoCertificate => "give one or more blocks of `-----BEGIN CERTIFICATE-----`",
            Fault::NoPrivateKey => {
                "give a key in PKCS#8 (`BEGIN PRIVATE KEY`), PKCS#1 (`BEGIN RSA PRIVATE KEY`) or SEC 1 (`BEGIN EC PRIVATE KEY`)"
            }
            Fault::Passphrase => "nobody could type it when a machine boots; give the key without it: `openssl pkey -in FILE -out FILE`",
            Fault::NotAlone => "give the key alone",
        }
    }
}

/// SHA-256 of each certificate in a text, as `openssl x509 -fingerprint -sha256` computes it, in lower case and without colons.
///
/// # Errors
/// The text holds no certificate, or anything beside certificates.
pub fn certificates(text: &str) -> Result<Vec<String>, Fault> {
    // However damaged it is, a key must not pass for a text that may be shown.
    if text.contains("PRIVATE KEY-----") {
        return Err(Fault::PrivateKey);
    }
    let blocks = blocks(text)?;
    if blocks.iter().any(|block| block.label != CERTIFICATE) {
        return Err(Fault::NoCertificate);
    }
    // Readers in Go pass over certificates with headers.
    if blocks.iter().any(|block| block.headers || tags(&block.der).as_deref() != Some(&[SEQUENCE, SEQUENCE, BIT_STRING])) {
        return Err(Fault::Broken);
    }
    Ok(blocks.iter().map(|block| HEXLOWER.encode(&Sha256::digest(&block.der))).collect())
}

/// Whether a text is one private key that can be read as it is; parameters of its curve may stand before it, as OpenSSL writes them.
///
/// # Errors
/// The text is no such key.
pub fn private_key(text: &str) -> Result<(), Fault> {
    let blocks = blocks(text)?;
    if blocks.iter().any(|block| block.locked || block.label == "ENCRYPTED PRIVATE KEY") {
        return Err(Fault::Passphrase);
    }
    let mut keys = blocks.iter().filter(|block| block.label != "EC PARAMETERS");
    let (Some(key), rest) = (keys.next(), keys.next()) else { return Err(Fault::NoPrivateKey) };
    if rest.is_some() {
        return Err(if blocks.iter().any(|block| block.label.ends_with("PRIVATE KEY")) { Fault::NotAlone } else { Fault::NoPrivateKey });
    }
    let begins: &[u8] = match key.label {
        "PRIVATE KEY" => &[INTEGER, SEQUENCE, OCTET_STRING],
        "RSA PRIVATE KEY" => &[INTEGER; 9],
        "EC PRIVATE KEY" => &[INTEGER, OCTET_STRING],
        _ => return Err(Fault::NoPrivateKey),
    };
    match tags(&key.der) {
        Some(tags) if tags.starts_with(begins) => Ok(()),
        _ => Err(Fault::Broken),
    }
}

/// Content of the first block whose label ends with this; `None`: there is none, or the text is damaged.
pub fn first_block(text: &str, label: &str) -> Option<Vec<u8>> {
    blocks(text).ok()?.into_iter().find(|block| block.label.ends_with(label)).map(|block| block.der)
}

/// Tags of what a DER sequence holds.
fn tags(der: &[u8]) -> Option<Vec<u8>> {
    Some(inside(der)?.iter().map(|(tag, _)| *tag).collect())
}

/// What stands between two boundaries.
struct Block<'t> {
    label: &'t str,
    der: Vec<u8>,
    /// Lines with a name and a colon stand before the content.
    headers: bool,
    /// One of them says that the content is encrypted.
    locked: bool,
}

/// The blocks of a text, at least one; what stands between them is passed over.
fn blocks(text: &str) -> Result<Vec<Block<'_>>, Fault> {
    let mut blocks = Vec::new();
    let mut lines = text.lines().map(str::trim_end);
    while let Some(line) = lines.next() {
        let Some(label) = boundary(line, "-----BEGIN ") else { continue };
        let (mut body, mut headers, mut locked) = (String::new(), false, false);
        loop {
            let line = lines.next().ok_or(Fault::Broken)?;
            if let Some(end) = boundary(line, "-----END ") {
                if end != label {
                    return Err(Fault::Broken);
                }
                break;
            }
            match line.split_once(':') {
                Some((name, value)) => {
                    headers = true;
                    locked |= name == "Proc-Type" && value.contains("ENCRYPTED");
                }
                None => body.extend(line.chars().filter(|c| !c.is_whitespace())),
            }
        }
        let der = BASE64.decode(body.as_bytes()).map_err(|_| Fault::Broken)?;
        blocks.push(Block { label, der, headers, locked });
    }
    if blocks.is_empty() { Err(Fault::NoBlock) } else { Ok(blocks) }
}

fn boundary<'t>(line: &'t str, begin: &str) -> Option<&'t str> {
    line.strip_prefix(begin)?.strip_suffix("-----").filter(|label| !label.contains("-----"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn block(label: &str, body: &str) -> String {
        format!("-----BEGIN {label}-----\n{body}\n-----END {label}-----\n")
    }

    /// A sequence of two sequences and a bit string, as certificates are; and the same with one sequence.
    const CERT: &str = "MAcwADAAAwEA";
    const SHORT: &str = "MAUwAAMBAA==";
    const PKCS8: &str = "MAcCAQAwAAQA";
    const SEC1: &str = "MAUCAQEEAA==";
    const PKCS1: &str = "MBsCAQACAQACAQACAQACAQACAQACAQACAQACAQA=";

    /// `openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -subj /CN=etcd-ca`
    const AUTHORITY: &str = "MIIBezCCASGgAwIBAgIUeoCveJyfIIgdDNmAnnVfSDhJoAMwCgYIKoZIzj0EAwIw\n\
        EjEQMA4GA1UEAwwHZXRjZC1jYTAgFw0yNjExMjMwNzQ1MjlaGA8yMTI2MTAzMDA3\n\
        NDUyOVowEjEQMA4GA1UEAwwHZXRjZC1jYTBZMBMGByqGSM49AgEGCCqGSM49AwEH\n\
        A0IABIEkEIuvulQJptUCcm6n9kFIpRjEKzq9FH/6+ler9MonjpK/LZB7jt4bsH8f\n\
        MKLmF54ZVhJQxOd9BNiYg7WR7C6jUzBRMB0GA1UdDgQWBBRuCQ/Uzn66ME+T4chF\n\
        9U/uYhBC/zAfBgNVHSMEGDAWgBRuCQ/Uzn66ME+T4chF9U/uYhBC/zAPBgNVHRMB\n\
        Af8EBTADAQH/MAoGCCqGSM49BAMCA0gAMEUCICtjkFqDPVxg2WdjVR8i/tfa+/91\n\
        qFe79EhJGp2lMvM5AiEAs+3aS+9xzjx0IvT1ZhPyd0NrGxnO6aLYlM62siBwX24=";

    #[test]
    fn certificates_are_told_from_other_texts() {
        let cert = block("CERTIFICATE", CERT);
        let both = format!("subject=CN = etcd\n{cert}issuer: somebody\r\n{}", cert.replace('\n', "\r\n"));
        for (text, expected) in [
            (cert.clone(), Ok(1)),
            (both, Ok(2)),
            (block("CERTIFICATE", " MAcwADAA\n AwEA"), Ok(1)),
            (String::new(), Err(Fault::NoBlock)),
            ("etcd-ca.crt".to_owned(), Err(Fault::NoBlock)),
            (cert.replace('\n', " "), Err(Fault::NoBlock)),
            (cert.replace("-----BEGIN", "  -----BEGIN"), Err(Fault::NoBlock)),
            (cert.replace("-----END CERTIFICATE-----", ""), Err(Fault::Broken)),
            (cert.replace("-----END CERTIFICATE", "-----END OTHER"), Err(Fault::Broken)),
            (block("CERTIFICATE", "MAcwADAAAwE"), Err(Fault::Broken)),
            (block("CERTIFICATE", SHORT), Err(Fault::Broken)),
            (block("CERTIFICATE", "MAcwADAAAwEAAA=="), Err(Fault::Broken)),
            (block("CERTIFICATE", "a: b\nMAcwADAAAwEA"), Err(Fault::Broken)),
            (block("CERTIFICATE REQUEST", CERT), Err(Fault::NoCertificate)),
            (format!("{cert}{}", block("X509 CRL", CERT)), Err(Fault::NoCertificate)),
            (format!("{cert}{}", block("EC PRIVATE KEY", SEC1)), Err(Fault::PrivateKey)),
            (format!("-----BEGIN PRIVATE KEY----- {PKCS8}"), Err(Fault::PrivateKey)),
        ] {
            assert_eq!(certificates(&text).map(|found| found.len()), expected, "{text}");
        }
    }

    #[test]
    fn a_fingerprint_is_that_of_openssl() {
        let found = certificates(&block("CERTIFICATE", AUTHORITY)).expect("a certificate");
        assert_eq!(found, ["eea95a3e38ce9eb4815bcb7e5d86e907e83c28df6c075b6e234bf376a3c20ced"]);
    }

    #[test]
    fn private_keys_are_told_from_other_texts() {
        let locked = format!("Proc-Type: 4,ENCRYPTED\nDEK-Info: AES-256-CBC,00\n\n{SEC1}");
        let parameters = block("EC PARAMETERS", "BggqhkjOPQMBBw==");
        let key = block("PRIVATE KEY", PKCS8);
        for (text, expected) in [
            (key.clone(), Ok(())),
            (block("RSA PRIVATE KEY", PKCS1), Ok(())),
            (format!("{parameters}{}", block("EC PRIVATE KEY", SEC1)), Ok(())),
            (String::new(), Err(Fault::NoBlock)),
            (parameters, Err(Fault::NoPrivateKey)),
            (block("CERTIFICATE", CERT), Err(Fault::NoPrivateKey)),
            (block("OPENSSH PRIVATE KEY", CERT), Err(Fault::NoPrivateKey)),
            (block("PUBLIC KEY", SHORT), Err(Fault::NoPrivateKey)),
            (block("RSA PRIVATE KEY", PKCS8), Err(Fault::Broken)),
            (block("PRIVATE KEY", SEC1), Err(Fault::Broken)),
            (block("EC PRIVATE KEY", CERT), Err(Fault::Broken)),
            (key.replace("-----END PRIVATE KEY-----", ""), Err(Fault::Broken)),
            (block("EC PRIVATE KEY", &locked), Err(Fault::Passphrase)),
            (block("ENCRYPTED PRIVATE KEY", SHORT), Err(Fault::Passphrase)),
            (key.repeat(2), Err(Fault::NotAlone)),
            (format!("{}{key}", block("CERTIFICATE", CERT)), Err(Fault::NotAlone)),
            (block("CERTIFICATE", CERT).repeat(2), Err(Fault::NoPrivateKey)),
        ] {
            assert_eq!(private_key(&text), expected, "{text}");
        }
    }
}
