//! How a layer is handed to the agent: a `Layer` object, and Secrets with the objects in them.
//!
//! The content is the JSON array of the real objects, compressed with zstd and cut into parts. Each Secret also holds the SHA-256 of the
//! whole, next to the content and nowhere else: it would be an unkeyed hash of what may be secret.

use data_encoding::{BASE64, HEXLOWER};
use serde_json::{Value as Json, json};
use sha2::{Digest, Sha256};
use windlass_core::agent_objects::LAYER_KIND;
use windlass_core::marks::{AGENT_API_VERSION, AGENT_GROUP, ANNOTATION_LAYER_DIGEST, SYSTEM_NAMESPACE};

use crate::apply::mark;
use crate::kinds::ObjectRef;

/// Largest part; a Secret holds at most 1 MiB.
const PART_BYTES: usize = 900_000;
/// Most that a layer may unpack to.
const MAX_UNPACKED: u64 = 64 << 20;
/// Label of a content Secret: its layer.
pub const LABEL_LAYER: &str = "agent.windlass.dev/layer";

/// Whose and which a layer is.
pub struct LayerName<'a> {
    /// Its name.
    pub name: &'a str,
    /// Digest over the placeholder form.
    pub digest: &'a str,
    /// Lineage of the state.
    pub lineage: &'a str,
    /// Address of the layer's resource.
    pub address: &'a str,
}

/// The `Layer` object of a layer.
pub fn layer_reference(layer: &str) -> ObjectRef {
    ObjectRef::new(AGENT_API_VERSION, LAYER_KIND, Some(SYSTEM_NAMESPACE), layer)
}

/// Content Secrets: `<layer>-<16 characters of the digest>-<n>`.
pub fn pack(layer: &LayerName<'_>, objects: &[Json]) -> std::io::Result<Vec<Json>> {
    let text = serde_json::to_vec(objects)?;
    let packed = zstd::bulk::compress(&text, 9)?;
    let sum = HEXLOWER.encode(&Sha256::digest(&packed));
    let short: String = layer.digest.rsplit(':').next().unwrap_or_default().chars().take(16).collect();
    let parts = packed.chunks(PART_BYTES).enumerate().map(|(n, part)| {
        let mut secret = json!({
            "apiVersion": "v1",
            "kind": "Secret",
            "metadata": {
                "name": format!("{}-{short}-{n}", layer.name),
                "namespace": SYSTEM_NAMESPACE,
                "labels": {LABEL_LAYER: layer.name},
                "annotations": {ANNOTATION_LAYER_DIGEST: layer.digest},
            },
            "type": format!("{AGENT_GROUP}/content"),
            "data": {"content": BASE64.encode(part), "sha256": BASE64.encode(sum.as_bytes())},
        });
        mark(&mut secret, layer.lineage, layer.address);
        secret
    });
    Ok(parts.collect())
}

/// The objects in a layer's content Secrets, which stand in order; an error says which of them is wrong.
pub fn unpack(digest: &str, secrets: &[Json]) -> Result<Vec<Json>, String> {
    let mut packed = Vec::new();
    let mut sum = None;
    for secret in secrets {
        let name = crate::ready::machines::name(secret);
        let stamped = secret.pointer("/metadata/annotations").and_then(|map| map.get(ANNOTATION_LAYER_DIGEST)).and_then(Json::as_str);
        if stamped != Some(digest) {
            return Err(format!("Secret {name} is of digest {}, not {digest}", stamped.unwrap_or("none")));
        }
        let part = |key: &str| {
            let text = secret.pointer(&format!("/data/{key}")).and_then(Json::as_str);
            text.and_then(|text| BASE64.decode(text.as_bytes()).ok()).ok_or_else(|| format!("Secret {name} has no {key}"))
        };
        packed.extend(part("content")?);
        sum = Some(part("sha256")?);
    }
    if sum.as_deref() != Some(HEXLOWER.encode(&Sha256::digest(&packed)).as_bytes()) {
        return Err("the content is damaged: its checksum is another".to_owned());
    }
    use std::io::Read;
    let mut text = Vec::new();
    let unpacked = zstd::stream::read::Decoder::new(packed.as_slice()).and_then(|d| d.take(MAX_UNPACKED).read_to_end(&mut text));
    unpacked.map_err(|error| format!("the content cannot be unpacked: {error}"))?;
    // The message of a JSON error does not quote the text.
    serde_json::from_slice(&text).map_err(|error| format!("the content is no list of objects: {error}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    const LAYER: LayerName<'static> =
        LayerName { name: "ingress", digest: "sha256:0123456789abcdef0123", lineage: "l", address: "cluster.shop.layer[\"ingress\"]" };

    #[test]
    fn content_comes_back_whole() {
        // Random-looking text, so that it takes more than one part.
        let mut state = 1_u64;
        let mut text = String::new();
        while text.len() < 2_500_000 {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            text.push_str(&format!("{state:016x}"));
        }
        let objects = vec![json!({"kind": "ConfigMap", "data": {"a": text}}), json!({"kind": "Secret"})];
        let secrets = pack(&LAYER, &objects).expect("packed");
        assert!(secrets.len() > 1, "{}", secrets.len());
        assert_eq!(secrets[0]["metadata"]["name"], "ingress-0123456789abcdef-0");
        assert_eq!(unpack(LAYER.digest, &secrets), Ok(objects));
        assert!(unpack("sha256:other", &secrets).expect_err("digest").contains("is of digest"));
        assert!(unpack(LAYER.digest, &secrets[1..]).expect_err("part missing").contains("damaged"));
    }
}
