//! What holds of a 32-byte word of call data or typed data: shared by `calls` and `messages`.

use crate::case::Sort;
use ringi_primitives::address::Address;
use ringi_primitives::amount::Amount;
use ringi_primitives::network::NetworkId;
use ringi_primitives::policy_set::{AllowEntry, WordTest};

/// Whether the word of an effect of this sort is as the test says.
pub(crate) fn holds<'a>(test: &'a WordTest, word: Amount, sort: &Sort<'a>) -> bool {
    match test {
        WordTest::OneOf(words) => words.contains(&word),
        WordTest::Between { least, most } => (*least..=*most).contains(&word),
        WordTest::Destination(any) => {
            account(word, sort.network).is_some_and(|entry| sort.place.named(entry).is_any(any))
        }
    }
}

/// The account that a word holds: 20 bytes after 12 zeros.
fn account(word: Amount, network: NetworkId) -> Option<AllowEntry> {
    let bytes = word.to_be_bytes();
    let (zeros, account) = bytes.split_at_checked(12)?;
    let address = Address::new(account)?;
    zeros.iter().all(|b| *b == 0).then_some(AllowEntry { network, address })
}
