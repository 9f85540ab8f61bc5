//! Waiting without sleeping: a judgement is repeated at each change of a watch until it is well, the time is over, or the user stops.

use std::sync::Arc;
use std::time::Duration;

use futures::future::select_all;
use tokio::sync::watch;
use tokio::time::Instant;
pub use windlass_run::ports::{Progress, StepError};

use crate::watch::{View, Watch};

/// How long a wait may take, and whom it tells.
pub struct Patience<'a> {
    /// What is said.
    pub progress: &'a dyn Progress,
    /// True once everything must stop.
    pub stop: watch::Receiver<bool>,
    /// When waiting becomes "in progress".
    pub until: Instant,
}

impl Patience<'_> {
    /// Waits until `judge` gives a value. `what` is what it waits for, in words.
    pub async fn until<T>(
        &self,
        seen: &Arc<Watch>,
        what: &str,
        judge: impl FnMut(&View) -> Result<T, String> + Send,
    ) -> Result<T, StepError> {
        self.until_beside(seen, &[], what, judge).await
    }

    /// The same, judged again when something beside it changes too.
    pub async fn until_beside<T>(
        &self,
        seen: &Arc<Watch>,
        beside: &[Arc<Watch>],
        what: &str,
        mut judge: impl FnMut(&View) -> Result<T, String> + Send,
    ) -> Result<T, StepError> {
        let mut changes = seen.changes();
        let mut others: Vec<_> = beside.iter().map(|beside| beside.changes()).collect();
        let mut stop = self.stop.clone();
        let mut said = String::new();
        loop {
            changes.borrow_and_update();
            others.iter_mut().for_each(|others| {
                others.borrow_and_update();
            });
            let view = seen.view();
            let reason = match (&view.trouble, &view.objects) {
                (None, None) => "nothing has been seen yet".to_owned(),
                (Some(trouble), _) => format!("the plane does not answer: {trouble}"),
                (None, Some(_)) => match judge(&view) {
                    Ok(value) => return Ok(value),
                    Err(reason) => reason,
                },
            };
            if reason != said && view.objects.is_some() {
                self.progress.waiting(what, &reason);
            }
            said = reason;
            tokio::select! {
                changed = changes.changed() => if changed.is_err() {
                    return Err(StepError::TimedOut { what: what.to_owned(), reason: said });
                },
                () = changed(&mut others) => {}
                () = stopped(&mut stop) => return Err(StepError::Stopped),
                () = tokio::time::sleep_until(self.until) => {
                    return Err(StepError::TimedOut { what: what.to_owned(), reason: said });
                }
            }
        }
    }

    /// Asks again and again, for what no watch can tell (an endpoint's `/readyz`, the age of a heartbeat).
    pub async fn poll<T, F>(&self, every: Duration, what: &str, mut ask: impl FnMut() -> F + Send) -> Result<T, StepError>
    where
        F: Future<Output = Result<T, String>> + Send,
    {
        let mut stop = self.stop.clone();
        let mut said = String::new();
        loop {
            match ask().await {
                Ok(value) => return Ok(value),
                Err(reason) if reason != said => {
                    self.progress.waiting(what, &reason);
                    said = reason;
                }
                Err(_) => {}
            }
            if Instant::now() + every >= self.until {
                return Err(StepError::TimedOut { what: what.to_owned(), reason: said });
            }
            tokio::select! {
                () = stopped(&mut stop) => return Err(StepError::Stopped),
                () = tokio::time::sleep(every) => {}
            }
        }
    }

    /// An error if the user has stopped everything.
    pub fn go_on(&self) -> Result<(), StepError> {
        match *self.stop.borrow() {
            true => Err(StepError::Stopped),
            false => Ok(()),
        }
    }
}

/// Ends at the next change of any; never if nothing is watched, or no longer.
async fn changed(watched: &mut [watch::Receiver<u64>]) {
    let each = watched.iter_mut().map(|one| {
        Box::pin(async {
            if one.changed().await.is_err() {
                std::future::pending::<()>().await;
            }
        })
    });
    let each: Vec<_> = each.collect();
    if each.is_empty() {
        std::future::pending::<()>().await;
    }
    select_all(each).await;
}

/// Ends when the user stops everything; never if the sender is gone.
pub(crate) async fn stopped(stop: &mut watch::Receiver<bool>) {
    if stop.wait_for(|stop| *stop).await.is_err() {
        std::future::pending::<()>().await;
    }
}
