//! Plan files: round trips, every damaged byte, newer formats.

use proptest::prelude::*;
use serde_json::json;

use super::file::{PlanFileError, from_bytes, plan_digest, to_bytes, to_compressed_bytes};
use super::{Action, Mode, PLAN_FORMAT, Plan, PlanPlane, Step, Unplanned};
use crate::addr::Address;
use crate::encode::{canonical_text, sha256_digest};

fn plan() -> Plan {
    let address = Address::management("sandbox");
    Plan {
        windlass_plan: PLAN_FORMAT,
        tool_version: "0.1.0".into(),
        lineage: "l".into(),
        serial: 4,
        mode: Mode::Apply,
        desired_digest: "sha256:0".into(),
        planes: vec![PlanPlane { address: address.clone(), uid: Some("ü\"\n".into()), sandbox: true, context: None, access: None }],
        changes: Vec::new(),
        steps: vec![Step {
            id: "s".into(),
            address: address.clone(),
            action: Action::WaitAgent { plane: address.clone() },
            needs: vec![0],
            expects: Vec::new(),
            timeout_seconds: 3600,
            on_start: Vec::new(),
            on_done: Vec::new(),
        }],
        fingerprints: Vec::new(),
        turns: None,
        outputs: Default::default(),
        warnings: vec!["w".into()],
        unplanned: vec![Unplanned { address, reason: "r".into() }],
    }
}

#[test]
fn a_plan_comes_back_from_its_file() {
    let plan = plan();
    let bytes = to_bytes(&plan);
    assert_eq!(from_bytes(&bytes), Ok(plan.clone()));
    assert_eq!(from_bytes(&to_compressed_bytes(&plan).unwrap()), Ok(plan.clone()));
    assert!(String::from_utf8(bytes).unwrap().contains(&plan_digest(&plan)));
}

#[test]
fn every_damaged_byte_is_found() {
    let bytes = to_bytes(&plan());
    let mut damaged = bytes.clone();
    for at in 0..bytes.len() {
        for change in 1..=u8::MAX {
            damaged[at] = bytes[at] ^ change;
            assert!(from_bytes(&damaged).is_err(), "byte {at} ^ {change:#x}");
        }
        damaged[at] = bytes[at];
        let mut shorter = bytes.clone();
        shorter.remove(at);
        assert!(from_bytes(&shorter).is_err(), "byte {at} removed");
        let mut longer = bytes.clone();
        longer.insert(at, b' ');
        assert!(from_bytes(&longer).is_err(), "space at {at}");
        assert!(from_bytes(&bytes[..at]).is_err(), "cut at {at}");
    }
}

/// Bits that mean nothing to zstd (in the frame's header, bytes 4 and up) are found by the seal, and so is one in the seal itself.
#[test]
fn every_damaged_byte_of_a_compressed_plan_is_found() {
    let bytes = to_compressed_bytes(&plan()).unwrap();
    let refused = |damaged: &[u8], what: &str| assert!(from_bytes(damaged).is_err(), "{what}");
    let mut damaged = bytes.clone();
    for at in 0..bytes.len() {
        for change in [1, 2, 4, 8, 16, 32, 64, 128, 255] {
            damaged[at] = bytes[at] ^ change;
            refused(&damaged, &format!("byte {at} ^ {change:#x}"));
        }
        damaged[at] = bytes[at];
        refused(&bytes[..at], &format!("cut at {at}"));
        refused(&[&bytes[..at], &bytes[at + 1..]].concat(), &format!("byte {at} removed"));
        refused(&[&bytes[..at], &[0], &bytes[at..]].concat(), &format!("zero at {at}"));
    }
    refused(&[&bytes[..], b"\n"].concat(), "a byte after the end");
    refused(&[&bytes[..], &bytes[..]].concat(), "twice");
    let plain = zstd::bulk::compress(&to_bytes(&plan()), 3).unwrap();
    assert_eq!(from_bytes(&plain), Err(PlanFileError::Damaged), "without a seal nothing is known of its bytes");
}

#[test]
fn a_newer_plan_is_refused_by_its_format() {
    let mut body = serde_json::to_value(plan()).unwrap();
    body["windlass_plan"] = json!(PLAN_FORMAT + 1);
    body["something_new"] = json!(true);
    let digest = sha256_digest(&canonical_text(&body));
    body["digest"] = json!(digest);
    let text = format!("{}\n", canonical_text(&body));
    assert_eq!(from_bytes(text.as_bytes()), Err(PlanFileError::Newer { found: u64::from(PLAN_FORMAT) + 1 }));
    for text in ["", "{}", "[]", "null", "{\"windlass_plan\":\"1\"}", "\u{28}"] {
        assert!(matches!(from_bytes(text.as_bytes()), Err(PlanFileError::NotAPlan(_))), "{text}");
    }
}

proptest! {
    #[test]
    fn no_bytes_panic(bytes in prop::collection::vec(any::<u8>(), 0..200), zstd in any::<bool>()) {
        let mut bytes = bytes;
        if zstd {
            bytes.splice(0..0, [0x28, 0xb5, 0x2f, 0xfd]);
        }
        prop_assert!(from_bytes(&bytes).is_err());
    }
}
