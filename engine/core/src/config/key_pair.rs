//! Whether a private key is that of a certificate, by the public part that both hold: modulus of RSA, or point of a curve. Computes nothing.

use super::der::{BIT_STRING, Element, INTEGER, OCTET_STRING, SEQUENCE, elements, inside};
use super::pem::first_block;

/// Tag of the public key in an EC private key (RFC 5915).
const PUBLIC: u8 = 0xa1;

/// `false`: the key in a PEM text is another one than that of the first certificate in the other. Keys that do not hold their public part
/// (Ed25519) cannot be told, and pass.
pub fn belongs(certificates: &str, private_key: &str) -> bool {
    let (certificate, key) = (first_block(certificates, "CERTIFICATE"), first_block(private_key, "PRIVATE KEY"));
    let certified = certificate.as_deref().and_then(certified_key);
    let own = key.as_deref().and_then(own_key);
    certified.zip(own).is_none_or(|(certified, own)| certified == own)
}

/// The public key in a certificate: modulus of RSA, or point of a curve (RFC 5280, `subjectPublicKeyInfo`).
fn certified_key(certificate: &[u8]) -> Option<&[u8]> {
    let (_, content) = *inside(certificate)?.first()?;
    let fields = elements(content)?;
    // Behind serial number, algorithm, issuer, validity and subject; a version may stand before these.
    let at = if fields.first()?.0 == INTEGER { 5 } else { 6 };
    let (_, info) = *fields.get(at)?;
    let (BIT_STRING, [0, key @ ..]) = *elements(info)?.get(1)? else { return None };
    match inside(key) {
        Some(numbers) => modulus(*numbers.first()?),
        None => uncompressed(key),
    }
}

/// The same of a private key: PKCS#1 (RFC 8017) or SEC 1 (RFC 5915), by itself or in PKCS#8 (RFC 5958).
fn own_key(private: &[u8]) -> Option<&[u8]> {
    let fields = inside(private)?;
    let fields = match fields.as_slice() {
        [_, (SEQUENCE, _), (OCTET_STRING, key), ..] => inside(key)?,
        _ => fields,
    };
    match fields.as_slice() {
        [_, number @ (INTEGER, _), ..] => modulus(*number),
        [_, (OCTET_STRING, _), rest @ ..] => {
            let (_, public) = rest.iter().find(|(tag, _)| *tag == PUBLIC)?;
            let (BIT_STRING, [0, key @ ..]) = *elements(public)?.first()? else { return None };
            uncompressed(key)
        }
        _ => None,
    }
}

fn modulus((tag, number): Element<'_>) -> Option<&[u8]> {
    (tag == INTEGER).then_some(number)
}

/// Only points in this form can be compared.
fn uncompressed(point: &[u8]) -> Option<&[u8]> {
    (point.first() == Some(&0x04)).then_some(point)
}

#[cfg(test)]
mod tests {
    use super::belongs;

    fn block(label: &str, body: &str) -> String {
        format!("-----BEGIN {label}-----\n{body}\n-----END {label}-----\n")
    }

