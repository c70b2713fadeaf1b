//! A faithful relay: order, reachability, bounds.

use crate::desk::{Desk, Got, party};
use ringi_primitives::limits;
use ringi_relay::{Faithful, MAILBOX_BYTES, MAILBOX_LETTERS, PostError, Relay};
use std::sync::Arc;

#[tokio::test]
async fn both_ends_of_a_pair_are_told_and_again_after_a_restart() {
    let (relay, _notices) = Relay::new(Arc::new(Faithful));
    let (one, two) = (Desk::open(), Desk::open());
    relay.attach(party(1), one.clone());
    assert_eq!(relay.post(party(1), party(2), vec![0]), Err(PostError::Unreachable));
    relay.attach(party(2), two.clone());
    assert_eq!((one.next().await, two.next().await), (Got::Up(2), Got::Up(1)));
    relay.detach(party(2));
    assert_eq!(relay.post(party(1), party(2), vec![1]), Err(PostError::Unreachable));
    let again = Desk::open();
    relay.attach(party(2), again.clone());
    assert_eq!((one.next().await, again.next().await), (Got::Up(2), Got::Up(1)));
    assert_eq!(relay.attached(), [party(1), party(2)]);
    relay.post(party(1), party(2), vec![2]).unwrap();
    assert_eq!(again.next().await, Got::Frame(1, vec![2]));
    assert!(two.is_quiet(50).await);
}

#[tokio::test]
async fn order_is_kept_within_a_pair_and_up_comes_first() {
    let (relay, _notices) = Relay::new(Arc::new(Faithful));
    let (one, two) = (Desk::open(), Desk::open());
    relay.attach(party(1), one);
    relay.attach(party(2), two.clone());
    for n in 0..200 {
        relay.post(party(1), party(2), vec![n]).unwrap();
    }
    assert_eq!(two.next().await, Got::Up(1));
    for n in 0..200 {
        assert_eq!(two.next().await, Got::Frame(1, vec![n]));
    }
}

#[tokio::test]
async fn a_slow_peer_holds_up_nobody_else_and_loses_only_the_newest() {
    let (relay, mut notices) = Relay::new(Arc::new(Faithful));
    let (slow, quick) = (Desk::shut(), Desk::open());
    relay.attach(party(1), Desk::open());
    relay.attach(party(2), slow.clone());
    relay.attach(party(3), quick.clone());
    let mut taken = 0u32;
    let refused = loop {
        match relay.post(party(1), party(2), taken.to_be_bytes().to_vec()) {
            Ok(()) => taken += 1,
            Err(e) => break e,
        }
    };
    assert_eq!(refused, PostError::Full);
    assert!((MAILBOX_LETTERS..MAILBOX_LETTERS + 3).contains(&(taken as usize)), "{taken}");
    let notice = notices.recv().await.unwrap();
    assert_eq!((notice.from, notice.to, notice.why), (party(1), party(2), PostError::Full));
    relay.post(party(1), party(3), vec![9]).unwrap();
    assert_eq!((quick.next().await, quick.next().await), (Got::Up(1), Got::Up(2)));
    assert_eq!(quick.next().await, Got::Frame(1, vec![9]));
    slow.gate.add_permits(taken as usize);
    assert_eq!((slow.next().await, slow.next().await), (Got::Up(1), Got::Up(3)));
    for n in 0..taken {
        assert_eq!(slow.next().await, Got::Frame(1, n.to_be_bytes().to_vec()));
    }
}

#[tokio::test]
async fn bytes_are_bounded_too() {
    let (relay, _notices) = Relay::new(Arc::new(Faithful));
    let slow = Desk::shut();
    relay.attach(party(1), Desk::open());
    relay.attach(party(2), slow.clone());
    let half = vec![0; limits::FRAME_BYTES];
    for _ in 0..MAILBOX_BYTES / limits::FRAME_BYTES {
        relay.post(party(1), party(2), half.clone()).unwrap();
    }
    assert_eq!(relay.post(party(1), party(2), vec![1]), Err(PostError::Full));
    let over = vec![0; limits::FRAME_BYTES + 1];
    assert_eq!(relay.post(party(1), party(2), over), Err(PostError::Undeliverable));
    assert_eq!(relay.post(party(1), party(1), vec![1]), Err(PostError::Undeliverable));
    slow.gate.add_permits(3);
    assert_eq!(slow.next().await, Got::Up(1));
    assert_eq!(slow.next().await, Got::Frame(1, half.clone()));
    tokio::time::sleep(std::time::Duration::from_millis(20)).await;
    relay.post(party(1), party(2), vec![1]).unwrap();
}
