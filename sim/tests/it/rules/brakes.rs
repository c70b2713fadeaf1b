//! P1: what one person stops is stopped at every pair once n-t+1 cosigners know; only the admin quorum lifts it, once.

use super::{SIGNED, acknowledge, events, pay, refusals, relink, restart, status, unsigned};
use ringi_cosigner::message::{InForce, PeerMessage};
use ringi_cosigner::state::Record;
use ringi_primitives::approval::Evidence;
use ringi_primitives::brake::{Brake, BrakeAction, FreezeTarget, SignedBrake};
use ringi_primitives::cbor;
use ringi_primitives::digest::{Digest, Domain};
use ringi_primitives::id::{BrakeId, IntentId, OrderId, WalletId};
use ringi_primitives::limits;
use ringi_primitives::order::{Order, OrderAction};
use ringi_primitives::policy_set::Group;
use ringi_primitives::signed::Signed;
use ringi_primitives::wallet::{VaultIndex, WalletRef};
use ringi_primitives::wire::{FromCosigner, Refusal, ToCosigner};
use ringi_sim::authenticator::{Authenticator, Said};
use ringi_sim::inside::{Inside, opened};
use ringi_sim::people::{Someone, braked, signed};
use ringi_sim::requests::{DAY_CAP, Draft, Standard, VAULT, WALLET, approvers, initiator, outcomes};
use ringi_sim::world::{World, party};
use std::collections::BTreeSet;

const EVERYTHING: BrakeAction = BrakeAction::Freeze { target: FreezeTarget::Workspace };
const VAULT_9: BrakeAction = BrakeAction::Freeze { target: FreezeTarget::Vault(VaultIndex(9)) };

fn intent(n: u8) -> IntentId {
    IntentId::from_bytes([n; 16])
}

/// A world in which Amir freezes and Bea vetoes.
struct Desk {
    world: World,
    standard: Standard,
    amir: Someone,
    bea: Someone,
    brakes: u8,
}

impl Desk {
    fn new(seed: u64) -> Desk {
        let (mut world, mut standard) = Standard::world(seed);
        let [amir, bea, _] = approvers();
        let group = |name: &str, who: &Someone| Group { name: name.into(), members: BTreeSet::from([who.id]) };
        let groups = [group("freezers", &amir), group("vetoers", &bea)];
        standard.amend(&mut world, |policy| {
            policy.groups.extend(groups);
            (policy.freezers, policy.vetoers) = (Some("freezers".into()), Some("vetoers".into()));
        });
        (1..=3).for_each(|n| drop(world.take_said(party(n))));
        Desk { world, standard, amir, bea, brakes: 0 }
    }

    fn brake(&mut self, by: &Someone, action: BrakeAction) -> Brake {
        self.brakes += 1;
        let id = BrakeId::from_bytes([self.brakes; 16]);
        Brake { version: 1, genesis: self.world.root(), id, by: by.id, issued_at: self.world.now, action }
    }

    fn freeze(&mut self, action: BrakeAction) -> SignedBrake {
        let [amir, ..] = approvers();
        braked(&self.brake(&amir, action), &amir)
    }

    /// What this cosigner says to a brake that the host hands it.
    fn tell(&mut self, n: u8, brake: &SignedBrake) -> String {
        self.world.take_said(party(n));
        self.world.tell(party(n), ToCosigner::Brake { brake: brake.clone() });
        said_of(&self.world.take_said(party(n)), brake)
    }

    /// The same of all three, and what they tell each other is carried.
    fn tell_all(&mut self, brake: &SignedBrake) -> Vec<String> {
        let said = (1..=3).map(|n| self.tell(n, brake)).collect();
        self.world.run();
        said
    }

    fn pay(&mut self, id: u8, nonce: u64, signers: &[u8]) -> Vec<String> {
        pay(&mut self.world, &self.standard, id, 1000, nonce, signers)
    }

    fn freezes(&mut self, n: u8) -> Vec<Digest> {
        status(&mut self.world, n).freezes.unwrap_or_default()
    }

    /// An order that lifts these freezes, handed to all: what each said.
    fn lift(&mut self, freezes: Vec<Digest>) -> (Signed, Vec<String>) {
        let order = self.world.order(OrderAction::Unfreeze { freezes });
        let said = self.order(&order);
        (order, said)
    }

    fn order(&mut self, order: &Signed) -> Vec<String> {
        (1..=3).for_each(|n| drop(self.world.take_said(party(n))));
        self.world.tell_all(&ToCosigner::Order { order: order.clone() });
        (1..=3).flat_map(|n| self.world.take_said(party(n))).filter_map(|f| word(&f)).collect()
    }
}

