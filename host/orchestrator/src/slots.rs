//! Which nonces and coins are taken, in memory: a mirror of the store's reservations plus choices not stored yet.
//!
//! Nonces have no gaps (rule I3): the lowest free one is given first, and one that is given back is given again.

use ringi_primitives::address::Address;
use ringi_primitives::effects::{Outpoint, Slot};
use ringi_primitives::id::IntentId;
use ringi_primitives::network::NetworkId;
use std::collections::{BTreeMap, BTreeSet};

type Account = (NetworkId, Address);

/// Reserved slots by owner, which is the first intent of a replacement chain.
#[derive(Default)]
pub(crate) struct Slots {
    nonces: BTreeMap<Account, BTreeMap<u64, IntentId>>,
    floors: BTreeMap<Account, u64>,
    outpoints: BTreeMap<NetworkId, BTreeMap<Outpoint, IntentId>>,
    pinned: BTreeSet<(NetworkId, Address, u64)>,
}

impl Slots {
    /// Takes the lowest nonce that is free from the chain's own next one on.
    pub(crate) fn take_nonce(&mut self, network: NetworkId, account: Address, next: u64, owner: IntentId) -> u64 {
        let key = (network, account);
        let floor = self.floors.get(&key).copied().unwrap_or(0);
        let taken = self.nonces.entry(key).or_default();
        let mut nonce = next.max(floor);
        while taken.contains_key(&nonce) {
            nonce = nonce.saturating_add(1);
        }
        taken.insert(nonce, owner);
        nonce
    }

    /// Enters what is reserved already.
    pub(crate) fn enter_nonce(&mut self, network: NetworkId, account: Address, nonce: u64, owner: IntentId) {
        self.nonces.entry((network, account)).or_default().insert(nonce, owner);
    }

    /// All signers have pinned this slot.
    pub(crate) fn pin(&mut self, slot: &Slot) {
        if let Slot::Nonce { network, account, nonce } = slot {
            self.pinned.insert((*network, *account, *nonce));
        }
    }

    /// The attempt that pinned it failed: signers take such pins back (rule L2).
    pub(crate) fn unpin(&mut self, slot: &Slot) {
        if let Slot::Nonce { network, account, nonce } = slot {
            self.pinned.remove(&(*network, *account, *nonce));
        }
    }

    /// Whether every lower nonce of the account that is held here is pinned: cosigners refuse gaps (rule I3).
    pub(crate) fn is_turn(&self, slot: &Slot) -> bool {
        let Slot::Nonce { network, account, nonce } = slot else { return true };
        let lower = self.nonces.get(&(*network, *account)).into_iter().flat_map(|held| held.range(..nonce));
        lower.into_iter().all(|(n, _)| self.pinned.contains(&(*network, *account, *n)))
    }

    /// The coins of this network that others hold.
    pub(crate) fn foreign_coins(&self, network: NetworkId, owner: IntentId) -> BTreeSet<Outpoint> {
        let held = self.outpoints.get(&network).into_iter().flatten();
        held.filter(|(_, o)| **o != owner).map(|(outpoint, _)| *outpoint).collect()
    }

    /// Enters coins; `false` and nothing entered if another holds one.
    pub(crate) fn enter_coins(&mut self, network: NetworkId, outpoints: &[Outpoint], owner: IntentId) -> bool {
        let held = self.outpoints.entry(network).or_default();
        if outpoints.iter().any(|o| held.get(o).is_some_and(|h| *h != owner)) {
            return false;
        }
        held.extend(outpoints.iter().map(|o| (*o, owner)));
        true
    }

    /// Gives back everything this owner holds.
    pub(crate) fn release(&mut self, owner: IntentId) {
        self.nonces.values_mut().for_each(|taken| taken.retain(|_, o| *o != owner));
        self.nonces.retain(|_, taken| !taken.is_empty());
        self.outpoints.values_mut().for_each(|held| held.retain(|_, o| *o != owner));
    }

    /// The slot is used up on chain: no lower nonce of the account is ever given again.
    pub(crate) fn settle(&mut self, slot: &Slot, owner: IntentId) {
        match slot {
            Slot::Nonce { network, account, nonce } => {
                let key = (*network, *account);
                let floor = self.floors.entry(key).or_default();
                *floor = (*floor).max(nonce.saturating_add(1));
                if let Some(taken) = self.nonces.get_mut(&key) {
                    taken.remove(nonce);
                }
                self.pinned.remove(&(*network, *account, *nonce));
            }
            Slot::Outpoints { network, .. } => {
                if let Some(held) = self.outpoints.get_mut(network) {
                    held.retain(|_, o| *o != owner);
                }
            }
            Slot::Message { .. } => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn intent(n: u8) -> IntentId {
        IntentId::from_bytes([n; 16])
    }

    #[test]
    fn i3_nonces_have_no_gaps_and_freed_ones_go_first() {
        let (net, account) = (NetworkId::Evm(1), Address::new(&[1; 20]).unwrap());
        let mut slots = Slots::default();
        assert_eq!(slots.take_nonce(net, account, 5, intent(1)), 5);
        assert_eq!(slots.take_nonce(net, account, 5, intent(2)), 6);
        assert_eq!(slots.take_nonce(net, account, 5, intent(3)), 7);
        slots.release(intent(2));
        assert_eq!(slots.take_nonce(net, account, 5, intent(4)), 6);
        assert_eq!(slots.take_nonce(net, account, 5, intent(5)), 8);
        let used = Slot::Nonce { network: net, account, nonce: 8 };
        slots.settle(&used, intent(5));
        assert_eq!(slots.take_nonce(net, account, 5, intent(6)), 9, "a stale node never brings an old nonce back");
        let other = Address::new(&[2; 20]).unwrap();
        assert_eq!(slots.take_nonce(net, other, 0, intent(7)), 0);
    }

    #[test]
    fn i3_a_nonce_waits_until_the_lower_ones_are_pinned() {
        let (net, account) = (NetworkId::Evm(1), Address::new(&[1; 20]).unwrap());
        let slot = |nonce| Slot::Nonce { network: net, account, nonce };
        let mut slots = Slots::default();
        for n in 1..=3 {
            slots.take_nonce(net, account, 0, intent(n));
        }
        assert!(slots.is_turn(&slot(0)) && !slots.is_turn(&slot(1)) && !slots.is_turn(&slot(2)));
        slots.pin(&slot(0));
        assert!(slots.is_turn(&slot(1)) && !slots.is_turn(&slot(2)));
        slots.settle(&slot(0), intent(1));
        slots.release(intent(2));
        assert!(slots.is_turn(&slot(2)));
    }

    #[test]
    fn i3_coins_have_one_owner() {
        let net = NetworkId::Bitcoin(ringi_primitives::network::BitcoinNetwork::Regtest);
        let coin = |n: u8| Outpoint { txid: [n; 32], vout: 0 };
        let mut slots = Slots::default();
        assert!(slots.enter_coins(net, &[coin(1), coin(2)], intent(1)));
        assert!(!slots.enter_coins(net, &[coin(3), coin(2)], intent(2)));
        assert!(slots.enter_coins(net, &[coin(1), coin(3)], intent(1)), "a replacement keeps its own");
        assert_eq!(slots.foreign_coins(net, intent(2)).len(), 3);
        slots.release(intent(1));
        assert!(slots.foreign_coins(net, intent(2)).is_empty());
    }
}
