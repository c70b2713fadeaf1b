//! Public vectors of addresses and derivation: BIP-32, 84, 86, 173, 341, 350. Digests and PSBTs lie beside their code.

use ::bitcoin::bip32::{DerivationPath, Xpriv};
use ::bitcoin::secp256k1::Secp256k1;
use ringi_chain::bitcoin::{AddressKind, address_of, format_address, parse_address};
use ringi_primitives::network::BitcoinNetwork;
use serde_json::Value;
use std::str::FromStr as _;

fn file(text: &str) -> Value {
    serde_json::from_str(text).unwrap()
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap()
}

/// The compressed public key at a path below a BIP-32 root.
fn derive(root: &Value, path: &Value) -> Vec<u8> {
    let secp = Secp256k1::new();
    let root: Xpriv = text(root).parse().unwrap();
    let path: DerivationPath = text(path).parse().unwrap();
    root.derive_priv(&secp, &path).unwrap().private_key.public_key(&secp).serialize().to_vec()
}

#[test]
fn bip84_addresses() {
    let file = file(include_str!("../../../vectors/bitcoin/bip84.json"));
    let vectors = file["vectors"].as_array().unwrap();
    assert_eq!(vectors.len(), 3);
    for v in vectors {
        let key = derive(&file["root"], &v["path"]);
        assert_eq!(hex::encode(&key), text(&v["publicKey"]));
        let (address, shown) = address_of(BitcoinNetwork::Main, AddressKind::P2wpkh, &key).unwrap();
        assert_eq!(shown, text(&v["address"]));
        assert_eq!(parse_address(BitcoinNetwork::Main, &shown), Ok(address));
    }
}

#[test]
fn bip86_addresses() {
    let file = file(include_str!("../../../vectors/bitcoin/bip86.json"));
    let vectors = file["vectors"].as_array().unwrap();
    assert_eq!(vectors.len(), 3);
    for v in vectors {
        let key = derive(&file["root"], &v["path"]);
        assert_eq!(hex::encode(&key[1..]), text(&v["internalKey"]));
        let (address, shown) = address_of(BitcoinNetwork::Main, AddressKind::P2tr, &key).unwrap();
        assert_eq!(hex::encode(address.raw()), format!("5120{}", text(&v["outputKey"])));
        assert_eq!(shown, text(&v["address"]));
        assert_eq!(parse_address(BitcoinNetwork::Main, &shown), Ok(address));
    }
}

/// Of the seven outputs one commits to no scripts: that one is ours; the others, with hidden scripts, never are.
#[test]
fn bip341_output_keys() {
    let file = file(include_str!("../../../vectors/bitcoin/bip341-wallet.json"));
    let vectors = file["scriptPubKey"].as_array().unwrap();
    assert_eq!(vectors.len(), 7);
    let mut ours = 0;
    for v in vectors {
        let key = [&[2], &hex::decode(text(&v["given"]["internalPubkey"])).unwrap()[..]].concat();
        let (address, shown) = address_of(BitcoinNetwork::Main, AddressKind::P2tr, &key).unwrap();
        let same = hex::encode(address.raw()) == text(&v["expected"]["scriptPubKey"]);
        assert_eq!(same, v["given"]["scriptTree"].is_null());
        assert_eq!(same, shown == text(&v["expected"]["bip350Address"]));
        ours += usize::from(same);
    }
    assert_eq!(ours, 1);
}

fn network(chain: &str) -> BitcoinNetwork {
    match chain {
        "main" => BitcoinNetwork::Main,
        "testnet4" => BitcoinNetwork::Testnet,
        "signet" => BitcoinNetwork::Signet,
        "regtest" => BitcoinNetwork::Regtest,
        other => panic!("{other}"),
    }
}

const NETWORKS: [BitcoinNetwork; 4] =
    [BitcoinNetwork::Main, BitcoinNetwork::Testnet, BitcoinNetwork::Signet, BitcoinNetwork::Regtest];

#[test]
fn valid_addresses_are_read_or_of_a_kind_not_paid() {
    let file = file(include_str!("../../../vectors/bitcoin/addresses.json"));
    let vectors = file["valid"].as_array().unwrap();
    assert_eq!(vectors.len(), 54);
    let (mut read, mut refused) = (0, 0);
    for v in vectors {
        let (shown, script, net) = (text(&v["address"]), text(&v["script"]), network(text(&v["chain"])));
        // P2PKH, P2SH, P2WPKH, P2WSH and P2TR with a key that is a point; what is left nobody can spend.
        let point = |hex: &str| ::bitcoin::XOnlyPublicKey::from_str(hex).is_ok();
        let taproot = script.strip_prefix("5120").is_some_and(point);
        if taproot || ["76a9", "a914", "0014", "0020"].iter().any(|head| script.starts_with(head)) {
            read += 1;
            let address = parse_address(net, shown).unwrap_or_else(|e| panic!("{shown}: {e}"));
            assert_eq!(hex::encode(address.raw()), script);
            assert_eq!(format_address(net, &address), shown);
            let main = net == BitcoinNetwork::Main;
            let elsewhere = NETWORKS.into_iter().filter(|n| (*n == BitcoinNetwork::Main) != main);
            elsewhere.for_each(|n| assert!(parse_address(n, shown).is_err(), "{shown} on {n:?}"));
        } else {
            refused += 1;
            assert!(parse_address(net, shown).is_err(), "{shown}");
        }
    }
    assert_eq!((read, refused), (41, 13));
}

#[test]
fn invalid_addresses_are_refused_everywhere() {
    let file = file(include_str!("../../../vectors/bitcoin/addresses.json"));
    let vectors = file["invalid"].as_array().unwrap();
    assert_eq!(vectors.len(), 70);
    for v in vectors {
        for net in NETWORKS {
            assert!(parse_address(net, text(v)).is_err(), "{v} on {net:?}");
        }
    }
}

#[test]
fn one_spelling_per_address() {
    let lower = "bc1qcr8te4kr609gcawutmrza0j4xv80jy8z306fyu";
    assert!(parse_address(BitcoinNetwork::Main, lower).is_ok());
    for other in [lower.to_uppercase(), format!(" {lower}"), format!("{lower} "), format!("bitcoin:{lower}")] {
        assert!(parse_address(BitcoinNetwork::Main, &other).is_err(), "{other}");
    }
    // Testnet and signet share their forms; regtest has its own.
    let test = "tb1qw508d6qejxtdg4y5r3zarvary0c5xw7kxpjzsx";
    assert!(parse_address(BitcoinNetwork::Testnet, test).is_ok());
    assert!(parse_address(BitcoinNetwork::Signet, test).is_ok());
    assert!(parse_address(BitcoinNetwork::Regtest, test).is_err());
}

#[test]
fn a_key_that_is_none_has_no_address() {
    for key in [&[][..], &[2; 32], &[2; 65], &[5; 33], &[0; 33]] {
        assert!(address_of(BitcoinNetwork::Main, AddressKind::P2wpkh, key).is_err());
        assert!(address_of(BitcoinNetwork::Main, AddressKind::P2tr, key).is_err());
    }
}