fn word(frame: &FromCosigner) -> Option<String> {
    match frame {
        FromCosigner::OrderDone { .. } => Some("done".into()),
        FromCosigner::DocumentRefused { refusal, .. } => Some(refusal.code.clone()),
        _ => None,
    }
}

/// `held`, or the code of the refusal, or nothing.
fn said_of(said: &[FromCosigner], brake: &SignedBrake) -> String {
    let of = |f: &FromCosigner| match f {
        FromCosigner::BrakeHeld { brake: digest } if *digest == brake.digest() => Some("held".to_string()),
        FromCosigner::BrakeRefused { brake: digest, refusal } if *digest == brake.digest() => {
            Some(refusal.code.clone())
        }
        _ => None,
    };
    said.iter().find_map(of).unwrap_or_default()
}

fn cut_off(world: &mut World, n: u8) {
    world.relay = Box::new(move |frame| match [frame.from, frame.to].contains(&party(n)) {
        true => vec![],
        false => vec![frame],
    });
}

fn rejoined(world: &mut World) {
    world.relay = Box::new(|frame| vec![frame]);
    relink(world);
}

/// 2-of-3: two have acknowledged, the third was never told. No pair signs; the third learns of it from the others.
#[test]
fn p1_a_freeze_that_two_of_three_hold_stops_every_pair() {
    let mut desk = Desk::new(501);
    assert_eq!(desk.pay(1, 0, &[1, 3]), SIGNED);
    let freeze = desk.freeze(EVERYTHING);
    cut_off(&mut desk.world, 3);
    assert_eq!([desk.tell(1, &freeze), desk.tell(2, &freeze)], ["held", "held"]);
    desk.world.run();
    assert_eq!(desk.pay(2, 1, &[1, 2]), ["brake.frozen"; 2]);
    rejoined(&mut desk.world);
    for signers in [[1, 3], [2, 3], [1, 2]] {
        let said = desk.pay(2, 1, &signers);
        assert!(unsigned(&said) && said.contains(&"brake.frozen".to_string()), "{signers:?}: {said:?}");
    }
    assert_eq!(desk.freezes(3), [freeze.digest()], "the third was shown the document");
}

/// One that was not told, restarted: its peers hand the freeze over, and it refuses by itself.
#[test]
fn p1_a_boot_is_handed_the_brakes() {
    let mut desk = Desk::new(502);
    let (freeze, bea) = (desk.freeze(VAULT_9), approvers()[1].id);
    let veto = Brake { by: bea, ..desk.brake(&initiator(), BrakeAction::Veto { intent: intent(7) }) };
    let veto = braked(&veto, &desk.bea);
    cut_off(&mut desk.world, 3);
    for n in [1, 2] {
        assert_eq!([desk.tell(n, &freeze), desk.tell(n, &veto)], ["held", "held"]);
    }
    desk.world.run();
    desk.world.relay = Box::new(|frame| vec![frame]);
    restart(&mut desk.world, 3);
    desk.world.pass(1000);
    assert_eq!(desk.freezes(3), [freeze.digest()]);
    desk.world.kill(party(1));
    desk.world.kill(party(2));
    assert_eq!(desk.pay(7, 0, &[1, 3]), ["brake.vetoed"]);
}

/// The word of a cosigner that holds a brake outlives its restart.
#[test]
fn p1_a_brake_outlives_restarts() {
    let mut desk = Desk::new(503);
    let freeze = desk.freeze(EVERYTHING);
    assert_eq!(desk.tell_all(&freeze), ["held"; 3]);
    (1..=3).for_each(|n| restart(&mut desk.world, n));
    desk.world.pass(1000);
    for signers in [[1, 2], [1, 3], [2, 3]] {
        assert_eq!(desk.pay(1, 0, &signers), ["brake.frozen"; 2]);
    }
}

/// Peers know how far a journal reached with the brake in it.
#[test]
fn p1_a_journal_from_before_a_brake_gets_no_grant() {
    let mut desk = Desk::new(521);
    let old = desk.world.blob(party(1));
    let freeze = desk.freeze(EVERYTHING);
    assert_eq!(desk.tell_all(&freeze), ["held"; 3]);
    desk.world.kill(party(1));
    desk.world.set_blob(party(1), old);
    desk.world.take_said(party(1));
    restart(&mut desk.world, 1);
    assert!(events(&mut desk.world, 1).contains(&"boot.rolled_back".to_string()));
    assert!(unsigned(&desk.pay(1, 0, &[1, 2])));
}

/// The host hears that it holds once the record is durable, not before.
#[test]
fn p1_an_acknowledged_brake_is_durable() {
    let mut desk = Desk::new(504);
    let freeze = desk.freeze(EVERYTHING);
    desk.world.acknowledges = false;
    assert_eq!(desk.tell(1, &freeze), "");
    assert_eq!(desk.tell(1, &freeze), "", "asked again");
    acknowledge(&mut desk.world, &[1]);
    assert_eq!(said_of(&desk.world.take_said(party(1)), &freeze), "held");
}

