//! Bearer tokens: signed statements, so that they hold across restarts without being stored.
//! ServiceAccount tokens have the real ones' shape and claims but are signed with an HMAC (HS256) over the plane's
//! service-account key: no other party verifies them here. Whether the account still exists is the caller's question.

use data_encoding::{BASE64URL_NOPAD, HEXLOWER};
use hmac::{Hmac, KeyInit, Mac};
use serde::{Deserialize, Serialize};
use sha2::Sha256;

/// What a verified token says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Claims {
    Admin,
    Internal(String),
    ServiceAccount { namespace: String, name: String, uid: String, expires: i64, audiences: Vec<String> },
}

/// Signs and verifies the tokens of one plane.
#[derive(Clone)]
pub(crate) struct Tokens {
    own_key: Vec<u8>,
    account_key: Vec<u8>,
}

impl std::fmt::Debug for Tokens {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Tokens(…)")
    }
}

pub(crate) const ISSUER: &str = "https://kubernetes.default.svc.cluster.local";

#[derive(Serialize, Deserialize)]
struct Payload {
    aud: Vec<String>,
    exp: i64,
    iat: i64,
    iss: String,
    #[serde(rename = "kubernetes.io")]
    kubernetes: Bound,
    nbf: i64,
    sub: String,
}

#[derive(Serialize, Deserialize)]
struct Bound {
    namespace: String,
    serviceaccount: Account,
}

#[derive(Serialize, Deserialize)]
struct Account {
    name: String,
    uid: String,
}

impl Tokens {
    pub fn new(own_key: &str, account_key: &str) -> Tokens {
        Tokens { own_key: own_key.as_bytes().to_vec(), account_key: account_key.as_bytes().to_vec() }
    }

    pub fn admin(&self) -> String {
        format!("admin.{}", HEXLOWER.encode(&self.mac(&self.own_key, b"admin")))
    }

    /// A token for one of the sandbox's own clients.
    pub fn internal(&self, user: &str) -> String {
        let user64 = BASE64URL_NOPAD.encode(user.as_bytes());
        format!("internal.{user64}.{}", HEXLOWER.encode(&self.mac(&self.own_key, format!("internal {user}").as_bytes())))
    }

    /// A ServiceAccount token, valid from `now` for `seconds`.
    pub fn service_account(&self, (namespace, name, uid): (&str, &str, &str), audiences: &[String], now: i64, seconds: i64) -> String {
        let payload = Payload {
            aud: if audiences.is_empty() { vec![ISSUER.to_owned()] } else { audiences.to_vec() },
            exp: now.saturating_add(seconds),
            iat: now,
            iss: ISSUER.to_owned(),
            kubernetes: Bound { namespace: namespace.to_owned(), serviceaccount: Account { name: name.to_owned(), uid: uid.to_owned() } },
            nbf: now,
            sub: format!("system:serviceaccount:{namespace}:{name}"),
        };
        let header = BASE64URL_NOPAD.encode(br#"{"alg":"HS256","typ":"JWT"}"#);
        let body = BASE64URL_NOPAD.encode(&serde_json::to_vec(&payload).unwrap_or_default());
        let signed = format!("{header}.{body}");
        let mac = BASE64URL_NOPAD.encode(&self.mac(&self.account_key, signed.as_bytes()));
        format!("{signed}.{mac}")
    }

    /// What the token says if its signature is ours.
    pub fn verify(&self, token: &str) -> Option<Claims> {
        if let Some(mac) = token.strip_prefix("admin.") {
            return self.check(&self.own_key, b"admin", &HEXLOWER.decode(mac.as_bytes()).ok()?).then_some(Claims::Admin);
        }
        if let Some((user, mac)) = token.strip_prefix("internal.").and_then(|rest| rest.split_once('.')) {
            let user = String::from_utf8(BASE64URL_NOPAD.decode(user.as_bytes()).ok()?).ok()?;
            let message = format!("internal {user}");
            let mac = HEXLOWER.decode(mac.as_bytes()).ok()?;
            return self.check(&self.own_key, message.as_bytes(), &mac).then_some(Claims::Internal(user));
        }
        let (signed, mac) = token.rsplit_once('.')?;
        if !self.check(&self.account_key, signed.as_bytes(), &BASE64URL_NOPAD.decode(mac.as_bytes()).ok()?) {
            return None;
        }
        let (_, body) = signed.split_once('.')?;
        let payload: Payload = serde_json::from_slice(&BASE64URL_NOPAD.decode(body.as_bytes()).ok()?).ok()?;
        Some(Claims::ServiceAccount {
            namespace: payload.kubernetes.namespace,
            name: payload.kubernetes.serviceaccount.name,
            uid: payload.kubernetes.serviceaccount.uid,
            expires: payload.exp,
            audiences: payload.aud,
        })
    }

    fn mac(&self, key: &[u8], message: &[u8]) -> Vec<u8> {
        keyed(key, message).map(|mac| mac.finalize().into_bytes().to_vec()).unwrap_or_default()
    }

    fn check(&self, key: &[u8], message: &[u8], mac: &[u8]) -> bool {
        keyed(key, message).is_some_and(|own| own.verify_slice(mac).is_ok())
    }
}

fn keyed(key: &[u8], message: &[u8]) -> Option<Hmac<Sha256>> {
    let mut mac = Hmac::<Sha256>::new_from_slice(key).ok()?;
    mac.update(message);
    Some(mac)
}

/// 32 random bytes as text.
pub(crate) fn random_key() -> String {
    HEXLOWER.encode(&rand::random::<[u8; 32]>())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_is_good_only_with_its_own_key_and_unchanged() {
        let tokens = Tokens::new("own", "account");
        let other = Tokens::new("other", "another");
        let issued = [tokens.admin(), tokens.internal("capi:manager"), tokens.service_account(("ns", "sa", "u1"), &[], 100, 60)];
        for token in &issued {
            assert!(tokens.verify(token).is_some(), "{token}");
            assert_eq!(other.verify(token), None, "{token}");
            assert_eq!(tokens.verify(&format!("{token}0")), None);
        }
        assert_eq!(tokens.verify(&issued[1]), Some(Claims::Internal("capi:manager".to_owned())));
        assert_eq!(
            tokens.verify(&issued[2]),
            Some(Claims::ServiceAccount {
                namespace: "ns".to_owned(),
                name: "sa".to_owned(),
                uid: "u1".to_owned(),
                expires: 160,
                audiences: vec![ISSUER.to_owned()],
            })
        );
        for damaged in ["", ".", "..", "admin.", "internal.x", "internal.!.00", "a.b.c"] {
            assert_eq!(tokens.verify(damaged), None, "{damaged:?}");
        }
    }
}
