//! Derivation against public vectors, and shares that follow it on hundreds of paths.

use rand_core::{OsRng, RngCore};
use ringi_mpc::hd::{self, DeriveError};
use ringi_mpc::{SignTask, Tweak};
use ringi_primitives::scheme::Scheme;
use sha2::{Digest, Sha256};

use crate::ceremonies::verify;
use crate::net::{cached, refresh, sign};

/// Key and chain code of a BIP-32 extended public key; the checksum is checked.
fn xpub(text: &str) -> (Vec<u8>, [u8; 32]) {
    const ALPHABET: &str = "123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz";
    let mut bytes = [0u8; 82];
    for digit in text.chars() {
        let mut carry = ALPHABET.find(digit).unwrap() as u32;
        for byte in bytes.iter_mut().rev() {
            carry += u32::from(*byte) * 58;
            *byte = carry as u8;
            carry >>= 8;
        }
        assert_eq!(carry, 0);
    }
    let (payload, checksum) = bytes.split_at(78);
    assert_eq!(&Sha256::digest(Sha256::digest(payload))[..4], checksum);
    (payload[45..78].to_vec(), payload[13..45].try_into().unwrap())
}

/// The non-hardened steps of BIP-32's test vectors 1 and 2: parent, index, child.
const BIP32: [(&str, u32, &str); 6] = [
    (
        "xpub68Gmy5EdvgibQVfPdqkBBCHxA5htiqg55crXYuXoQRKfDBFA1WEjWgP6LHhwBZeNK1VTsfTFUHCdrfp1bgwQ9xv5ski8PX9rL2dZXvgGDnw",
        1,
        "xpub6ASuArnXKPbfEwhqN6e3mwBcDTgzisQN1wXN9BJcM47sSikHjJf3UFHKkNAWbWMiGj7Wf5uMash7SyYq527Hqck2AxYysAA7xmALppuCkwQ",
    ),
    (
        "xpub6D4BDPcP2GT577Vvch3R8wDkScZWzQzMMUm3PWbmWvVJrZwQY4VUNgqFJPMM3No2dFDFGTsxxpG5uJh7n7epu4trkrX7x7DogT5Uv6fcLW5",
        2,
        "xpub6FHa3pjLCk84BayeJxFW2SP4XRrFd1JYnxeLeU8EqN3vDfZmbqBqaGJAyiLjTAwm6ZLRQUMv1ZACTj37sR62cfN7fe5JnJ7dh8zL4fiyLHV",
    ),
    (
        "xpub6FHa3pjLCk84BayeJxFW2SP4XRrFd1JYnxeLeU8EqN3vDfZmbqBqaGJAyiLjTAwm6ZLRQUMv1ZACTj37sR62cfN7fe5JnJ7dh8zL4fiyLHV",
        1_000_000_000,
        "xpub6H1LXWLaKsWFhvm6RVpEL9P4KfRZSW7abD2ttkWP3SSQvnyA8FSVqNTEcYFgJS2UaFcxupHiYkro49S8yGasTvXEYBVPamhGW6cFJodrTHy",
    ),
    (
        "xpub661MyMwAqRbcFW31YEwpkMuc5THy2PSt5bDMsktWQcFF8syAmRUapSCGu8ED9W6oDMSgv6Zz8idoc4a6mr8BDzTJY47LJhkJ8UB7WEGuduB",
        0,
        "xpub69H7F5d8KSRgmmdJg2KhpAK8SR3DjMwAdkxj3ZuxV27CprR9LgpeyGmXUbC6wb7ERfvrnKZjXoUmmDznezpbZb7ap6r1D3tgFxHmwMkQTPH",
    ),
    (
        "xpub6ASAVgeehLbnwdqV6UKMHVzgqAG8Gr6riv3Fxxpj8ksbH9ebxaEyBLZ85ySDhKiLDBrQSARLq1uNRts8RuJiHjaDMBU4Zn9h8LZNnBC5y4a",
        1,
        "xpub6DF8uhdarytz3FWdA8TvFSvvAh8dP3283MY7p2V4SeE2wyWmG5mg5EwVvmdMVCQcoNJxGoWaU9DCWh89LojfZ537wTfunKau47EL2dhHKon",
    ),
    (
        "xpub6ERApfZwUNrhLCkDtcHTcxd75RbzS1ed54G1LkBUHQVHQKqhMkhgbmJbZRkrgZw4koxb5JaHWkY4ALHY2grBGRjaDMzQLcgJvLJuZZvRcEL",
        2,
        "xpub6FnCn6nSzZAw5Tw7cgR9bi15UV96gLZhjDstkXXxvCLsUXBGXPdSnLFbdpq8p9HmGsApME5hQTZ3emM2rnY5agb9rXpVGyy3bdW6EEgAtqt",
    ),
];

#[test]
fn bip32_vectors() {
    let mut run = 0;
    for scheme in [Scheme::EcdsaSecp256k1, Scheme::Bip340] {
        for (parent, index, child) in BIP32 {
            let ((key, code), (child_key, child_code)) = (xpub(parent), xpub(child));
            let derived = hd::derive_public(scheme, &key, &code, &[index]).unwrap();
            assert_eq!((derived.public_key, derived.chain_code), (child_key, child_code));
            run += 1;
        }
    }
    assert_eq!(run, 12);
}