/// Forged, altered, of another workspace, by somebody else, out of time: refused by name, and nothing is stopped.
#[test]
fn p1_a_brake_that_is_none_stops_nothing() {
    let mut desk = Desk::new(505);
    let [amir, bea, carl] = approvers();
    let sound = desk.brake(&amir, EVERYTHING);
    let stranger = Someone::number(77, "Nobody");
    let at = |ms: i64| Brake { issued_at: desk.world.now.plus_ms(0).0.saturating_add_signed(ms).into_ms(), ..sound };
    let life = i64::try_from(limits::BRAKE_LIFE_MS).unwrap();
    let mut bent = braked(&sound, &amir);
    *bent.body.last_mut().unwrap() ^= 1;
    let mut long = braked(&sound, &amir);
    long.body.extend(vec![0; limits::BRAKE_BYTES]);
    let veto = Brake { action: BrakeAction::Veto { intent: intent(1) }, ..sound };
    let cases = [
        ("brake.genesis", braked(&Brake { genesis: Digest([7; 32]), ..sound }, &amir)),
        ("brake.malformed", braked(&Brake { version: 2, ..sound }, &amir)),
        ("brake.malformed", bent),
        ("brake.malformed", long),
        ("brake.signature", braked(&sound, &bea)),
        ("brake.signature", braked(&Brake { by: stranger.id, ..sound }, &stranger)),
        ("brake.not_member", braked(&Brake { by: bea.id, ..sound }, &bea)),
        ("brake.not_member", braked(&Brake { by: carl.id, ..sound }, &carl)),
        ("brake.not_member", braked(&veto, &amir)),
        ("brake.time", braked(&at(i64::try_from(limits::CLOCK_SKEW_MS).unwrap() + 1), &amir)),
        ("brake.time", braked(&at(-life - 1), &amir)),
    ];
    for (code, brake) in cases {
        assert_eq!(desk.tell_all(&brake), [code; 3]);
    }
    assert_eq!(desk.pay(1, 0, &[1, 2]), SIGNED);
    assert_eq!(desk.tell_all(&braked(&sound, &amir)), ["held"; 3]);
}

trait IntoMs {
    fn into_ms(self) -> ringi_primitives::time::UnixMs;
}

impl IntoMs for u64 {
    fn into_ms(self) -> ringi_primitives::time::UnixMs {
        ringi_primitives::time::UnixMs(self)
    }
}

/// What was signed for one purpose is nothing for another: an approval's or an order's signature brakes nothing.
#[test]
fn p1_a_brake_is_signed_as_a_brake() {
    let mut desk = Desk::new(506);
    let body = cbor::encode(&desk.brake(&approvers()[0], EVERYTHING));
    for domain in [Domain::Approval, Domain::Order, Domain::Intent] {
        let signature = desk.amir.sign(&Digest::of(domain, &body));
        let evidence = Evidence::Signature { key: desk.amir.public(), signature };
        assert_eq!(desk.tell(1, &SignedBrake { body: body.clone(), evidence }), "brake.signature");
    }
}

/// With a passkey too: on the relying party's page, with the user verified, and no counter twice.
#[test]
fn p1_a_passkey_freezes() {
    let mut desk = Desk::new(507);
    let mut authenticator = Authenticator::number(7);
    let passkey = authenticator.passkey();
    let amir = desk.amir.id;
    desk.standard.amend(&mut desk.world, |policy| {
        policy.people.iter_mut().find(|p| p.id == amir).unwrap().passkeys.push(passkey);
    });
    let mut with = |desk: &mut Desk, change: fn(&mut Said)| {
        let body = cbor::encode(&desk.brake(&approvers()[0], VAULT_9));
        let evidence = authenticator.assert(&Digest::of(Domain::Brake, &body), change);
        SignedBrake { body, evidence }
    };
    let unverified = with(&mut desk, |said| said.flags = 0b001);
    assert_eq!(desk.tell(1, &unverified), "brake.signature");
    let elsewhere = with(&mut desk, |said| said.origin = "https://evil.example".into());
    assert_eq!(desk.tell(1, &elsewhere), "brake.signature");
    let freeze = with(&mut desk, |_| {});
    assert_eq!(desk.tell_all(&freeze), ["held"; 3]);
    authenticator.counter -= 1;
    let body = cbor::encode(&desk.brake(&approvers()[0], EVERYTHING));
    let evidence = authenticator.assert(&Digest::of(Domain::Brake, &body), |_| {});
    assert_eq!(desk.tell(1, &SignedBrake { body, evidence }), "approval.passkey_counter");
    assert_eq!(desk.pay(1, 0, &[1, 2]), SIGNED);
}

