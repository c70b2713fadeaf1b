//! The platform with its records in a bucket that nobody here wrote (moto), over TLS that a private authority vouches for:
//! founded, paid from, killed, started again, paid from, and moved to another image (rule E1); and with an authority that is not
//! told, nothing starts.

use crate::attested::{changed_program, settled};
use crate::commands::{a_policy_is_installed_once_and_signed, a_wallet_is_made_and_funded};
use crate::node::Node;
use crate::oracle;
use crate::platform::{Platform, cosigner, refused, ringi};
use crate::production::{Office, founded_with, registers, two_sign};
use crate::rolling::{NEXT, allow, killed_and_up, moved_while_paying, order, until_ready};
use crate::upgrade::cut_off_and_run_again;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair, PKCS_ECDSA_P256_SHA256};
use std::io::{BufRead as _, BufReader};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

const FIRST_STEPS: &str = "import boto3, sys; s3 = boto3.client('s3', endpoint_url=sys.argv[1], verify=sys.argv[2], \
    aws_access_key_id='AKIATEST', aws_secret_access_key='secret', region_name='us-east-1'); ";

fn pem(label: &str, der: &[u8]) -> String {
    let body = STANDARD.encode(der);
    let lines: Vec<&str> = body.as_bytes().chunks(64).map(|l| std::str::from_utf8(l).unwrap()).collect();
    format!("-----BEGIN {label}-----\n{}\n-----END {label}-----\n", lines.join("\n"))
}

/// An authority of its own; its certificate goes into this file.
fn authority(file: &Path) -> Issuer<'static, KeyPair> {
    let key = KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256).unwrap();
    let mut params = CertificateParams::default();
    params.distinguished_name.push(DnType::CommonName, "an authority of this test");
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    std::fs::write(file, pem("CERTIFICATE", params.self_signed(&key).unwrap().der())).unwrap();
    Issuer::new(params, key)
}

/// The store, behind a certificate of the authority in `authority.pem`.
struct Store {
    child: Child,
    python: PathBuf,
    url: String,
    root: PathBuf,
}

impl Store {
    /// `None` where oracles are left out.
    fn start(folder: &Path) -> Option<Store> {
        let python = oracle::python("bucket")?;
        let (root, certificate, secret) =
            (folder.join("authority.pem"), folder.join("store.pem"), folder.join("store.key"));
        let issuer = authority(&root);
        let key = KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256).unwrap();
        let leaf = CertificateParams::new(vec!["127.0.0.1".to_string()]).unwrap().signed_by(&key, &issuer).unwrap();
        std::fs::write(&certificate, pem("CERTIFICATE", leaf.der())).unwrap();
        std::fs::write(&secret, pem("PRIVATE KEY", &key.serialize_der())).unwrap();
        let mut command = Command::new(&python);
        command.args(["-m", "moto.server", "-H", "127.0.0.1", "-p", "0", "-c"]).arg(&certificate);
        command.arg("-k").arg(&secret).env("PYTHONUNBUFFERED", "1");
        let mut child = command.stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap();
        let mut log = BufReader::new(child.stderr.take().unwrap()).lines();
        let address = |line: String| Some(format!("https://{}", line.split_once("https://")?.1.trim()));
        let url = log.find_map(|line| address(line.unwrap())).expect("moto says where it listens");
        std::thread::spawn(move || log.for_each(drop));
        let store = Store { child, python, url, root };
        store.told("s3.create_bucket(Bucket='wallets')");
        Some(store)
    }

    /// What a client that nobody here wrote prints.
    fn told(&self, program: &str) -> String {
        let mut command = Command::new(&self.python);
        let output =
            command.args(["-c", &format!("{FIRST_STEPS}{program}"), &self.url]).arg(&self.root).output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap()
    }

    fn objects(&self) -> Vec<String> {
        let list = "print(*[o['Key'] for o in s3.list_objects_v2(Bucket='wallets').get('Contents', [])], sep='\\n')";
        self.told(list).lines().filter(|line| !line.is_empty()).map(str::to_string).collect()
    }
}

