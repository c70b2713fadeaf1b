//! What the folder keeps: keys over a restart, one instance at a time, files that nobody changed, and the audit log.

use crate::actions::key;
use crate::boto::{Boto, bytes, of_bytes};
use crate::raw::{self, Raw};
use crate::world::{ADMIN, NOBODY, OfWorld, World};
use axum::http::{HeaderMap, Method};
use ringi_kms::{FolderStore, KeyId, KeyRecord, Kms, Signable, Store, StoreError};
use serde_json::{Value, json};
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

#[test]
fn keys_outlive_a_restart() {
    let mut world = World::new();
    let Some(boto) = Boto::of(&world) else { return };
    let id = key(&boto, json!({"Description": "kept"}));
    let signer = key(&boto, json!({"KeySpec": "ECC_NIST_P256", "KeyUsage": "SIGN_VERIFY"}));
    let off = key(&boto, json!({}));
    boto.good(ADMIN, "DisableKey", json!({"KeyId": off}));
    let sealed = boto.good(
        ADMIN,
        "Encrypt",
        json!({
            "KeyId": id, "Plaintext": bytes(b"share"), "EncryptionContext": {"genesis": "ab"},
        }),
    );
    let facts: Vec<_> =
        [&id, &signer, &off].iter().map(|id| boto.good(ADMIN, "DescribeKey", json!({"KeyId": id}))).collect();
    let public = boto.good(ADMIN, "GetPublicKey", json!({"KeyId": signer}));
    world.restart();
    let boto = Boto::of(&world).unwrap();
    for (id, before) in [&id, &signer, &off].iter().zip(facts) {
        assert_eq!(boto.good(ADMIN, "DescribeKey", json!({"KeyId": id})), before);
    }
    assert_eq!(boto.good(ADMIN, "GetPublicKey", json!({"KeyId": signer})), public);
    let opened = boto.good(
        ADMIN,
        "Decrypt",
        json!({
            "CiphertextBlob": sealed["CiphertextBlob"], "EncryptionContext": {"genesis": "ab"},
        }),
    );
    assert_eq!(of_bytes(&opened["Plaintext"]), b"share");
}

/// The one key's file.
fn key_file(folder: &Path) -> PathBuf {
    let mut files = std::fs::read_dir(folder.join("keys")).unwrap();
    files.next().unwrap().unwrap().path()
}

fn made(world: &World) -> Value {
    raw::call(world, ADMIN, "CreateKey", json!({"Description": "a word to look for"})).body["KeyMetadata"].clone()
}

#[test]
fn one_instance_has_the_folder() {
    let mut world = World::new();
    assert!(matches!(FolderStore::open(world.path()), Err(StoreError::Locked)));
    world.stop();
    assert!(FolderStore::open(world.path()).is_ok());
}

#[test]
fn a_key_file_is_sealed_for_its_name() {
    let mut world = World::new();
    made(&world);
    world.stop();
    let file = key_file(world.path());
    let bytes = std::fs::read(&file).unwrap();
    assert!(!bytes.windows(6).any(|window| window == b"a word" || window == b"Allow\""), "a file is readable");
    assert_eq!(std::fs::metadata(&file).unwrap().mode() & 0o777, 0o600);
    assert_eq!(std::fs::metadata(world.path().join("master.key")).unwrap().mode() & 0o777, 0o600);
    let reads = |folder: &Path| FolderStore::open(folder).unwrap().read().map(|keys| keys.len());
    assert_eq!(reads(world.path()).unwrap(), 1);
    for at in (0..bytes.len()).step_by(17) {
        let mut changed = bytes.clone();
        changed[at] ^= 1;
        std::fs::write(&file, changed).unwrap();
        assert!(matches!(reads(world.path()), Err(StoreError::Broken(_))), "byte {at}");
    }
    std::fs::write(&file, &bytes).unwrap();
    let other = file.with_file_name("00000000-0000-4000-8000-000000000000.key");
    std::fs::rename(&file, &other).unwrap();
    assert!(matches!(reads(world.path()), Err(StoreError::Broken(_))), "a file was taken under another name");
    std::fs::rename(&other, &file).unwrap();
    // What a crash left half written.
    std::fs::write(file.with_extension("new"), b"half").unwrap();
    assert_eq!(reads(world.path()).unwrap(), 1);
}