/// A freeze is of what it names.
#[test]
fn p1_a_freeze_stops_what_it_names_and_nothing_else() {
    let wallet = |vault, n| FreezeTarget::Wallet(WalletRef { vault, wallet: WalletId::from_bytes([n; 16]) });
    let elsewhere = [FreezeTarget::Vault(VaultIndex(9)), wallet(VAULT, 9), wallet(VaultIndex(9), 0)];
    let mut desk = Desk::new(508);
    for target in elsewhere {
        let freeze = desk.freeze(BrakeAction::Freeze { target });
        assert_eq!(desk.tell_all(&freeze), ["held"; 3]);
    }
    assert_eq!(desk.pay(1, 0, &[1, 2]), SIGNED);
    for target in [FreezeTarget::Vault(VAULT), FreezeTarget::Wallet(WALLET), FreezeTarget::Workspace] {
        let freeze = desk.freeze(BrakeAction::Freeze { target });
        assert_eq!(desk.tell_all(&freeze), ["held"; 3]);
        assert_eq!(desk.pay(2, 1, &[1, 2]), ["brake.frozen"; 2], "{target:?}");
        assert_eq!(desk.lift(vec![freeze.digest()]).1, ["done"; 3]);
    }
    assert_eq!(desk.pay(2, 1, &[1, 2]), SIGNED);
}

/// Lifted by the quorum, once. The freeze again is a replay; the order again lifts no newer freeze.
#[test]
fn p1_a_lifted_freeze_never_comes_back_and_an_old_lift_lifts_no_newer_one() {
    let mut desk = Desk::new(509);
    let freeze = desk.freeze(EVERYTHING);
    assert_eq!(desk.tell_all(&freeze), ["held"; 3]);
    let (order, said) = desk.lift(vec![freeze.digest()]);
    assert_eq!(said, ["done"; 3]);
    assert_eq!(desk.pay(1, 0, &[1, 2]), SIGNED);
    assert_eq!(desk.tell_all(&freeze), ["brake.lifted"; 3]);
    (1..=3).for_each(|n| restart(&mut desk.world, n));
    desk.world.pass(1000);
    assert_eq!(desk.tell_all(&freeze), ["brake.lifted"; 3], "after a restart");
    assert_eq!(desk.pay(2, 1, &[1, 2]), SIGNED);
    let newer = desk.freeze(EVERYTHING);
    assert_eq!(desk.tell_all(&newer), ["held"; 3]);
    desk.order(&order);
    assert_eq!(desk.pay(3, 2, &[1, 2]), ["brake.frozen"; 2]);
    // The order comes before the freeze it names: that freeze never holds.
    let early = desk.freeze(VAULT_9);
    assert_eq!(desk.lift(vec![early.digest(), newer.digest()]).1, ["done"; 3]);
    assert_eq!(desk.tell_all(&early), ["brake.lifted"; 3]);
    assert_eq!(desk.pay(3, 2, &[1, 2]), SIGNED);
}

/// G2: below the quorum, by the freezer alone, of another workspace, out of time, of nothing: nothing is lifted.
#[test]
fn p1_only_the_admin_quorum_lifts_a_freeze() {
    let mut desk = Desk::new(510);
    let freeze = desk.freeze(EVERYTHING);
    assert_eq!(desk.tell_all(&freeze), ["held"; 3]);
    let order = |desk: &Desk, n: u8, genesis| Order {
        version: 1,
        id: OrderId::from_bytes([n; 16]),
        genesis,
        issued_at: desk.world.now,
        expires_at: desk.world.now.plus_ms(3_600_000),
        action: OrderAction::Unfreeze { freezes: vec![freeze.digest()] },
    };
    let root = desk.world.root();
    let [ada, ben, _] = &desk.world.admins;
    let orders = [
        signed(Domain::Order, &order(&desk, 1, root), &[ada]),
        signed(Domain::Order, &order(&desk, 2, root), &[ada, &desk.amir]),
        signed(Domain::Order, &order(&desk, 3, Digest([7; 32])), &[ada, ben]),
    ];
    for (order, code) in orders.iter().zip(["document.admin_quorum", "document.admin_quorum", "genesis.mismatch"]) {
        assert_eq!(desk.order(order), [code; 3]);
    }
    assert_eq!(desk.lift(vec![]).1, ["order.senseless"; 3]);
    let many = (0..=limits::LIFTED).map(|_| freeze.digest()).collect();
    assert_eq!(desk.lift(many).1, ["order.senseless"; 3]);
    assert_eq!(desk.pay(1, 0, &[1, 2]), ["brake.frozen"; 2]);
}