/// BIP-86: account m/86'/0'/0', then (change, index), internal key, output key.
#[test]
fn bip86_vectors() {
    let (key, code) = xpub(
        "xpub6BgBgsespWvERF3LHQu6CnqdvfEvtMcQjYrcRzx53QJjSxarj2afYWcLteoGVky7D3UKDP9QyrLprQ3VCECoY49yfdDEHGCtMMj92pReUsQ",
    );
    let vectors = [
        (
            [0, 0],
            "cc8a4bc64d897bddc5fbc2f670f7a8ba0b386779106cf1223c6fc5d7cd6fc115",
            "a60869f0dbcf1dc659c9cecbaf8050135ea9e8cdc487053f1dc6880949dc684c",
        ),
        (
            [0, 1],
            "83dfe85a3151d2517290da461fe2815591ef69f2b18a2ce63f01697a8b313145",
            "a82f29944d65b86ae6b5e5cc75e294ead6c59391a1edc5e016e3498c67fc7bbb",
        ),
        (
            [1, 0],
            "399f1b2f4393f29a18c937859c5dd8a77350103157eb880f02e8c08214277cef",
            "882d74e5d0572d5a816cef0041a96b6c1de832f6f9676d9605c44d5e9a97d3dc",
        ),
    ];
    assert_eq!(vectors.len(), 3);
    for (path, internal, output) in vectors {
        let child = hd::derive_public(Scheme::Bip340, &key, &code, &path).unwrap();
        assert_eq!(hex::encode(&child.public_key[1..]), internal);
        assert_eq!(hex::encode(hd::taproot_output_key(&child.public_key.try_into().unwrap()).unwrap()), output);
    }
}

/// Our own scheme, frozen: RFC 8032's first test key as root, chain code of 1s. Computed by an independent implementation; also
/// shares sign under such keys (`shares_follow_every_path`).
#[test]
fn ed25519_scheme_is_frozen() {
    let root = hex::decode("d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a").unwrap();
    let child = hd::derive_public(Scheme::Ed25519, &root, &[1; 32], &[0, 7]).unwrap();
    assert_eq!(hex::encode(&child.public_key), "2ec0ed219a6e75c136fe569b861fadf9b56b84cf5277aa0b3a20867865420dbf");
    assert_eq!(hex::encode(child.chain_code), "4102f4faf3a297d8cec66e4e9ee178d1195cb7d3898d53338a7fa0428a5b7175");
    let steps = hd::derive_public(Scheme::Ed25519, &root, &[1; 32], &[0]).unwrap();
    assert_eq!(hd::derive_public(Scheme::Ed25519, &steps.public_key, &steps.chain_code, &[7]).unwrap(), child);
}

#[test]
fn what_has_no_child_is_refused() {
    let (secp, code) = xpub(BIP32[0].0);
    for scheme in [Scheme::EcdsaSecp256k1, Scheme::Bip340] {
        assert_eq!(hd::derive_public(scheme, &secp, &code, &[1 << 31]), Err(DeriveError::Hardened));
        assert_eq!(hd::derive_public(scheme, &secp, &code, &[0; 17]), Err(DeriveError::TooDeep));
        for bad in [&secp[..32], &[0; 33], &[2; 32], &[]] {
            assert_eq!(hd::derive_public(scheme, bad, &code, &[]), Err(DeriveError::PublicKey));
        }
    }
    // Identity, a point of order 8, y = -1 (order 2), a non-canonical y, no point.
    let mut one = [0; 32];
    one[0] = 1;
    let order8 = hex::decode("c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a").unwrap();
    let minus1 = hex::decode("ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f").unwrap();
    let above = hex::decode("eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f").unwrap();
    for bad in [&one[..], &order8, &minus1, &above, &[2; 32], &[2; 31]] {
        assert_eq!(hd::derive_public(Scheme::Ed25519, bad, &code, &[]), Err(DeriveError::PublicKey));
    }
}

/// Even and odd roots, children and output keys: each of 512 random paths signs, tweaked and not, before and after a refresh.
#[test]
fn shares_follow_every_path() {
    for scheme in [Scheme::Bip340, Scheme::Ed25519] {
        let refreshed = refresh(cached(scheme));
        for round in 0..8 {
            let shares = if round % 2 == 0 { cached(scheme) } else { refreshed.as_slice() };
            let paths: Vec<Vec<u32>> =
                (0..64).map(|len| (0..len % 5).map(|_| OsRng.next_u32() >> 1).collect()).collect();
            let tweak = |i: usize| {
                if scheme == Scheme::Bip340 && i % 4 < 3 { Tweak::TaprootKeyPath } else { Tweak::None }
            };
            let tasks: Vec<SignTask<'_>> = paths
                .iter()
                .enumerate()
                .map(|(i, path)| SignTask { path, tweak: tweak(i), message: vec![i as u8; 32] })
                .collect();
            let signatures = sign(shares, &[[1, 2], [2, 3]][round % 2], &tasks);
            assert_eq!(signatures.len(), 64);
            tasks.iter().zip(&signatures).for_each(|(task, signature)| verify(&shares[0], task, signature));
        }
    }
}
