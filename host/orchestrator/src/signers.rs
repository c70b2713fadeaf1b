//! Which t cosigners take part in an attempt.

use crate::ports::CosignerHealth;
use ringi_primitives::digest::Digest;
use ringi_primitives::scheme::PartyIndex;
use std::collections::BTreeSet;

/// What a set of signers must satisfy.
pub(crate) struct Wanted<'a> {
    /// t.
    pub(crate) threshold: usize,
    /// The policy set they must have in force (rule P1).
    pub(crate) policy: Digest,
    /// Must all be among them, by the rules that decide.
    pub(crate) designated: &'a BTreeSet<PartyIndex>,
    /// Refused this request for good.
    pub(crate) refusers: &'a BTreeSet<PartyIndex>,
    /// Better without, if possible: suspected or silent in an earlier attempt.
    pub(crate) suspects: &'a BTreeSet<PartyIndex>,
    /// Where to start, so that work is spread.
    pub(crate) offset: usize,
}

/// t healthy cosigners, ascending: ready, on this policy, not excluded by one another (rule K2); those with open channels
/// among themselves before others, and without suspects before with. `None` if there are not enough.
pub(crate) fn choose(health: &[CosignerHealth], wanted: &Wanted<'_>) -> Option<Vec<PartyIndex>> {
    let fit: Vec<&CosignerHealth> = health.iter().filter(|h| fits(h, wanted)).collect();
    let n = fit.len();
    let rotated: Vec<&CosignerHealth> = (0..n).filter_map(|i| fit.get((i + wanted.offset) % n).copied()).collect();
    let sets: Vec<Vec<&CosignerHealth>> = combinations(&rotated, wanted.threshold)
        .into_iter()
        .filter(|set| !any_pair(set, bans))
        .filter(|set| designated(set, wanted))
        .collect();
    let clean = |set: &&Vec<&CosignerHealth>| set.iter().all(|h| !wanted.suspects.contains(&h.party));
    let joined = |set: &&Vec<&CosignerHealth>| !any_pair(set, lacks_channel);
    let best = sets
        .iter()
        .find(|s| clean(s) && joined(s))
        .or_else(|| sets.iter().find(clean))
        .or_else(|| sets.iter().find(joined))
        .or_else(|| sets.first())?;
    let mut signers: Vec<PartyIndex> = best.iter().map(|h| h.party).collect();
    signers.sort();
    Some(signers)
}

fn fits(health: &CosignerHealth, wanted: &Wanted<'_>) -> bool {
    let ready = health.status.as_ref().is_some_and(|s| s.ready && s.policy == Some(wanted.policy));
    health.connected && ready && health.boot.is_some() && !wanted.refusers.contains(&health.party)
}

fn any_pair(set: &[&CosignerHealth], bad: fn(&CosignerHealth, PartyIndex) -> bool) -> bool {
    set.iter().any(|a| set.iter().any(|b| a.party != b.party && bad(a, b.party)))
}

fn designated(set: &[&CosignerHealth], wanted: &Wanted<'_>) -> bool {
    wanted.designated.iter().all(|party| set.iter().any(|h| h.party == *party))
}

fn bans(health: &CosignerHealth, other: PartyIndex) -> bool {
    health.status.as_ref().is_some_and(|s| s.banned.contains(&other))
}

fn lacks_channel(health: &CosignerHealth, other: PartyIndex) -> bool {
    !health.status.as_ref().is_some_and(|s| s.peers.contains(&other))
}

