//! Honest runs: every scheme and size generates, signs, derives, refreshes and survives sealing.

use k256::ecdsa::signature::hazmat::PrehashVerifier;
use ringi_mpc::{KeyShare, SignTask, Signature, Tweak, hd};
use ringi_primitives::scheme::Scheme;

use crate::net::{cached, keygen, refresh, sign};

/// Verifies with code that is not ours and not the threshold libraries', under the key derived without any share.
pub fn verify(share: &KeyShare, task: &SignTask<'_>, signature: &Signature) {
    let child = hd::derive_public(share.scheme(), share.public_key(), &share.chain_code(), task.path).unwrap();
    match share.scheme() {
        Scheme::EcdsaSecp256k1 => {
            let key = k256::ecdsa::VerifyingKey::from_sec1_bytes(&child.public_key).unwrap();
            let sig = k256::ecdsa::Signature::from_slice(signature.bytes()).unwrap();
            assert_eq!(sig.normalize_s(), sig, "s is high");
            key.verify_prehash(&task.message, &sig).unwrap();
            let id = k256::ecdsa::RecoveryId::from_byte(signature.recovery_id().unwrap()).unwrap();
            let recovered = k256::ecdsa::VerifyingKey::recover_from_prehash(&task.message, &sig, id).unwrap();
            assert_eq!(recovered, key, "recovery id");
        }
        Scheme::Bip340 => {
            let compressed: [u8; 33] = child.public_key.try_into().unwrap();
            let x: [u8; 32] = match task.tweak {
                Tweak::None => compressed[1..].try_into().unwrap(),
                Tweak::TaprootKeyPath => hd::taproot_output_key(&compressed).unwrap(),
            };
            let key = k256::schnorr::VerifyingKey::from_slice(&x).unwrap();
            let sig = k256::schnorr::Signature::try_from(signature.bytes().as_slice()).unwrap();
            key.verify_raw(&task.message, &sig).unwrap();
        }
        Scheme::Ed25519 => {
            let key: [u8; 32] = child.public_key.try_into().unwrap();
            let key = ed25519_dalek::VerifyingKey::from_bytes(&key).unwrap();
            let sig = ed25519_dalek::Signature::from_bytes(signature.bytes());
            key.verify_strict(&task.message, &sig).unwrap();
        }
    }
}

pub fn task(path: &[u32], byte: u8) -> SignTask<'_> {
    SignTask { path, tweak: Tweak::None, message: vec![byte; 32] }
}

#[test]
fn every_pair_of_2_of_3_signs_a_batch() {
    for scheme in Scheme::ALL {
        let shares = cached(scheme);
        for signers in [[1, 2], [1, 3], [2, 3]] {
            let tasks = [task(&[], 1), task(&[44, 60, 0, 0, 7], 2), task(&[44, 60, 0, 0, 8], 3)];
            let signatures = sign(shares, &signers, &tasks);
            assert_eq!(signatures.len(), 3);
            for (task, signature) in tasks.iter().zip(&signatures) {
                verify(&shares[0], task, signature);
            }
        }
    }
}

#[test]
fn sizes_from_2_of_2_to_9() {
    for scheme in Scheme::ALL {
        for (t, n, signers) in [(2, 2, vec![1, 2]), (3, 3, vec![1, 2, 3]), (3, 5, vec![1, 3, 5])] {
            if scheme == Scheme::EcdsaSecp256k1 && n > 3 {
                continue;
            }
            let shares = keygen(scheme, t, n);
            let tasks = [task(&[5], 4)];
            verify(&shares[0], &tasks[0], &sign(&shares, &signers, &tasks)[0]);
        }
    }
    let shares = keygen(Scheme::Bip340, 5, 9);
    let tasks = [task(&[5], 4)];
    verify(&shares[0], &tasks[0], &sign(&shares, &[1, 2, 4, 8, 9], &tasks)[0]);
}

/// K2: a refresh keeps key and addresses, makes new shares, and leaves the old ones working.
#[test]
fn k2_refresh_keeps_the_key_and_the_old_epoch() {
    for scheme in Scheme::ALL {
        let old = cached(scheme);
        let new = refresh(old);
        for (before, after) in old.iter().zip(&new) {
            assert_eq!(after.epoch(), before.epoch() + 1);
            assert_eq!(after.public_key(), before.public_key());
            assert_eq!(after.chain_code(), before.chain_code());
            assert_ne!(*after.expose_bytes().unwrap(), *before.expose_bytes().unwrap());
        }
        let tasks = [task(&[1, 2], 5)];
        verify(&old[0], &tasks[0], &sign(&new, &[2, 3], &tasks)[0]);
        verify(&old[0], &tasks[0], &sign(old, &[1, 3], &tasks)[0]);
        if scheme == Scheme::EcdsaSecp256k1 {
            continue;
        }
        let twice = refresh(&new);
        assert_eq!(twice[0].epoch(), 2);
        verify(&old[0], &tasks[0], &sign(&twice, &[1, 2], &tasks)[0]);
    }
}

#[test]
fn sealed_shares_sign_and_damaged_ones_are_refused() {
    for scheme in Scheme::ALL {
        let shares = cached(scheme);
        let bytes: Vec<_> = shares.iter().map(|s| s.expose_bytes().unwrap()).collect();
        let back: Vec<KeyShare> = bytes.iter().map(|b| KeyShare::unseal_bytes(b).unwrap()).collect();
        let tasks = [task(&[3], 6)];
        verify(&shares[0], &tasks[0], &sign(&back, &[1, 2], &tasks)[0]);
        for at in 0..9 {
            let mut damaged = bytes[0].to_vec();
            damaged[at] ^= 0x40;
            let epoch_only = (5..9).contains(&at);
            assert_eq!(KeyShare::unseal_bytes(&damaged).is_ok(), epoch_only, "byte {at}");
        }
        for len in [0, 8, 40, 72, 73, bytes[0].len() - 33, bytes[0].len() - 1] {
            assert!(KeyShare::unseal_bytes(&bytes[0][..len]).is_err());
        }
        assert!(KeyShare::unseal_bytes(&[bytes[0].as_slice(), &[0]].concat()).is_err());
    }
}