#[test]
fn the_master_key_is_guarded_and_never_made_twice() {
    let mut world = World::new();
    made(&world);
    world.stop();
    let master = world.path().join("master.key");
    let open = || FolderStore::open(world.path()).map(|_| ());
    std::fs::set_permissions(&master, std::fs::Permissions::from_mode(0o644)).unwrap();
    assert!(matches!(open(), Err(StoreError::MasterKey(_))));
    std::fs::set_permissions(&master, std::fs::Permissions::from_mode(0o600)).unwrap();
    let bytes = std::fs::read(&master).unwrap();
    std::fs::write(&master, &bytes[1..]).unwrap();
    assert!(matches!(open(), Err(StoreError::MasterKey(_))));
    std::fs::remove_file(&master).unwrap();
    assert!(matches!(open(), Err(StoreError::MasterKey(_))), "a second master key was made over keys");
    std::fs::write(&master, [9; 32]).unwrap();
    std::fs::set_permissions(&master, std::fs::Permissions::from_mode(0o600)).unwrap();
    let keys = FolderStore::open(world.path()).unwrap().read();
    assert!(matches!(keys, Err(StoreError::Broken(_))));
}

fn audited(world: &World) -> Vec<Value> {
    let text = std::fs::read_to_string(world.path().join("audit.jsonl")).unwrap();
    text.lines().map(|line| serde_json::from_str(line).unwrap_or_else(|_| panic!("{line}"))).collect()
}

#[test]
fn calls_are_audited_without_what_is_secret() {
    let mut world = World::new();
    let arn = made(&world)["Arn"].clone();
    let body = json!({
        "KeyId": arn, "Plaintext": "c2VjcmV0LXBsYWludGV4dA==", "EncryptionContext": {"genesis": "a-context-value"},
    });
    let reply = raw::call(&world, ADMIN, "Encrypt", body);
    let opened = raw::call(&world, NOBODY, "Decrypt", json!({"CiphertextBlob": reply.body["CiphertextBlob"]}));
    assert_eq!(opened.error(), "AccessDeniedException");
    // Nobody known: not a line, whatever is sent.
    Raw::of(&world, "ListKeys", json!({})).send(&world);
    let lines = audited(&world);
    let told: Vec<_> = lines.iter().map(|line| [&line["action"], &line["outcome"], &line["key"]]).collect();
    let (ok, denied) = (json!("ok"), json!("AccessDeniedException"));
    assert_eq!(
        told,
        [[&json!("CreateKey"), &ok, &arn], [&json!("Encrypt"), &ok, &arn], [&json!("Decrypt"), &denied, &arn],]
    );
    assert_eq!(lines[1]["principal"], crate::world::ADMIN_ARN);
    assert_eq!(lines[1]["request_id"], reply.headers["x-amzn-requestid"].to_str().unwrap());
    let text = std::fs::read_to_string(world.path().join("audit.jsonl")).unwrap();
    for secret in ["c2VjcmV0", "secret-plaintext", "a-context-value", ADMIN.secret] {
        assert!(!text.contains(secret), "{secret} is in the audit log");
    }
    // A line that was cut off does not swallow the next one.
    world.stop();
    std::fs::write(world.path().join("audit.jsonl"), format!("{text}{{\"cut")).unwrap();
    world.start();
    made(&world);
    let text = std::fs::read_to_string(world.path().join("audit.jsonl")).unwrap();
    let last = text.lines().last().unwrap();
    assert_eq!(serde_json::from_str::<Value>(last).unwrap()["action"], "CreateKey");
}

/// A store whose disk fails when it is told to.
struct Failing {
    store: FolderStore,
    writes: Arc<AtomicBool>,
    audits: Arc<AtomicBool>,
}

fn failing(fails: &AtomicBool) -> Result<(), StoreError> {
    let full = || StoreError::Io(std::io::Error::from(std::io::ErrorKind::StorageFull));
    if fails.load(Ordering::SeqCst) { Err(full()) } else { Ok(()) }
}

impl Store for Failing {
    fn read(&self) -> Result<Vec<KeyRecord>, StoreError> {
        self.store.read()
    }

    fn write(&self, key: &KeyRecord) -> Result<(), StoreError> {
        failing(&self.writes).and_then(|()| self.store.write(key))
    }

    fn remove(&self, key: &KeyId) -> Result<(), StoreError> {
        failing(&self.writes).and_then(|()| self.store.remove(key))
    }

    fn audit(&self, line: &str) -> Result<(), StoreError> {
        failing(&self.audits).and_then(|()| self.store.audit(line))
    }
}

/// Without a socket.
fn answered(kms: &Kms, request: &Raw) -> (u16, Value) {
    let mut headers = HeaderMap::new();
    for (name, value) in &request.headers {
        headers.append(name.parse::<axum::http::HeaderName>().unwrap(), value.parse().unwrap());
    }
    let answer = kms.answer(&Signable { method: &Method::POST, target: "/", headers: &headers, body: &request.body });
    (answer.status, serde_json::from_slice(&answer.body).unwrap())
}