/// The audit log names what was braked.
#[test]
fn p1_the_host_hears_which_brake_holds() {
    let mut desk = Desk::new(524);
    let (bea, ines) = (approvers()[1].id, initiator());
    let freeze = desk.freeze(VAULT_9);
    let veto = Brake { by: bea, ..desk.brake(&ines, BrakeAction::Veto { intent: intent(1) }) };
    let veto = braked(&veto, &desk.bea);
    let withdrawal = braked(&desk.brake(&ines, BrakeAction::Withdraw { intent: intent(2) }), &ines);
    for (brake, code) in [(freeze, "brake.freeze"), (veto, "brake.veto"), (withdrawal, "brake.withdrawal")] {
        desk.world.take_said(party(1));
        desk.world.tell(party(1), ToCosigner::Brake { brake });
        let said = events(&mut desk.world, 1);
        assert_eq!(said.iter().filter(|c| c.starts_with("brake.")).collect::<Vec<_>>(), [code]);
    }
}

/// A veto and a withdrawal end an intent for good; others go on. An initiator withdraws only their own.
#[test]
fn p1_a_vetoed_or_withdrawn_intent_is_never_signed() {
    let mut desk = Desk::new(511);
    let (bea, ines) = (approvers()[1].id, initiator());
    let veto = Brake { by: bea, ..desk.brake(&initiator(), BrakeAction::Veto { intent: intent(1) }) };
    assert_eq!(desk.tell_all(&braked(&veto, &desk.bea)), ["held"; 3]);
    let withdrawal = desk.brake(&ines, BrakeAction::Withdraw { intent: intent(2) });
    assert_eq!(desk.tell_all(&braked(&withdrawal, &ines)), ["held"; 3]);
    // Somebody else's word for it stops nothing of hers.
    let amir = approvers()[0].id;
    let meddling = Brake { by: amir, ..desk.brake(&initiator(), BrakeAction::Withdraw { intent: intent(3) }) };
    assert_eq!(desk.tell_all(&braked(&meddling, &desk.amir)), ["held"; 3]);
    assert_eq!(desk.pay(1, 0, &[1, 2]), ["brake.vetoed"; 2]);
    assert_eq!(desk.pay(2, 0, &[2, 3]), ["brake.withdrawn"; 2]);
    assert_eq!(desk.pay(3, 0, &[1, 2]), SIGNED);
    (1..=3).for_each(|n| restart(&mut desk.world, n));
    desk.world.pass(1000);
    assert_eq!(desk.pay(1, 1, &[1, 3]), ["brake.vetoed"; 2]);
    assert_eq!(desk.pay(2, 1, &[1, 3]), ["brake.withdrawn"; 2]);
}

/// What is signed cannot be called back: refused by name, and the signed intent stays what it was.
#[test]
fn p1_a_signed_intent_cannot_be_called_back() {
    let mut desk = Desk::new(512);
    assert_eq!(desk.pay(1, 0, &[1, 2]), SIGNED);
    let (bea, ines) = (approvers()[1].id, initiator());
    let veto = Brake { by: bea, ..desk.brake(&ines, BrakeAction::Veto { intent: intent(1) }) };
    let veto = braked(&veto, &desk.bea);
    let withdrawal = braked(&desk.brake(&ines, BrakeAction::Withdraw { intent: intent(1) }), &ines);
    for n in [1, 2] {
        assert_eq!([desk.tell(n, &veto), desk.tell(n, &withdrawal)], ["brake.too_late"; 2]);
    }
    // The third knows of no signature; it alone puts nothing in force, and cannot talk the others into it.
    assert_eq!(desk.tell(3, &veto), "held");
    desk.world.run();
    assert_eq!(desk.tell(1, &veto), "brake.too_late");
    assert_eq!(desk.pay(1, 0, &[1, 2]), SIGNED, "the same bytes again");
}