    /// A certificate and its key, `openssl req -x509 -newkey rsa:512 -nodes -subj /CN=c`, and the key in PKCS#1.
    const RSA: &str = "\
        MIIBcTCCARugAwIBAgIUH081RdvBTnslHHgZ3Bti+agM7/AwDQYJKoZIhvcNAQEL\n\
        BQAwDDEKMAgGA1UEAwwBYzAgFw0yNjExMjMwODA4MDdaGA8yMTI2MTAzMDA4MDgw\n\
        N1owDDEKMAgGA1UEAwwBYzBcMA0GCSqGSIb3DQEBAQUAA0sAMEgCQQDXn6qX+zcU\n\
        LSO4LiR0CnqoOfsdnfyRdOWZlcunQH/UTUWwjbfz5BG+jaSVOCDZyXBDWpbnTziM\n\
        qOVO0SnbqOprAgMBAAGjUzBRMB0GA1UdDgQWBBTKa084x3CaPg0J1zzSA/WYYYkm\n\
        uDAfBgNVHSMEGDAWgBTKa084x3CaPg0J1zzSA/WYYYkmuDAPBgNVHRMBAf8EBTAD\n\
        AQH/MA0GCSqGSIb3DQEBCwUAA0EAWd/TBUQGNAEXnppXOBhM5vUy1hWE0pEgKCCP\n\
        ZVdja22UPleB2shlP825vIxGzMFg/jrhRT/uNUZWBwp9xxp6Mg==";
    const RSA_KEY: &str = "\
        MIIBVgIBADANBgkqhkiG9w0BAQEFAASCAUAwggE8AgEAAkEA15+ql/s3FC0juC4k\n\
        dAp6qDn7HZ38kXTlmZXLp0B/1E1FsI238+QRvo2klTgg2clwQ1qW5084jKjlTtEp\n\
        26jqawIDAQABAkEAm72Pkka4+bHA4v8xBT+saGW4oyPBka5FSDGR7zP/IG979aM8\n\
        C8XsMlRHtjs1svPf9D/QpgL7MujeA36VUmuAAQIhAPVwHQtxqCTZ/44KqZb9bkpy\n\
        OCio92QRwN+8S2YHNsgBAiEA4OcaF1X2kktOpniK7R751CGyC2T1kXlIlapAD3Oz\n\
        UmsCID5Horcish4Xy0dJ4VrVGEV/0kxPA+e6sYyUhTVwozABAiEAn/N82O/oZ29r\n\
        xnWgyLfpEnfMetIY3JeXieoFmXe+J3UCIQCks2WXxr23vbH1aRKU98UVbMSlJzhc\n\
        4YUvtz+YkJ4qmg==";
    const RSA_PKCS1: &str = "\
        MIIBPAIBAAJBANefqpf7NxQtI7guJHQKeqg5+x2d/JF05ZmVy6dAf9RNRbCNt/Pk\n\
        Eb6NpJU4INnJcENaludPOIyo5U7RKduo6msCAwEAAQJBAJu9j5JGuPmxwOL/MQU/\n\
        rGhluKMjwZGuRUgxke8z/yBve/WjPAvF7DJUR7Y7NbLz3/Q/0KYC+zLo3gN+lVJr\n\
        gAECIQD1cB0Lcagk2f+OCqmW/W5KcjgoqPdkEcDfvEtmBzbIAQIhAODnGhdV9pJL\n\
        TqZ4iu0e+dQhsgtk9ZF5SJWqQA9zs1JrAiA+R6K3IrIeF8tHSeFa1RhFf9JMTwPn\n\
        urGMlIU1cKMwAQIhAJ/zfNjv6Gdva8Z1oMi36RJ3zHrSGNyXl4nqBZl3vid1AiEA\n\
        pLNll8a9t72x9WkSlPfFFWzEpSc4XOGFL7c/mJCeKpo=";
    /// The same with `-newkey ec -pkeyopt ec_paramgen_curve:prime256v1`, and the key in SEC 1.
    const EC: &str = "\
        MIIBbzCCARWgAwIBAgIUFf5bkxuk1HvGNLlQt8iRiCYYOp4wCgYIKoZIzj0EAwIw\n\
        DDEKMAgGA1UEAwwBYzAgFw0yNjExMjMwODA3MjhaGA8yMTI2MTAzMDA4MDcyOFow\n\
        DDEKMAgGA1UEAwwBYzBZMBMGByqGSM49AgEGCCqGSM49AwEHA0IABBE1t/I419Nh\n\
        z/hjSrt5IBfr3DmfpCgblCtdwAlG30Xz58P4t6nW29Ai4mktC8pzvnNmUjYy1URY\n\
        B37Cs2cgMx6jUzBRMB0GA1UdDgQWBBS9AE4cg7zUmomxCduXeqwDWpdyczAfBgNV\n\
        HSMEGDAWgBS9AE4cg7zUmomxCduXeqwDWpdyczAPBgNVHRMBAf8EBTADAQH/MAoG\n\
        CCqGSM49BAMCA0gAMEUCIGnnwgrjd1fKqI+skh/vfqDUOHa5mIWmwYtVycW7Wd44\n\
        AiEAqKTcb9yITQG/rfHoWZQs59gdOnf188oJFV7rl18eGiE=";
    const EC_KEY: &str = "\
        MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQgbzonqqXBmG+VIHpQ\n\
        nG484p3ci/p9n/zmcmoop0oPdlOhRANCAAQRNbfyONfTYc/4Y0q7eSAX69w5n6Qo\n\
        G5QrXcAJRt9F8+fD+Lep1tvQIuJpLQvKc75zZlI2MtVEWAd+wrNnIDMe";
    const EC_SEC1: &str = "\
        MHcCAQEEIG86J6qlwZhvlSB6UJxuPOKd3Iv6fZ/85nJqKKdKD3ZToAoGCCqGSM49\n\
        AwEHoUQDQgAEETW38jjX02HP+GNKu3kgF+vcOZ+kKBuUK13ACUbfRfPnw/i3qdbb\n\
        0CLiaS0LynO+c2ZSNjLVRFgHfsKzZyAzHg==";
    /// Key of somebody else, and a pair of Ed25519.
    const OTHER_KEY: &str = "\
        MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQg4uTt1Gj9Twg9BpqP\n\
        EkavlYY9dY40yibV8FqdIioAlOahRANCAATonunvsyUyvJT+CuUCHjVtjGsD8aNy\n\
        RZR6IcaYLEMS+SLI5q+VvtayMWTk3m/USzWUmMS52+gWq4zt3WJuhEiu";
    const ED: &str = "\
        MIIBLjCB4aADAgECAhQr00Xz88k7NCI5drkH5yhLUmuiJTAFBgMrZXAwDDEKMAgG\n\
        A1UEAwwBYzAgFw0yNjExMjMwODA3MjhaGA8yMTI2MTAzMDA4MDcyOFowDDEKMAgG\n\
        A1UEAwwBYzAqMAUGAytlcAMhAJJyvGPV9BX/e2xdyqb0LjhQPiurNz26ZGPV5QiZ\n\
        kIWlo1MwUTAdBgNVHQ4EFgQUmMIdCEBUodktSiYYohHy5IXfVpAwHwYDVR0jBBgw\n\
        FoAUmMIdCEBUodktSiYYohHy5IXfVpAwDwYDVR0TAQH/BAUwAwEB/zAFBgMrZXAD\n\
        QQCi7aUK1Zao1X2N8XCJFoKeZAMzJRTvejgcVL5weDfcQrjcXg7pLAR70RDJrI5d\n\
        S4r6JTrltHLdg74f3X+UGUcE";
    const ED_KEY: &str = "\
        MC4CAQAwBQYDK2VwBCIEINOTm0tu9XEqWePlBLqe8Xc1hfSuzyBJX5LBLL6yngVY";

