//! The two digests that are ever signed: BIP-143 with `SIGHASH_ALL`, BIP-341 key path with `SIGHASH_DEFAULT`.

use crate::ChainError;
use ::bitcoin::hashes::Hash as _;
use ::bitcoin::sighash::{EcdsaSighashType, Prevouts, SighashCache, TapSighashType};
use ::bitcoin::{Transaction, TxOut};

type Cache<'a> = SighashCache<&'a Transaction>;

const NO_DIGEST: ChainError = ChainError::Undecodable("no digest for an input");

/// BIP-143 for input `n`, which spends the P2WPKH output `spent`.
pub(super) fn segwit_v0(cache: &mut Cache, n: usize, spent: &TxOut) -> Result<[u8; 32], ChainError> {
    let digest = cache.p2wpkh_signature_hash(n, &spent.script_pubkey, spent.value, EcdsaSighashType::All);
    Ok(digest.map_err(|_| NO_DIGEST)?.to_byte_array())
}

/// BIP-341 for input `n`; `spent` are the outputs that all inputs spend, in order.
pub(super) fn taproot(cache: &mut Cache, n: usize, spent: &[&TxOut]) -> Result<[u8; 32], ChainError> {
    taproot_of_type(cache, n, spent, TapSighashType::Default)
}

fn taproot_of_type(
    cache: &mut Cache,
    n: usize,
    spent: &[&TxOut],
    kind: TapSighashType,
) -> Result<[u8; 32], ChainError> {
    let digest = cache.taproot_key_spend_signature_hash(n, &Prevouts::All(spent), kind);
    Ok(digest.map_err(|_| NO_DIGEST)?.to_byte_array())
}

#[cfg(test)]
mod tests {
    use super::*;
    use ::bitcoin::{Amount, ScriptBuf, consensus};
    use serde_json::Value;

    fn read(text: &str) -> Value {
        serde_json::from_str(text).unwrap()
    }

    fn text(value: &Value) -> &str {
        value.as_str().unwrap()
    }

    fn tx(value: &Value) -> Transaction {
        consensus::deserialize(&hex::decode(text(value)).unwrap()).unwrap()
    }

    #[test]
    fn bip143_examples() {
        let file = read(include_str!("../../vectors/bitcoin/bip143.json"));
        let vectors = file["vectors"].as_array().unwrap();
        assert_eq!(vectors.len(), 2);
        for v in vectors {
            let tx = tx(&v["unsignedTx"]);
            let value = Amount::from_sat(text(&v["amount"]).parse().unwrap());
            let spent = TxOut { value, script_pubkey: ScriptBuf::from_hex(text(&v["script"])).unwrap() };
            let n = usize::try_from(v["input"].as_u64().unwrap()).unwrap();
            let digest = segwit_v0(&mut SighashCache::new(&tx), n, &spent).unwrap();
            assert_eq!(hex::encode(digest), text(&v["sighash"]), "{}", v["name"]);
        }
    }

    #[test]
    fn bip341_key_path_digests() {
        let file = read(include_str!("../../vectors/bitcoin/bip341-wallet.json"));
        let [case] = file["keyPathSpending"].as_array().unwrap().as_slice() else { panic!("one transaction") };
        let tx = tx(&case["given"]["rawUnsignedTx"]);
        let spent = case["given"]["utxosSpent"].as_array().unwrap().iter().map(|u| TxOut {
            value: Amount::from_sat(u["amountSats"].as_u64().unwrap()),
            script_pubkey: ScriptBuf::from_hex(text(&u["scriptPubKey"])).unwrap(),
        });
        let spent: Vec<TxOut> = spent.collect();
        let spent: Vec<&TxOut> = spent.iter().collect();
        let inputs = case["inputSpending"].as_array().unwrap();
        assert_eq!(inputs.len(), 7);
        let mut default = 0;
        for input in inputs {
            let n = usize::try_from(input["given"]["txinIndex"].as_u64().unwrap()).unwrap();
            let byte = u8::try_from(input["given"]["hashType"].as_u64().unwrap()).unwrap();
            let kind = TapSighashType::from_consensus_u8(byte).unwrap();
            let mut cache = SighashCache::new(&tx);
            let digest = taproot_of_type(&mut cache, n, &spent, kind).unwrap();
            assert_eq!(hex::encode(digest), text(&input["intermediary"]["sigHash"]), "input {n}");
            if kind == TapSighashType::Default {
                default += 1;
                assert_eq!(taproot(&mut cache, n, &spent).unwrap(), digest);
            }
        }
        assert_eq!(default, 1);
    }
}