/// A session under way refuses too, until its last message is out; what it reserved is given back.
#[test]
fn p1_a_session_that_has_not_sent_its_last_message_refuses() {
    let mut desk = Desk::new(513);
    let ines = initiator();
    for (n, stop) in [
        (1, EVERYTHING),
        (2, BrakeAction::Veto { intent: intent(2) }),
        (3, BrakeAction::Withdraw { intent: intent(3) }),
    ] {
        let (who, code) = match stop {
            BrakeAction::Freeze { .. } => (&approvers()[0], "brake.frozen"),
            BrakeAction::Veto { .. } => (&approvers()[1], "brake.vetoed"),
            BrakeAction::Withdraw { .. } => (&ines, "brake.withdrawn"),
        };
        desk.world.acknowledges = false;
        let request = Draft::payment(&desk.world, n, 500_000, 0).bytes(&desk.standard);
        let tag = desk.world.open(&request, &[1, 2]);
        desk.world.run();
        let early = desk.world.answers_of(tag, &[1, 2]);
        assert!(early.is_empty(), "it waits for its records: {early:?}");
        let brake = braked(&desk.brake(who, stop), who);
        desk.world.take_said(party(1));
        desk.world.tell(party(1), ToCosigner::Brake { brake: brake.clone() });
        desk.world.run();
        acknowledge(&mut desk.world, &[1, 2, 3]);
        desk.world.run();
        desk.world.acknowledges = true;
        let said = desk.world.answers_of(tag, &[1, 2]);
        assert!(unsigned(&outcomes(&said)), "{:?}", outcomes(&said));
        assert!(refusals(&said).iter().any(|r: &Refusal| r.code == code), "{:?}", outcomes(&said));
        assert_eq!(said_of(&desk.world.take_said(party(1)), &brake), "held");
        if code == "brake.frozen" {
            assert_eq!(desk.lift(vec![brake.digest()]).1, ["done"; 3]);
        }
    }
    // All of the day's cap is there, and the slot.
    let big = DAY_CAP - 500_000 - 42_000;
    assert_eq!(pay(&mut desk.world, &desk.standard, 9, big, 0, &[1, 2]), SIGNED);
}

/// Once the last message is out the signature cannot be held back: the session ends as it would have.
#[test]
fn p1_what_has_left_is_signed() {
    for heard in [false, true] {
        let mut desk = Desk::new(514);
        let freeze = desk.freeze(EVERYTHING);
        desk.world.acknowledges = false;
        let request = Draft::payment(&desk.world, 1, 1000, 0).bytes(&desk.standard);
        let tag = desk.world.open(&request, &[1, 2]);
        desk.world.run();
        // 1 emits; 2 waits for its record.
        acknowledge(&mut desk.world, &[1]);
        desk.world.run();
        desk.world.tell(party(1), ToCosigner::Brake { brake: freeze });
        if heard {
            desk.world.run();
        }
        acknowledge(&mut desk.world, &[1, 2]);
        desk.world.acknowledges = true;
        desk.world.run();
        let said = outcomes(&desk.world.answers_of(tag, &[1, 2]));
        // Who hears of it before its own last message still refuses.
        assert_eq!(said == SIGNED, !heard, "{said:?}");
    }
}

/// Equal heads or nothing: also a freeze of something else is shown to the peer before the two sign together.
#[test]
fn p1_signers_hold_the_same_freezes() {
    let mut desk = Desk::new(515);
    let freeze = desk.freeze(VAULT_9);
    desk.world.relay = Box::new(|_| vec![]);
    assert_eq!(desk.tell(1, &freeze), "held");
    desk.world.run();
    assert_eq!(desk.freezes(2), [], "the relay lost what 1 told it");
    rejoined(&mut desk.world);
    desk.pay(1, 0, &[1, 2]);
    assert_eq!(desk.freezes(2), [freeze.digest()]);
    assert_eq!(desk.pay(1, 0, &[1, 2]), SIGNED);
    // The other way round: who has heard of the lift shows it to who has not.
    let order = desk.world.order(OrderAction::Unfreeze { freezes: vec![freeze.digest()] });
    desk.world.relay = Box::new(|_| vec![]);
    desk.world.tell(party(2), ToCosigner::Order { order });
    desk.world.run();
    assert_eq!((desk.freezes(1), desk.freezes(2)), (vec![freeze.digest()], vec![]));
    rejoined(&mut desk.world);
    desk.pay(2, 1, &[1, 2]);
    assert_eq!(desk.freezes(1), []);
    assert_eq!(desk.pay(2, 1, &[1, 2]), SIGNED);
}

