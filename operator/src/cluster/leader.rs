//! One operator at a time: a Lease, held for as long as it is renewed.
//!
//! Clocks of different machines are never compared: whoever waits for the lease counts, by its own clock, how long
//! the one who holds it has not renewed it.

use std::time::{Duration, Instant};

use k8s_openapi::{
    api::coordination::v1::{Lease, LeaseSpec},
    apimachinery::pkg::apis::meta::v1::MicroTime,
    jiff::Timestamp,
};
use kube::{
    Api, Client,
    api::{ObjectMeta, PostParams},
};
use tokio::time::{sleep, timeout};

use super::fence::Fence;

/// How long a lease lasts that is not renewed.
const LASTS: Duration = Duration::from_secs(15);
/// For how much of that requests are made: one that is on its way may still take the rest.
const HELD: Duration = Duration::from_secs(12);
const RENEWED_EVERY: Duration = Duration::from_secs(3);
/// A request to renew that is not answered by then is made again.
const ANSWERED_WITHIN: Duration = Duration::from_secs(4);
const LOOKED_AT_EVERY: Duration = Duration::from_secs(1);

/// Who wants to lead.
pub(super) struct Candidate {
    leases: Api<Lease>,
    name: String,
    identity: String,
    fence: Fence,
    /// The version of somebody else's lease, and when it was first seen.
    seen: Option<(String, Instant)>,
}

impl Candidate {
    pub(super) fn new(client: Client, namespace: &str, name: &str, identity: &str, fence: Fence) -> Self {
        Self {
            leases: Api::namespaced(client, namespace),
            name: name.to_owned(),
            identity: identity.to_owned(),
            fence,
            seen: None,
        }
    }

    /// Returns once the lease is held.
    pub(super) async fn wait(&mut self) {
        let mut told = false;
        loop {
            match self.take().await {
                Ok(Some(asked)) => return self.fence.open_until(asked, HELD),
                Ok(None) if !told => {
                    told = true;
                    tracing::info!(lease = self.name, "another operator leads; standing by");
                }
                Ok(None) => {}
                Err(error) => tracing::warn!(%error, lease = self.name, "cannot look at the lease"),
            }
            sleep(LOOKED_AT_EVERY).await;
        }
    }

    /// Renews the lease for as long as that goes; returns when it is lost.
    pub(super) async fn hold(&mut self) {
        loop {
            sleep(RENEWED_EVERY).await;
            let renewed = timeout(ANSWERED_WITHIN, self.take()).await;
            match renewed.unwrap_or_else(|_| Err(kube::Error::Service("no answer in time".into()))) {
                // It may have run out meanwhile, and jobs have been given up: they are taken up again from the beginning.
                Ok(Some(asked)) if self.fence.extend(asked, HELD) => {}
                Ok(_) => return,
                // It may still be renewed in time; until then the fence decides.
                Err(error) => tracing::warn!(%error, lease = self.name, "cannot renew the lease"),
            }
            if !self.fence.is_open() {
                // Whoever comes first takes it, perhaps this one again: but then everything is read afresh.
                return;
            }
        }
    }

    /// Gives the lease back, so that the next need not wait for it to run out.
    pub(super) async fn give_back(&mut self) {
        self.fence.close();
        let Ok(Some(mut lease)) = self.leases.get_opt(&self.name).await else { return };
        let spec = lease.spec.get_or_insert_default();
        if spec.holder_identity.as_deref() != Some(&self.identity) {
            return;
        }
        spec.holder_identity = None;
        // Where it fails the lease runs out.
        let _ = self.leases.replace(&self.name, &PostParams::default(), &lease).await;
    }

    /// Takes or renews the lease if it is free, run out, or our own; since when it runs where it is ours now.
    async fn take(&mut self) -> kube::Result<Option<Instant>> {
        let asked = Instant::now();
        let params = PostParams::default();
        let found = self.leases.get_opt(&self.name).await?;
        let written = match found {
            None => self.leases.create(&params, &self.lease(None)).await,
            Some(lease) if self.may_take(&lease) => {
                let renewed = self.lease(Some(lease));
                self.leases.replace(&self.name, &params, &renewed).await
            }
            Some(_) => return Ok(None),
        };
        match written {
            Ok(_) => Ok(Some(asked)),
            // Somebody else was quicker.
            Err(kube::Error::Api(status)) if status.code == 409 => Ok(None),
            Err(error) => Err(error),
        }
    }

    fn may_take(&mut self, lease: &Lease) -> bool {
        let spec = lease.spec.as_ref();
        let holder = spec.and_then(|spec| spec.holder_identity.as_deref()).unwrap_or_default();
        if holder.is_empty() || holder == self.identity {
            return true;
        }
        let version = lease.metadata.resource_version.clone().unwrap_or_default();
        let lasts = spec
            .and_then(|spec| spec.lease_duration_seconds)
            .map_or(LASTS, |seconds| Duration::from_secs(u64::try_from(seconds).unwrap_or(LASTS.as_secs())));
        match &self.seen {
            Some((seen, since)) if *seen == version => since.elapsed() >= lasts,
            _ => {
                self.seen = Some((version, Instant::now()));
                false
            }
        }
    }

    fn lease(&self, found: Option<Lease>) -> Lease {
        let (metadata, before) = found.map_or_else(
            || (ObjectMeta { name: Some(self.name.clone()), ..ObjectMeta::default() }, LeaseSpec::default()),
            |lease| (lease.metadata, lease.spec.unwrap_or_default()),
        );
        let now = MicroTime(Timestamp::now());
        let is_ours = before.holder_identity.as_deref() == Some(&self.identity);
        let spec = LeaseSpec {
            holder_identity: Some(self.identity.clone()),
            lease_duration_seconds: Some(LASTS.as_secs() as i32),
            acquire_time: before.acquire_time.filter(|_| is_ours).or(Some(now.clone())),
            renew_time: Some(now),
            lease_transitions: Some(before.lease_transitions.unwrap_or(0) + i32::from(!is_ours)),
            ..before
        };
        Lease { metadata, spec: Some(spec) }
    }
}
