//! What all controllers of one cloud share: its books, its log, and the planes that they watch.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use futures::Stream;
use tokio::sync::watch;
use tokio::task::JoinHandle;

use super::books::Books;
use super::controllers;
use super::site::Site;
use crate::error::GroundError;
use crate::ground::Ground;
use crate::log::Log;
use crate::plane::{Plane, PlaneAccess};

/// One cloud.
pub(super) struct Shared {
    pub ground: Arc<Ground>,
    pub log: Log,
    books: Mutex<Books>,
    watches: Mutex<BTreeMap<String, JoinHandle<()>>>,
    looks: watch::Sender<u64>,
    booted: watch::Sender<BTreeMap<String, PlaneAccess>>,
}

impl Shared {
    pub fn new(ground: Arc<Ground>) -> Result<Shared, GroundError> {
        let log = Log::open(&ground.logs().join("process-cloud.log"))?;
        let (books, watches) = (Mutex::default(), Mutex::default());
        Ok(Shared { ground, log, books, watches, looks: watch::Sender::new(0), booted: watch::Sender::default() })
    }

    /// The books, for one moment: never across an await.
    pub fn books(&self) -> MutexGuard<'_, Books> {
        self.books.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Begins to fulfil the contract for the objects of a plane; one that is watched already is watched anew.
    pub fn watch(self: &Arc<Self>, name: &str, client: kube::Client) {
        let site = Arc::new(Site { name: name.to_owned(), client, cloud: Arc::clone(self) });
        let before = self.watches().insert(name.to_owned(), tokio::spawn(controllers::run(site)));
        before.iter().for_each(JoinHandle::abort);
    }

    /// A plane that a machine has booted: the cloud's from now on.
    pub fn has_booted(self: &Arc<Self>, plane: &Plane) {
        self.watch(plane.name(), plane.client());
        self.booted.send_modify(|planes| drop(planes.insert(plane.name().to_owned(), plane.access())));
    }

    /// The planes that machines have booted, by name, and every change of that.
    pub fn booted(&self) -> watch::Receiver<BTreeMap<String, PlaneAccess>> {
        self.booted.subscribe()
    }

    /// Ends a plane and what watches it.
    pub async fn end(&self, plane: Arc<Plane>) {
        self.log.say(&format!("{plane:?} ends"));
        let watch = self.watches().remove(plane.name());
        self.booted.send_modify(|planes| drop(planes.remove(plane.name())));
        // Of its own: whoever asks for it may be one of the plane's controllers, which end here.
        let ended = tokio::spawn(async move { plane.end().await });
        watch.iter().for_each(JoinHandle::abort);
        // It is not cancelled, and it does not panic.
        let _ = ended.await;
    }

    /// Makes every controller look at every object again.
    pub fn look_again(&self) {
        self.looks.send_modify(|count| *count += 1);
    }

    /// Says when to look again.
    pub fn looks(&self) -> impl Stream<Item = ()> + Send + use<> {
        futures::stream::unfold(self.looks.subscribe(), |mut looks| async move {
            looks.changed().await.ok()?;
            Some(((), looks))
        })
    }

    /// Ends everything: no plane of the cloud survives unless somebody else holds it.
    pub fn close(&self) {
        std::mem::take(&mut *self.watches()).values().for_each(JoinHandle::abort);
        self.booted.send_modify(BTreeMap::clear);
        let planes = self.books().close();
        drop(planes);
    }

    fn watches(&self) -> MutexGuard<'_, BTreeMap<String, JoinHandle<()>>> {
        self.watches.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
