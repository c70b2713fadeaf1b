//! Rule E1 while the platform runs: one cosigner is stopped, its state goes to the next image, and it comes back. The others sign
//! meanwhile, and let it in again (rule B1); so it is done only while all of them are ready, and to one at a time.

use super::Fleet;
use crate::failure::Failure;
use crate::platform::handover::UpgradeOrder;
use crate::platform::images::{Images, others};
use ringi_enclave_host::{Backoff, Enclave, Home, supervise};
use ringi_orchestrator::ports::{Cosigners as _, DocumentAnswer};
use ringi_primitives::genesis::GenesisChain;
use ringi_primitives::scheme::PartyIndex;
use ringi_primitives::signed::Signed;
use ringi_primitives::wire::{Refusal, Retry};
use std::sync::Arc;

impl Fleet {
    /// Carries out a signed order: whether a quorum signed it both images check for themselves.
    pub(super) async fn upgrade(&self, genesis: &[Signed], signed: Signed) -> DocumentAnswer {
        let _turn = self.0.upgrading.lock().await;
        match self.carried(genesis, signed).await {
            Ok(answer) => answer,
            Err(failure) => {
                tracing::error!(code = failure.code, "a cosigner was not upgraded: {}", failure.what);
                let (code, detail) = (failure.code.to_string(), failure.what);
                DocumentAnswer::Refused(Refusal { code, detail, retry: Retry::Later, peers: vec![] })
            }
        }
    }

    async fn carried(&self, genesis: &[Signed], signed: Signed) -> Result<DocumentAnswer, Failure> {
        let plain =
            || Failure::new("upgrade.unattested", "plain processes are measured by nobody: there is no upgrade", "");
        let images = self.0.images.as_ref().ok_or_else(plain)?;
        let order = UpgradeOrder::read(signed)?;
        let chain = GenesisChain::verify(genesis).map_err(|e| Failure::new("cli.genesis", e, "report this"))?;
        let new = images.ordered(&order)?;
        let homes = images.homes(order.cosigner)?;
        if homes.is_there(&chain)? {
            return Ok(DocumentAnswer::Order { certificate: None });
        }
        self.others_are_ready(&chain, order.cosigner)?;
        let old = images.of_home(&homes.present)?;
        self.leave(order.cosigner).await;
        let moved = homes.move_over(genesis, &order, (old.as_ref(), new.as_ref())).await;
        // Cut off between its renames the new folder may be in the place already.
        let runs = images.of_home(&homes.present).unwrap_or(old);
        self.come_back(images, order.cosigner, runs, homes.home()).await?;
        let upgraded = moved?;
        Ok(DocumentAnswer::Upgraded { from: upgraded.from, to: upgraded.to })
    }

    fn others_are_ready(&self, chain: &GenesisChain, cosigner: PartyIndex) -> Result<(), Failure> {
        let health = self.health();
        let is_ready = |party: PartyIndex| {
            let own = health.iter().find(|h| h.party == party);
            own.and_then(|h| h.status.as_ref()).is_some_and(|status| status.ready)
        };
        match others(chain, cosigner).find(|party| !is_ready(*party)) {
            None => Ok(()),
            Some(party) => {
                let what = format!("cosigner {} is not ready, and must sign and let the other in", party.number());
                Err(Failure::new("cosigner.unready", what, "wait until `ringi status` shows it ready"))
            }
        }
    }

    /// Stops one for good and waits until nothing more is heard of it.
    async fn leave(&self, party: PartyIndex) {
        let Some(member) = self.members().remove(&party) else { return };
        member.supervised.stop().await;
        let _ = member.listening.await;
    }

    async fn come_back(
        &self,
        images: &Images,
        party: PartyIndex,
        enclave: Arc<dyn Enclave>,
        home: Home,
    ) -> Result<(), Failure> {
        let started = supervise(enclave, party, home, Backoff::default()).await.map_err(|e| {
            let next = "stop the platform and start it again: its state is in its folder";
            Failure::new(e.code(), format!("cosigner {} does not start again: {e}", party.number()), next)
        });
        tracing::info!(code = "upgrade.back", cosigner = party.number(), "in {}", images.data.display());
        self.enlist([started?]);
        Ok(())
    }
}