    #[test]
    fn a_key_is_told_from_that_of_another_certificate() {
        let certificate = |body: &str| block("CERTIFICATE", body);
        let (key, other) = (|body: &str| block("PRIVATE KEY", body), block("PRIVATE KEY", OTHER_KEY));
        let chain = certificate(EC) + &certificate(RSA);
        for (certificates, key, expected) in [
            (certificate(RSA), key(RSA_KEY), true),
            (certificate(RSA), block("RSA PRIVATE KEY", RSA_PKCS1), true),
            (certificate(EC), key(EC_KEY), true),
            (certificate(EC), block("EC PRIVATE KEY", EC_SEC1), true),
            (chain.clone(), key(EC_KEY), true),
            (chain, key(RSA_KEY), false),
            (certificate(EC), other.clone(), false),
            (certificate(RSA), key(EC_KEY), false),
            (certificate(RSA), other.clone(), false),
            // Their keys do not hold the public part, or there is none.
            (certificate(ED), key(ED_KEY), true),
            (certificate(ED), other, true),
            (certificate("MAcwADAAAwEA"), key("MAcCAQAwAAQA"), true),
            ("some text".to_owned(), String::new(), true),
        ] {
            assert_eq!(belongs(&certificates, &key), expected, "{certificates}{key}");
        }
    }
}