/// A peer is shown what it lacks, is asked for what is lacking here, and hears nothing where both hold the same.
#[test]
fn p1_a_peer_is_shown_what_it_lacks_and_asked_for_the_rest() {
    let mut desk = Desk::new(523);
    let (held, lifted) = (desk.freeze(VAULT_9), desk.freeze(EVERYTHING));
    assert_eq!([desk.tell_all(&held), desk.tell_all(&lifted)], [["held"; 3], ["held"; 3]]);
    assert_eq!(desk.lift(vec![lifted.digest()]).1, ["done"; 3]);
    desk.world.run();
    let inside = Inside::of(&mut desk.world, party(1), party(2));
    let heard = std::rc::Rc::new(std::cell::RefCell::new(Vec::new()));
    let hears = heard.clone();
    inside.meddle(move |from, _, message| {
        let said = match &message {
            PeerMessage::InForce(mine) => format!("in force, {}", mine.freezes.len()),
            PeerMessage::Brakes { brakes, lifts } => format!("{} brakes, {} lifts", brakes.len(), lifts.len()),
            PeerMessage::PolicySet(_) => "policy set".into(),
            _ => return vec![message],
        };
        if from == party(1) {
            hears.borrow_mut().push(said);
        }
        vec![message]
    });
    let sequence = desk.standard.policy.sequence;
    let (a, b, c) = (held.digest(), lifted.digest(), Digest([9; 32]));
    let mut shown = |sequence: u64, freezes: &[Digest], answer_wanted: bool| {
        let says = PeerMessage::InForce(InForce { sequence, freezes: freezes.to_vec(), answer_wanted });
        inside.say(party(2), party(1), &says).into_iter().for_each(|frame| desk.world.deliver(frame));
        desk.world.run();
        heard.borrow_mut().drain(..).collect::<Vec<String>>()
    };
    assert_eq!(shown(sequence, &[a], true), [""; 0], "the same");
    assert_eq!(shown(sequence, &[], true), ["1 brakes, 0 lifts"]);
    assert_eq!(shown(sequence, &[a, b], true), ["0 brakes, 1 lifts"], "who holds a lifted one");
    assert_eq!(shown(sequence, &[a, c], true), ["in force, 1"], "one that is not known here");
    assert_eq!(shown(sequence, &[a, c], false), [""; 0]);
    assert_eq!(shown(sequence - 1, &[a], true), ["policy set"]);
    assert_eq!(shown(sequence + 1, &[a], true), ["in force, 1"]);
    assert_eq!(shown(sequence + 1, &[a], false), [""; 0]);
}

/// A hello that lies about its freezes signs nothing.
#[test]
fn p1_another_head_is_refused() {
    let mut desk = Desk::new(516);
    let inside = Inside::of(&mut desk.world, party(1), party(2));
    inside.meddle(|from, _, message| match message {
        PeerMessage::Hello(mut hello) if from == party(2) => {
            hello.freezes = Digest([1; 32]);
            vec![PeerMessage::Hello(hello)]
        }
        other => vec![other],
    });
    assert_eq!(desk.pay(1, 0, &[1, 2])[0], "brake.heads_differ");
}

/// The higher policy set wins: who is behind takes it from the peer, with its signatures, and the next attempt signs.
#[test]
fn p1_who_has_an_older_policy_takes_the_newer_one_from_its_peer() {
    let mut desk = Desk::new(517);
    desk.world.relay = Box::new(|_| vec![]);
    let old = desk.standard.policy_digest();
    desk.standard.policy.sequence += 1;
    desk.standard.policy.previous = Some(old);
    let set = signed(Domain::PolicySet, &desk.standard.policy, &[&desk.world.admins[0], &desk.world.admins[1]]);
    desk.standard.signed = set.clone();
    desk.world.tell(party(1), ToCosigner::InstallPolicy { set: set.clone() });
    desk.world.run();
    rejoined(&mut desk.world);
    assert_eq!(status(&mut desk.world, 2).policy, Some(old));
    assert!(unsigned(&desk.pay(1, 0, &[1, 2])));
    assert_eq!(status(&mut desk.world, 2).policy, Some(desk.standard.policy_digest()));
    assert_eq!(desk.pay(1, 0, &[1, 2]), SIGNED);
}

/// A session under the old set ends when the next one comes.
#[test]
fn p1_a_session_under_an_older_policy_ends() {
    let mut desk = Desk::new(518);
    desk.world.acknowledges = false;
    let request = Draft::payment(&desk.world, 1, 1000, 0).bytes(&desk.standard);
    let tag = desk.world.open(&request, &[1, 2]);
    desk.world.run();
    desk.standard.amend(&mut desk.world, |_| {});
    acknowledge(&mut desk.world, &[1, 2, 3]);
    desk.world.acknowledges = true;
    desk.world.run();
    let said = outcomes(&desk.world.answers_of(tag, &[1, 2]));
    assert!(unsigned(&said) && said.contains(&"policy.changed".to_string()), "{said:?}");
    acknowledge(&mut desk.world, &[1, 2, 3]);
    assert_eq!(desk.pay(1, 0, &[1, 2]), SIGNED);
}