impl Drop for Store {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// `[records]` of the settings, with this authority.
fn records(folder: &Path, store: &Store, root: Option<&str>) {
    let credentials = folder.join("bucket.toml");
    std::fs::write(&credentials, "access_key_id = \"AKIATEST\"\nsecret_access_key = \"secret\"\n").unwrap();
    std::fs::set_permissions(&credentials, std::fs::Permissions::from_mode(0o600)).unwrap();
    let settings = folder.join("data/ringi.toml");
    let text = std::fs::read_to_string(&settings).unwrap();
    let rest = text.split_once("[records]").map_or(text.as_str(), |(rest, _)| rest);
    let root = root.map(|file| format!("root = \"{}\"\n", folder.join(file).display())).unwrap_or_default();
    let (url, credentials) = (&store.url, credentials.display());
    let section = format!("[records]\nbucket = \"s3://wallets/production\"\nendpoint = \"{url}\"\n");
    std::fs::write(&settings, format!("{rest}{section}credentials = \"{credentials}\"\n{root}")).unwrap();
}

#[test]
fn a_workspace_lives_in_a_bucket_behind_tls() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let Some(store) = Store::start(folder) else { return };
    let node = Node::start();
    Platform::settle(folder, &node);
    settled(folder, "enclave = \"process\"\n");
    let program = cosigner();
    let up = ["up", "--data", "data", "--listen", "127.0.0.1:0", "--cosigner", program.to_str().unwrap()];
    // Nobody vouches for the store, or somebody else does.
    authority(&folder.join("other.pem"));
    for untold in [None, Some("other.pem")] {
        records(folder, &store, untold);
        refused(&ringi(folder, "", &up), &up, "records.bucket");
        assert_eq!(store.objects(), Vec::<String>::new(), "nothing is said to a store that nobody vouches for");
    }
    records(folder, &store, Some("authority.pem"));
    let platform = Platform::up(folder);
    a_policy_is_installed_once_and_signed(folder, &platform);
    let mut scene = a_wallet_is_made_and_funded(&node, platform);
    let id = scene.pay("before.json", &[]);
    scene.platform.until(&id, "completed");
    let objects = store.objects();
    for n in 1..=3 {
        let own = format!("production/cosigner-{n}/");
        assert!(objects.contains(&format!("{own}instance")), "{objects:?}");
        assert!(objects.iter().any(|o| o.starts_with(&format!("{own}records/"))), "{objects:?}");
        assert!(!folder.join(format!("data/cosigners/{n}/records")).exists());
    }
    scene.platform.kill();
    // Elsewhere they would start without their past.
    let settings = folder.join("data/ringi.toml");
    let text = std::fs::read_to_string(&settings).unwrap();
    std::fs::write(&settings, text.split_once("[records]").unwrap().0).unwrap();
    refused(&ringi(folder, "", &up), &up, "cli.records");
    std::fs::write(&settings, text).unwrap();
    scene.platform = Platform::up(folder);
    scene.platform.until(&id, "completed");
    let id = scene.pay("after.json", &[]);
    scene.platform.until(&id, "completed");
    assert_eq!(node.nonce(&scene.account), 2, "each is paid once");
    assert!(store.objects().len() > objects.len() || store.objects() != objects, "the second payment is kept too");
    assert_eq!(scene.platform.stop(), Some(0));
    moves_to_another_program(folder, &store);
    scene.platform = Platform::up_with(folder, &["--cosigner", "changed"]);
    let id = scene.pay("moved.json", &[]);
    scene.platform.until(&id, "completed");
    assert_eq!(node.nonce(&scene.account), 3, "the new image knows what the old one signed");
}

/// The objects of a cosigner, by the folders that they are in.
fn places(store: &Store, cosigner: u8) -> Vec<String> {
    let of = |object: String| object.split('/').nth(1).map(str::to_string);
    let mut places: Vec<String> = store.objects().into_iter().filter_map(of).collect();
    places.retain(|place| place.starts_with(&format!("cosigner-{cosigner}")));
    places.sort_by_key(|place| place.len());
    places.dedup();
    places
}

/// E1: the records go to places of their own, also when a move is cut off and begun again; the old ones stay.
fn moves_to_another_program(folder: &Path, store: &Store) {
    changed_program(folder);
    let before = store.objects();
    let upgrade = [
        "cosigner",
        "upgrade",
        "changed",
        "--data",
        "data",
        "--cosigner",
        cosigner().to_str().unwrap().to_string().leak(),
    ];
    let moved = ringi(folder, "", &upgrade);
    assert_eq!(moved.exit, Some(0), "{}", moved.err);
    cut_off_and_run_again(folder, &upgrade);
    let after = store.objects();
    // Records of a start are all that an old image may have written since, and they went to its own place.
    assert!(before.iter().filter(|o| o.ends_with("/instance")).all(|o| after.contains(o)));
    for (cosigner, count) in [(1, 2), (2, 2), (3, 3)] {
        let places = places(store, cosigner);
        assert_eq!(places.len(), count, "{places:?}");
        assert!(places[1..].iter().all(|place| place.starts_with(&format!("cosigner-{cosigner}."))), "{places:?}");
    }
}

#[test]
fn e1_a_cosigner_moves_on_a_running_platform_with_its_records_in_a_bucket() {
    let folder = tempfile::tempdir().unwrap();
    let Some(store) = Store::start(folder.path()) else { return };
    let node = Node::start();
    let mut office = founded_with(folder.path(), &node, |folder| records(folder, &store, Some("authority.pem")));
    let changed = changed_program(folder.path());
    let new = registers(&office.platform, &changed);
    allow(&mut office, &changed);
    let file = order(&office.platform, "2", &new);
    two_sign(&office.platform, "order", &file, NEXT);
    moved_while_paying(&mut office, &file);
    until_ready(&office.platform);
    office.pay();
    assert_eq!((places(&store, 1).len(), places(&store, 2).len()), (1, 2));
    assert!(!folder.path().join("data/cosigners/2/records").exists(), "it came back to the bucket");
    let (wallet, paid) = (office.wallet.clone(), office.paid);
    let platform = killed_and_up(office, &["--cosigner", cosigner().to_str().unwrap()]);
    let mut office = Office { folder: folder.path(), platform, genesis: NEXT, wallet, paid };
    until_ready(&office.platform);
    office.pay();
}
