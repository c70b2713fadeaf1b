//! Hostile carriers: dropping, altering, repeating, delaying, another sender's name.

use crate::desk::{Desk, Got, party};
use ringi_relay::{Carrier, Due, Letter, Relay};
use std::sync::Arc;
use std::time::Instant;

/// By the first byte of the frame.
struct Hostile;

impl Carrier for Hostile {
    fn carry(&self, mut letter: Letter) -> Vec<Due> {
        match letter.frame[0] {
            b'd' => vec![],
            b'r' => vec![Due::now(letter.clone()), Due::now(letter)],
            b'a' => {
                letter.frame = b"altered".to_vec();
                vec![Due::now(letter)]
            }
            b'n' => {
                letter.from = party(3);
                vec![Due::now(letter)]
            }
            b'l' => vec![Due { letter, delay_ms: 80 }],
            _ => vec![Due::now(letter)],
        }
    }
}

#[tokio::test]
async fn a_carrier_decides_what_becomes_of_each_letter() {
    let (relay, _notices) = Relay::new(Arc::new(Hostile));
    let two = Desk::open();
    relay.attach(party(1), Desk::open());
    relay.attach(party(3), Desk::open());
    relay.attach(party(2), two.clone());
    let mut ups = [two.next().await, two.next().await];
    ups.sort_by_key(|got| format!("{got:?}"));
    assert_eq!(ups, [Got::Up(1), Got::Up(3)]);
    let posted = Instant::now();
    for frame in ["drop", "repeat", "alter", "late", "end"] {
        relay.post(party(1), party(2), frame.as_bytes().to_vec()).unwrap();
    }
    for frame in ["repeat", "repeat", "altered", "late", "end"] {
        assert_eq!(two.next().await, Got::Frame(1, frame.as_bytes().to_vec()));
    }
    assert!(posted.elapsed().as_millis() >= 80, "the late letter came early");
    relay.post(party(1), party(2), b"name".to_vec()).unwrap();
    assert_eq!(two.next().await, Got::Frame(3, b"name".to_vec()));
}
