//! What a transaction that is to be replaced pays, read from its unsigned bytes.

use alloy_rlp::{Decodable, Header};
use ringi_primitives::request::Unsigned;
use ringi_provider::evm::Outbid;

/// Fees of an EVM transaction of any envelope. The bytes are our own: `None` would be our bug, and then the replacement
/// is only as dear as the market.
pub fn outbid(unsigned: &Unsigned) -> Option<Outbid> {
    let (kind, mut rest) = match unsigned.bytes.split_first()? {
        (kind @ (1 | 2 | 4), rest) => (*kind, rest),
        _ => (0, unsigned.bytes.as_slice()),
    };
    let header = Header::decode(&mut rest).ok().filter(|h| h.list)?;
    rest = rest.get(..header.payload_length)?;
    let mut number = || u128::decode(&mut rest).ok();
    // Legacy: nonce, price. 2930: chain, nonce, price. 1559 and 7702: chain, nonce, tip, most.
    let before = if kind == 0 { 1 } else { 2 };
    for _ in 0..before {
        number()?;
    }
    let first = number()?;
    let (tip, most) = if kind >= 2 { (first, number()?) } else { (first, first) };
    Some(Outbid { max_fee_per_gas: most, max_priority_fee_per_gas: tip })
}

#[cfg(test)]
mod tests {
    use super::*;
    use ringi_primitives::request::PayloadKind;

    fn of(bytes: &[u8]) -> Option<(u128, u128)> {
        let unsigned = Unsigned { kind: PayloadKind::Transaction, bytes: bytes.to_vec() };
        outbid(&unsigned).map(|o| (o.max_fee_per_gas, o.max_priority_fee_per_gas))
    }

    #[test]
    fn fees_are_read_from_every_envelope() {
        assert_eq!(of(&[0xc3, 0x05, 0x07, 0x09]), Some((7, 7)), "legacy");
        assert_eq!(of(&[0x01, 0xc4, 0x01, 0x05, 0x07, 0x09]), Some((7, 7)), "2930");
        assert_eq!(of(&[0x02, 0xc5, 0x01, 0x05, 0x02, 0x07, 0x09]), Some((7, 2)), "1559");
        assert_eq!(of(&[0x02, 0xc2, 0x01, 0x05]), None, "cut off");
        assert_eq!(of(&[]), None);
    }
}