#[test]
fn a_full_disk_changes_nothing_and_releases_nothing() {
    let mut world = World::new();
    let address = |world: &World, operation: &str, body: Value| Raw::of(world, operation, body).signed(ADMIN);
    let id = made(&world)["KeyId"].clone();
    let describe = address(&world, "DescribeKey", json!({"KeyId": id}));
    let disable = address(&world, "DisableKey", json!({"KeyId": id}));
    let create = address(&world, "CreateKey", json!({}));
    let list = address(&world, "ListKeys", json!({}));
    let random = address(&world, "GenerateRandom", json!({"NumberOfBytes": 8}));
    let unsigned = Raw::of(&world, "ListKeys", json!({}));
    world.stop();
    let (writes, audits) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicBool::new(false)));
    let store = FolderStore::open(world.path()).unwrap();
    let store = Failing { store, writes: writes.clone(), audits: audits.clone() };
    let clock = Box::new(OfWorld(world.clock.clone()));
    let kms = Kms::new(world.configuration(), Box::new(store), clock).unwrap();
    writes.store(true, Ordering::SeqCst);
    for request in [&disable, &create] {
        let (status, body) = answered(&kms, request);
        assert_eq!((status, &body["__type"]), (500, &json!("KMSInternalException")));
        assert!(!body.to_string().contains("storage"), "the cause is told: {body}");
    }
    assert_eq!(answered(&kms, &describe).1["KeyMetadata"]["KeyState"], "Enabled");
    assert_eq!(answered(&kms, &list).1["Keys"].as_array().unwrap().len(), 1);
    writes.store(false, Ordering::SeqCst);
    audits.store(true, Ordering::SeqCst);
    let (status, body) = answered(&kms, &random);
    assert_eq!((status, body.get("Plaintext")), (500, None), "an answer left without its line in the audit log");
    // Whoever is nobody writes no line, and so meets no failure of it.
    assert_eq!(answered(&kms, &unsigned).0, 400);
    audits.store(false, Ordering::SeqCst);
    assert_eq!(answered(&kms, &random).0, 200);
}

#[test]
fn what_is_over_is_removed_without_being_asked_for() {
    let mut world = World::new();
    let doomed = made(&world)["KeyId"].clone();
    let kept = made(&world)["KeyId"].clone();
    let schedule = json!({"KeyId": doomed, "PendingWindowInDays": 7});
    assert_eq!(raw::call(&world, ADMIN, "ScheduleKeyDeletion", schedule).status, 200);
    let external = raw::call(&world, ADMIN, "CreateKey", json!({"Origin": "EXTERNAL"})).body["KeyMetadata"].clone();
    let prepare = json!({
        "KeyId": external["KeyId"], "WrappingAlgorithm": "RSAES_OAEP_SHA_256", "WrappingKeySpec": "RSA_2048",
    });
    let parameters = raw::call(&world, ADMIN, "GetParametersForImport", prepare.clone()).body;
    let material = crate::actions::wrapped(&json!({"PublicKey": {"$bytes": parameters["PublicKey"]}}), &[7; 32]);
    let import = json!({
        "KeyId": external["KeyId"], "ImportToken": parameters["ImportToken"], "EncryptedKeyMaterial": material["$bytes"],
        "ExpirationModel": "KEY_MATERIAL_EXPIRES", "ValidTo": world.clock.now().0 / 1000 + 3600,
    });
    assert_eq!(raw::call(&world, ADMIN, "ImportKeyMaterial", import).status, 200);
    // Another wrapping key, which nobody uses.
    assert_eq!(raw::call(&world, ADMIN, "GetParametersForImport", prepare).status, 200);
    world.stop();
    let size = |id: &Value| {
        let path = world.path().join("keys").join(format!("{}.key", id.as_str().unwrap()));
        std::fs::metadata(path).map(|file| file.len()).ok()
    };
    let (before, other) = (size(&external["KeyId"]).unwrap(), size(&kept));
    world.clock.by_ms(7 * 24 * 3_600_000 + 1000);
    let kms = world.kms();
    assert_eq!(size(&doomed), None);
    assert_eq!(size(&kept), other);
    // The wrapping key alone has more than a kilobyte.
    let after = size(&external["KeyId"]).unwrap();
    assert!(before - after > 1000, "{before} bytes, then {after}");
    // The material does not come back with an earlier time.
    world.clock.by_ms(-7 * 24 * 3_600_000);
    let request = Raw::of(&world, "DescribeKey", json!({"KeyId": external["KeyId"]})).signed(ADMIN);
    assert_eq!(answered(&kms, &request).1["KeyMetadata"]["KeyState"], "PendingImport");
}