/// All sets of t, those with early elements first. n is at most 9, so at most 126.
fn combinations<'a>(from: &[&'a CosignerHealth], t: usize) -> Vec<Vec<&'a CosignerHealth>> {
    let Some((first, rest)) = from.split_first().filter(|_| t > 0) else {
        return if t == 0 { vec![Vec::new()] } else { Vec::new() };
    };
    let with = combinations(rest, t - 1).into_iter().map(|mut set| {
        set.insert(0, *first);
        set
    });
    with.chain(combinations(rest, t)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use ringi_primitives::genesis::Assurance;
    use ringi_primitives::key::{PublicKey, SignatureBytes};
    use ringi_primitives::receipt::{BootCertificate, SignedBoot};
    use ringi_primitives::wire::CosignerStatus;

    fn party(n: u8) -> PartyIndex {
        PartyIndex::new(n).unwrap()
    }

    fn healthy(n: u8) -> CosignerHealth {
        let certificate = BootCertificate {
            version: 1,
            genesis: Digest::ZERO,
            cosigner: party(n),
            boot: 1,
            receipt_key: PublicKey::Ed25519([0; 32]),
            assurance: Assurance::Process,
            attestation: None,
        };
        let status = CosignerStatus {
            me: party(n),
            boot: 1,
            ready: true,
            peers: (1..=3).filter(|p| *p != n).map(party).collect(),
            policy: Some(Digest::ZERO),
            certificates: Vec::new(),
            banned: Vec::new(),
            sequence: 0,
            sessions: 0,
            boot_key: PublicKey::Ed25519([0; 32]),
            drills: Vec::new(),
            proved: vec![],
            refusal: None,
            freezes: None,
        };
        let boot = SignedBoot { certificate, signature: SignatureBytes([0; 64]) };
        CosignerHealth { party: party(n), connected: true, status: Some(status), boot: Some(boot), introduction: None }
    }

    fn pick(health: &[CosignerHealth], refusers: &[u8], suspects: &[u8], offset: usize) -> Option<Vec<u8>> {
        let set = |list: &[u8]| list.iter().map(|n| party(*n)).collect::<BTreeSet<_>>();
        let (refusers, suspects) = (set(refusers), set(suspects));
        let designated = BTreeSet::new();
        let wanted = Wanted {
            threshold: 2,
            policy: Digest::ZERO,
            designated: &designated,
            refusers: &refusers,
            suspects: &suspects,
            offset,
        };
        choose(health, &wanted).map(|s| s.iter().map(|p| p.number()).collect())
    }

    #[test]
    fn work_is_spread_and_the_unfit_left_out() {
        let mut all: Vec<_> = (1..=3).map(healthy).collect();
        assert_eq!(pick(&all, &[], &[], 0), Some(vec![1, 2]));
        assert_eq!(pick(&all, &[], &[], 1), Some(vec![2, 3]));
        assert_eq!(pick(&all, &[], &[], 2), Some(vec![1, 3]));
        assert_eq!(pick(&all, &[2], &[], 0), Some(vec![1, 3]));
        assert_eq!(pick(&all, &[1, 2], &[], 0), None);
        assert_eq!(pick(&all, &[], &[1], 0), Some(vec![2, 3]));
        assert_eq!(pick(&all, &[], &[1, 2], 0), Some(vec![1, 2]), "suspects are better than nobody");
        all[0].connected = false;
        assert_eq!(pick(&all, &[], &[], 0), Some(vec![2, 3]));
        all[1].status.as_mut().unwrap().policy = None;
        assert_eq!(pick(&all, &[], &[], 0), None);
    }

    #[test]
    fn k2_the_banned_never_sign_with_who_banned_them() {
        let mut all: Vec<_> = (1..=3).map(healthy).collect();
        all[0].status.as_mut().unwrap().banned = vec![party(2)];
        assert_eq!(pick(&all, &[], &[], 0), Some(vec![1, 3]));
        all[2].status.as_mut().unwrap().banned = vec![party(2)];
        assert_eq!(pick(&all, &[], &[], 1), Some(vec![1, 3]));
    }

    #[test]
    fn those_with_channels_go_first() {
        let mut all: Vec<_> = (1..=3).map(healthy).collect();
        all[0].status.as_mut().unwrap().peers = vec![party(3)];
        assert_eq!(pick(&all, &[], &[], 0), Some(vec![1, 3]));
    }
}
