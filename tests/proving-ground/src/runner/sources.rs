//! Secrets and ConfigMaps of one pod: what they have now, each change of that, and the files that stand for their mounts.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use futures::stream::{BoxStream, SelectAll};
use futures::{Stream, StreamExt};
use k8s_openapi::api::core::v1::{ConfigMap, Secret};
use kube::api::Api;
use kube::runtime::WatchStreamExt;
use kube::runtime::watcher::watch_object;

use super::pod_spec::{Contents, Mount, PodSpec, Source};
use crate::error::GroundError;
use crate::steady::Steady;

type Found = Option<BTreeMap<String, Vec<u8>>>;

/// The sources of one pod, watched.
pub(super) struct Sources {
    needed: BTreeSet<Source>,
    /// Nobody has looked yet.
    unseen: BTreeSet<Source>,
    now: Contents,
    changes: SelectAll<BoxStream<'static, (Source, Found)>>,
}

impl Sources {
    /// Begins to watch them.
    pub fn watch(client: &kube::Client, pod: &PodSpec) -> Sources {
        let (all, needed) = pod.sources();
        let unseen = all.clone();
        let changes = all.into_iter().map(|source| match &source {
            Source::Secret(name) => {
                let api: Api<Secret> = Api::namespaced(client.clone(), &pod.namespace);
                let found = watch_object(api, name).backoff(Steady);
                of(source, found, |secret| secret.data.unwrap_or_default().into_iter().map(|(key, value)| (key, value.0)).collect())
            }
            Source::ConfigMap(name) => {
                let api: Api<ConfigMap> = Api::namespaced(client.clone(), &pod.namespace);
                of(source.clone(), watch_object(api, name).backoff(Steady), |map: ConfigMap| {
                    let texts = map.data.unwrap_or_default().into_iter().map(|(key, value)| (key, value.into_bytes()));
                    texts.chain(map.binary_data.unwrap_or_default().into_iter().map(|(key, value)| (key, value.0))).collect()
                })
            }
        });
        Sources { needed, unseen, now: Contents::new(), changes: futures::stream::select_all(changes) }
    }

    /// What they have now.
    pub fn now(&self) -> &Contents {
        &self.now
    }

    /// What must be there and is not, or may be there and was not looked for yet.
    pub fn missing(&self) -> BTreeSet<&Source> {
        self.needed.iter().filter(|source| !self.now.contains_key(source)).chain(&self.unseen).collect()
    }

    /// Waits for a change of any of them; for ever if there are none.
    pub async fn changed(&mut self) {
        loop {
            let Some((source, found)) = self.changes.next().await else { return std::future::pending().await };
            let first = self.unseen.remove(&source);
            // A mount keeps what it had when its Secret goes, as with a kubelet.
            let other = found.filter(|content| self.now.get(&source) != Some(content));
            if first || other.is_some() {
                self.now.extend(other.map(|content| (source, content)));
                return;
            }
        }
    }
}

fn of<K: Send + 'static>(
    source: Source,
    found: impl Stream<Item = kube::runtime::watcher::Result<Option<K>>> + Send + 'static,
    content: impl Fn(K) -> BTreeMap<String, Vec<u8>> + Send + 'static,
) -> BoxStream<'static, (Source, Found)> {
    // A server that is away now is asked again.
    let found = found.filter_map(|found| std::future::ready(found.ok()));
    found.map(move |object| (source.clone(), object.map(&content))).boxed()
}

/// Writes the files of a pod's mounts below a folder, and gives the places of this host by the paths of the container.
pub(super) fn write_mounts(folder: &Path, mounts: &[Mount], contents: &Contents) -> Result<BTreeMap<String, PathBuf>, GroundError> {
    let mut places = BTreeMap::new();
    for mount in mounts {
        let volume = folder.join(&mount.volume);
        make(&volume)?;
        for (file, content) in files(mount, contents) {
            let path = volume.join(&file);
            make(path.parent().unwrap_or(&volume))?;
            write_at_once(&path, content)?;
        }
        places
            .insert(mount.path.trim_end_matches('/').to_owned(), mount.sub_path.as_ref().map_or(volume.clone(), |path| volume.join(path)));
    }
    Ok(places)
}

fn files<'a>(mount: &'a Mount, contents: &'a Contents) -> Vec<(String, &'a [u8])> {
    let Some(content) = mount.source.as_ref().and_then(|source| contents.get(source)) else { return Vec::new() };
    if mount.items.is_empty() {
        return content.iter().map(|(key, value)| (key.clone(), value.as_slice())).collect();
    }
    mount.items.iter().filter_map(|(key, path)| content.get(key).map(|value| (path.clone(), value.as_slice()))).collect()
}

fn make(folder: &Path) -> Result<(), GroundError> {
    std::fs::create_dir_all(folder).map_err(GroundError::io(folder))
}

/// Nobody reads half of it.
fn write_at_once(path: &Path, content: &[u8]) -> Result<(), GroundError> {
    if std::fs::read(path).is_ok_and(|before| before == content) {
        return Ok(());
    }
    let half = path.with_extension("half");
    std::fs::write(&half, content).map_err(GroundError::io(&half))?;
    std::fs::rename(&half, path).map_err(GroundError::io(path))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_lie_where_the_mount_says() {
        let folder = tempfile::tempdir().expect("a folder");
        let source = Source::Secret("cert".to_owned());
        let keys = [("tls.crt", "c"), ("tls.key", "k")].map(|(key, value)| (key.to_owned(), value.as_bytes().to_vec()));
        let contents: Contents = [(source.clone(), keys.into())].into();
        let mount = |path: &str, volume: &str, items: &[(&str, &str)], sub_path: Option<&str>| Mount {
            path: path.to_owned(),
            volume: volume.to_owned(),
            sub_path: sub_path.map(str::to_owned),
            source: Some(source.clone()),
            items: items.iter().map(|(key, path)| ((*key).to_owned(), (*path).to_owned())).collect(),
        };
        let mounts = [
            mount("/certs/", "all", &[], None),
            mount("/a", "some", &[("tls.crt", "x/y")], None),
            mount("/key", "all", &[], Some("tls.key")),
        ];
        let places = write_mounts(folder.path(), &mounts, &contents).expect("written");
        let read = |path: &str, file: &str| std::fs::read_to_string(places[path].join(file)).ok();
        assert_eq!((read("/certs", "tls.crt").as_deref(), read("/certs", "tls.key").as_deref()), (Some("c"), Some("k")));
        assert_eq!((read("/a", "x/y").as_deref(), read("/a", "tls.key")), (Some("c"), None));
        assert_eq!(std::fs::read_to_string(&places["/key"]).expect("a file"), "k");
    }
}