/// A corrupted peer proves nothing by its word: forged freezes, lifts and policy sets leave everything as it is.
#[test]
fn p1_a_peers_word_proves_nothing() {
    let mut desk = Desk::new(519);
    let freeze = desk.freeze(VAULT_9);
    assert_eq!(desk.tell_all(&freeze), ["held"; 3]);
    let forged = braked(&desk.brake(&approvers()[0], EVERYTHING), &approvers()[2]);
    let lift = OrderAction::Unfreeze { freezes: vec![freeze.digest()] };
    let mut lift = desk.world.order(lift);
    lift.signatures.truncate(1);
    // Orders of the whole quorum, but of another workspace, and of a version that there is not.
    let order = |n: u8, version, genesis| Order {
        version,
        id: OrderId::from_bytes([n; 16]),
        genesis,
        issued_at: desk.world.now,
        expires_at: desk.world.now.plus_ms(3_600_000),
        action: OrderAction::Unfreeze { freezes: vec![freeze.digest()] },
    };
    let [ada, ben, _] = &desk.world.admins;
    let others = [order(1, 1, Digest([7; 32])), order(2, 2, desk.world.root())];
    let others = others.map(|order| signed(Domain::Order, &order, &[ada, ben]));
    let mut policy = desk.standard.policy.clone();
    (policy.sequence, policy.previous) = (policy.sequence + 1, Some(desk.standard.policy_digest()));
    let policy = signed(Domain::PolicySet, &policy, &[&desk.world.admins[0]]);
    let inside = Inside::of(&mut desk.world, party(1), party(2));
    desk.world.take_said(party(1));
    let messages = [
        PeerMessage::Brakes { brakes: vec![forged], lifts: vec![lift] },
        PeerMessage::Brakes { brakes: vec![], lifts: others.to_vec() },
        PeerMessage::PolicySet(Box::new(policy)),
        PeerMessage::InForce(InForce { sequence: u64::MAX, freezes: vec![Digest([9; 32])], answer_wanted: true }),
    ];
    for message in messages {
        inside.say(party(2), party(1), &message).into_iter().for_each(|frame| desk.world.deliver(frame));
        desk.world.run();
    }
    let said = events(&mut desk.world, 1);
    assert_eq!(said.iter().filter(|c| *c == "brake.unproved").count(), 4, "{said:?}");
    assert!(said.contains(&"policy.unproved".to_string()));
    assert_eq!(desk.freezes(1), [freeze.digest()]);
    assert_eq!(status(&mut desk.world, 1).policy, Some(desk.standard.policy_digest()));
    assert_eq!(desk.pay(1, 0, &[1, 2]), SIGNED);
}

/// A peer that repeats an order that lifted freezes makes nobody write it down again.
#[test]
fn p1_a_lift_is_recorded_once() {
    let mut desk = Desk::new(522);
    let freeze = desk.freeze(EVERYTHING);
    assert_eq!(desk.tell_all(&freeze), ["held"; 3]);
    let (order, said) = desk.lift(vec![freeze.digest()]);
    assert_eq!(said, ["done"; 3]);
    desk.world.run();
    let inside = Inside::of(&mut desk.world, party(1), party(2));
    desk.world.take_said(party(1));
    for _ in 0..3 {
        let again = PeerMessage::Brakes { brakes: vec![freeze.clone()], lifts: vec![order.clone()] };
        inside.say(party(2), party(1), &again).into_iter().for_each(|frame| desk.world.deliver(frame));
        desk.world.run();
    }
    let said = events(&mut desk.world, 1);
    assert!(!said.iter().any(|c| c.starts_with("brake.")), "{said:?}");
    let lifts = opened(&desk.world, party(1)).into_iter().filter(|r| matches!(r, Record::Lifted { .. })).count();
    assert_eq!((lifts, desk.freezes(1)), (1, vec![]));
}

/// One person's brakes are bounded; another's still hold.
#[test]
fn p1_nobody_fills_a_cosigners_memory() {
    let mut desk = Desk::new(520);
    let ines = initiator();
    let withdraw = |desk: &mut Desk, n: usize| {
        let mut id = [0xee; 16];
        id[..8].copy_from_slice(&n.to_be_bytes());
        let brake = desk.brake(&ines, BrakeAction::Withdraw { intent: IntentId::from_bytes(id) });
        desk.brakes = 0;
        braked(&brake, &ines)
    };
    for n in 0..limits::BRAKES_PER_PERSON {
        let brake = withdraw(&mut desk, n);
        desk.world.tell(party(1), ToCosigner::Brake { brake });
    }
    let last = withdraw(&mut desk, limits::BRAKES_PER_PERSON);
    assert_eq!(desk.tell(1, &last), "brake.too_many");
    let freeze = desk.freeze(EVERYTHING);
    assert_eq!(desk.tell(1, &freeze), "held");
    // Intents live a month: what withdrew one is forgotten then, a freeze never is.
    desk.world.pass(limits::BRAKE_LIFE_MS + 3 * limits::CLOCK_SKEW_MS);
    let order = desk.world.order(OrderAction::GiveBack { intent: intent(1) });
    desk.world.tell_all(&ToCosigner::Order { order });
    restart(&mut desk.world, 1);
    desk.world.pass(1000);
    let fresh = withdraw(&mut desk, 7777);
    assert_eq!(desk.tell(1, &fresh), "held");
    assert_eq!(desk.freezes(1), [freeze.digest()]);
}
