//! BIP-340's test vectors, through the verifier that checks a signature before it leaves (`aggregate` of the same suite).
//! Source: bitcoin/bips, bip-0340/test-vectors.csv, all 19 vectors.

use frost_secp256k1_tr::{Signature, VerifyingKey};

const VECTORS: &str = include_str!("../../vectors/bip340.csv");

fn verifies(public: &str, message: &str, signature: &str) -> bool {
    let key = VerifyingKey::deserialize(&hex::decode(format!("02{public}")).unwrap());
    let signature = Signature::deserialize(&hex::decode(signature).unwrap());
    let message = hex::decode(message).unwrap();
    matches!((key, signature), (Ok(key), Ok(signature)) if key.verify(&message, &signature).is_ok())
}

#[test]
fn bip340_vectors() {
    let mut run = (0, 0);
    for line in VECTORS.lines().skip(1) {
        let fields: Vec<&str> = line.split(',').collect();
        let wanted = fields[6] == "TRUE";
        assert_eq!(verifies(fields[2], fields[4], fields[5]), wanted, "vector {}: {}", fields[0], fields[7]);
        run = if wanted { (run.0 + 1, run.1) } else { (run.0, run.1 + 1) };
    }
    assert_eq!(run, (9, 10));
}
