//! A workspace that three admins found from machines of their own: the platform never has a key of theirs (rule G1).

use crate::node::{CHAIN_ID, Node};
use crate::platform::{Platform, cosigner, refused};
use serde_json::Value;
use std::io::{Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::path::Path;

const ADMINS: [&str; 3] = ["ada", "grace", "joan"];
pub const GENESIS: &str = "genesis.ringi";
pub const ROOT: &str = "data/simulation/root.der";
const PAYEE: &str = "0x70997970C51812dc3A010C7d01b50e0d17dc79C8";
const CENT: u128 = 10_000_000_000_000_000;
const ETHER: u128 = 1_000_000_000_000_000_000;

/// The folder of a workspace, with whose keys lie beside the platform's data.
pub struct Office<'a> {
    pub folder: &'a Path,
    pub platform: Platform,
    pub genesis: &'static str,
    pub wallet: String,
    pub paid: u128,
}

/// Settings, and `ringi up` until it waits for its admins.
fn waiting(folder: &Path, node: &Node, prepare: impl FnOnce(&Path)) -> Platform {
    Platform::settle(folder, node);
    prepare(folder);
    let file = folder.join("data/ringi.toml");
    let text = std::fs::read_to_string(&file).unwrap();
    std::fs::write(&file, format!("enclave = \"process\"\nfound_by = \"admins\"\n{text}")).unwrap();
    Platform::up(folder)
}

pub fn registers(platform: &Platform, program: &Path) -> Vec<String> {
    let shown = platform.good(&["cosigner", "measure", program.to_str().unwrap()]);
    shown["pcrs"].as_array().unwrap().iter().map(|pcr| pcr.as_str().unwrap().to_string()).collect()
}

/// `--pcr` for each.
pub fn with_registers<'a>(arguments: &[&'a str], registers: &'a [String]) -> Vec<&'a str> {
    arguments.iter().copied().chain(registers.iter().flat_map(|pcr| ["--pcr", pcr.as_str()])).collect()
}

fn draft(folder: &Path, platform: &Platform, out: &str) {
    let mut form = std::fs::read_to_string(folder.join("data/founding.toml")).unwrap();
    for name in ADMINS {
        let key = ringi::keys::SecretKey::load(&folder.join(name)).unwrap().public().text();
        form.push_str(&format!("\n[[admins]]\nname = \"{name}\"\nkey = \"{key}\"\n"));
    }
    std::fs::write(folder.join("genesis.toml"), form).unwrap();
    platform.good(&["genesis", "new", "--from", "genesis.toml", "--out", out]);
}

/// Every file below the data folder that looks like a key of a person.
fn keys_of_people(folder: &Path) -> Vec<String> {
    let mut found = Vec::new();
    let mut open = vec![folder.join("data")];
    while let Some(next) = open.pop() {
        for entry in std::fs::read_dir(next).unwrap().map(|e| e.unwrap().path()) {
            if entry.is_dir() {
                open.push(entry);
            } else if ringi::keys::SecretKey::load(&entry).is_ok() {
                found.push(entry.display().to_string());
            }
        }
    }
    found
}

/// A quorum of admins signs a document, in place.
pub fn two_sign(platform: &Platform, what: &str, file: &str, genesis: &str) {
    for key in &ADMINS[..2] {
        platform.good(&[what, "sign", file, "--key", key, "--genesis", genesis]);
    }
}

/// From an empty folder to a wallet with money.
pub fn founded<'a>(folder: &'a Path, node: &Node) -> Office<'a> {
    founded_with(folder, node, |_| ())
}

/// The same, with settings that this changes before the first start.
pub fn founded_with<'a>(folder: &'a Path, node: &Node, prepare: impl FnOnce(&Path)) -> Office<'a> {
    let platform = waiting(folder, node, prepare);
    for name in ADMINS.iter().chain(&["ines"]) {
        platform.good(&["keygen", "--out", name]);
    }
    draft(folder, &platform, GENESIS);
    let registers = registers(&platform, &cosigner());
    for name in ADMINS {
        let check = ["genesis", "check", GENESIS, "--key", name, "--root", ROOT];
        assert_eq!(platform.good(&with_registers(&check, &registers))["proved"], true);
        platform.good(&["genesis", "sign", GENESIS, "--key", name]);
    }
    let installed = platform.good(&["install", "genesis", "--key", "ada", GENESIS]);
    assert_eq!(installed["in_force"], true, "{installed}");
    policy(folder, &platform);
    let keygen = ["order", "keygen", "--scheme", "ecdsa-secp256k1", "--genesis", GENESIS, "--out", "keygen.ringi"];
    platform.good(&keygen);
    platform.refuses(&["install", "order", "--key", "ada", "keygen.ringi"], "order.signatures");
    two_sign(&platform, "order", "keygen.ringi", GENESIS);
    assert_eq!(platform.good(&["install", "order", "--key", "ada", "keygen.ringi"])["in_force"], true);
    platform.refuses(&["wallet", "list", "--key", "ines"], "access.no_role");
    platform.good(&["access", "grant", "--key", "ada", "ines", "editor"]);
    let wallet = platform.good(&["wallet", "new", "--key", "ines", "--vault", "treasury", "operations"]);
    let wallet = wallet["id"].as_str().unwrap().to_string();
    let addresses = platform.good(&["wallet", "addresses", "--key", "ines", &wallet, "--statements", "statements"]);
    let account = addresses["items"][0]["address"].as_str().unwrap();
    let statement = format!("statements/address-{account}.ringi");
    platform.good(&["verify", "address", &statement, "--genesis", GENESIS]);
    node.fund(account, ETHER);
    Office { folder, platform, genesis: GENESIS, wallet, paid: 0 }
}

fn policy(folder: &Path, platform: &Platform) {
    let key = ringi::keys::SecretKey::load(&folder.join("ines")).unwrap().public().text();
    let network = format!("eip155:{CHAIN_ID}");
    let text = format!(
        r#"
networks = ["{network}"]
[[people]]
name = "ines"
initiate = ["{key}"]
[[assets]]
id = "eth"
network = "{network}"
decimals = 18
[[vaults]]
index = 1
name = "treasury"
temperature = "hot"
[[vaults.rules]]
name = "payments"
kinds = ["transfer"]
amounts = [{{ of = "eth", at_most = "0.1" }}]
allow = {{ max_fees = [{{ network = "{network}", most = "0.01" }}] }}
"#
    );
    std::fs::write(folder.join("policy.toml"), text).unwrap();
    platform.good(&["policy", "new", "--from", "policy.toml", "--genesis", GENESIS, "--out", "policy.ringi"]);
    platform.refuses(&["install", "policy", "--key", "ada", "policy.ringi"], "policy.signatures");
    two_sign(platform, "policy", "policy.ringi", GENESIS);
    assert_eq!(platform.good(&["install", "policy", "--key", "ada", "policy.ringi"])["in_force"], true);
}

impl Office<'_> {
    /// Submits a payment of a cent of ether; gives its id.
    pub fn submit(&mut self) -> String {
        self.paid += 1;
        let (out, network, amount) =
            (format!("pay-{}.json", self.paid), format!("eip155:{CHAIN_ID}"), CENT.to_string());
        let given = [
            ["--genesis", self.genesis],
            ["--wallet", &self.wallet],
            ["--vault", "treasury"],
            ["--network", &network],
            ["--asset", "eth"],
            ["--to", PAYEE],
            ["--amount", &amount],
            ["--max-fee", "5000000000000000"],
            ["--out", &out],
        ];
        let draft: Vec<&str> = ["transfer", "draft"].into_iter().chain(given.into_iter().flatten()).collect();
        self.platform.good(&draft);
        let said = self.platform.good(&["transfer", "submit", "--key", "ines", &out]);
        said["transfer"]["id"].as_str().unwrap().to_string()
    }

    /// Pays and waits for its end; gives the transfer.
    pub fn pay(&mut self) -> Value {
        let id = self.submit();
        let done = self.platform.good(&["transfer", "watch", "--key", "ines", &id, "--timeout-s", "120"]);
        assert_eq!(done["status"], "completed", "{done}");
        done
    }

    /// The registers 0 of the images that signed a transfer, by its receipt.
    pub fn images(&self, transfer: &Value) -> Vec<String> {
        let (id, file) = (transfer["id"].as_str().unwrap(), format!("receipt-{}", self.paid));
        self.platform.good(&["transfer", "receipt", "--key", "ines", id, "--out", &file]);
        let receipt = self.platform.good(&["verify", "receipt", &file, "--genesis", self.genesis, "--root", ROOT]);
        receipt["images"].as_array().unwrap().iter().map(|i| i.as_str().unwrap().to_string()).collect()
    }
}

#[test]
fn g1_three_admins_found_a_workspace_without_a_key_in_its_folder() {
    let node = Node::start();
    let folder = tempfile::tempdir().unwrap();
    let mut office = founded(folder.path(), &node);
    let before = node.balance(PAYEE);
    let done = office.pay();
    assert_eq!(node.balance(PAYEE) - before, CENT);
    assert_eq!(office.images(&done).len(), 2);
    assert_eq!(keys_of_people(folder.path()), Vec::<String>::new());
    let Office { platform, wallet, .. } = office;
    platform.kill();

    // Without the setting it stays what it is.
    let settings = folder.path().join("data/ringi.toml");
    let text = std::fs::read_to_string(&settings).unwrap();
    std::fs::write(&settings, text.replace("found_by = \"admins\"\n", "")).unwrap();
    let platform = Platform::up(folder.path());
    let mut office = Office { folder: folder.path(), platform, genesis: GENESIS, wallet, paid: 1 };
    office.pay();
    assert!(!folder.path().join("data/development").exists() && !folder.path().join("data/genesis.ringi").exists());
    assert_eq!(keys_of_people(folder.path()), Vec::<String>::new());
}

#[test]
fn g1_a_draft_that_the_cosigners_do_not_prove_is_not_to_be_signed() {
    let node = Node::start();
    let folder = tempfile::tempdir().unwrap();
    let at = folder.path();
    let platform = waiting(at, &node, |_| ());
    ADMINS.iter().for_each(|name| drop(platform.good(&["keygen", "--out", name])));
    draft(at, &platform, GENESIS);
    let own = registers(&platform, &cosigner());
    let check = ["genesis", "check", GENESIS, "--key", "ada", "--root", ROOT];
    assert_eq!(platform.good(&with_registers(&check, &own))["proved"], true);
    // Another image, fewer registers, another root.
    let other = registers(&platform, &crate::attested::changed_program(at));
    platform.refuses(&with_registers(&check, &other), "cli.founding");
    platform.refuses(&with_registers(&check, &own[..1]), "cli.founding");
    platform.refuses(&check, "cli.founding");
    platform.refuses(&with_registers(&check[..5], &own), "cli.founding");
    // A draft that claims what they do not run, and an admin who was told that it is right.
    let form = std::fs::read_to_string(at.join("genesis.toml")).unwrap();
    let swapped = own.iter().zip(&other).fold(form.clone(), |f, (o, n)| f.replace(&o[2..], &n[2..]));
    std::fs::write(at.join("swapped.toml"), swapped).unwrap();
    platform.good(&["genesis", "new", "--from", "swapped.toml", "--out", "swapped.ringi"]);
    let swapped = ["genesis", "check", "swapped.ringi", "--key", "ada", "--root", ROOT];
    platform.refuses(&with_registers(&swapped, &other), "cli.founding");
    // One cosigner's channel key is somebody else's.
    let line = form.lines().find(|line| line.starts_with("channel_key")).unwrap();
    let mut foreign_line = line.to_string();
    foreign_line.replace_range(15..19, if &line[15..19] == "0123" { "3210" } else { "0123" });
    std::fs::write(at.join("foreign.toml"), form.replace(line, &foreign_line)).unwrap();
    platform.good(&["genesis", "new", "--from", "foreign.toml", "--out", "foreign.ringi"]);
    let foreign = ["genesis", "check", "foreign.ringi", "--key", "ada", "--root", ROOT];
    platform.refuses(&with_registers(&foreign, &own), "cli.founding");
    // The same with a host that says what the draft says: the cosigner itself claims other keys.
    let (real, swapped) = (line.split('"').nth(1).unwrap(), foreign_key(&foreign_line));
    let liar = liar(&platform.url, real, swapped);
    let told = crate::platform::ringi(at, &liar, &with_registers(&foreign, &own));
    refused(&told, &foreign, "cli.founding");
    assert!(told.err["error"].as_str().unwrap().contains("claims other keys"), "{told:?}");
    // A root beside the admin's own.
    let root = form.lines().find(|line| line.starts_with("trust_roots")).unwrap();
    let more = root.replace("[\"", &format!("[\"{}\", \"", "11".repeat(32)));
    std::fs::write(at.join("roots.toml"), form.replace(root, &more)).unwrap();
    platform.good(&["genesis", "new", "--from", "roots.toml", "--out", "roots.ringi"]);
    let roots = ["genesis", "check", "roots.ringi", "--key", "ada", "--root", ROOT];
    platform.refuses(&with_registers(&roots, &own), "cli.founding");
    // A draft that not all admins signed founds nothing, and the keys that were made are made once.
    platform.good(&["genesis", "sign", GENESIS, "--key", "ada"]);
    refused(&platform.run(&["install", "genesis", "--key", "ada", GENESIS]), &["install"], "cli.genesis");
    platform.refuses(&["status", "--key", "ada", "--url", "http://127.0.0.1:1"], "client.unreachable");
    let kms = |text: &str| text.lines().find(|line| line.starts_with("kms_keys")).unwrap().to_string();
    platform.kill();
    let platform = Platform::up(at);
    let again = std::fs::read_to_string(at.join("data/founding.toml")).unwrap();
    assert_eq!(kms(&again), kms(&form));
    // A restart before genesis made other identities: the old draft is refused.
    platform.refuses(&with_registers(&check, &own), "cli.founding");
}

fn foreign_key(line: &str) -> &str {
    line.split('"').nth(1).unwrap()
}

/// A host that puts another key in the place of a cosigner's, of the same length; gives its address.
fn liar(honest: &str, real: &str, other: &str) -> String {
    let (honest, real, other) = (honest.trim_start_matches("http://").to_string(), real.to_string(), other.to_string());
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    std::thread::spawn(move || {
        for asked in listener.incoming() {
            let (mut asked, mut asks) = (asked.unwrap(), TcpStream::connect(&honest).unwrap());
            let (mut from, mut to) = (asked.try_clone().unwrap(), asks.try_clone().unwrap());
            std::thread::spawn(move || std::io::copy(&mut from, &mut to));
            let (real, other) = (real.clone(), other.clone());
            std::thread::spawn(move || {
                let mut room = [0; 1 << 16];
                while let Ok(read @ 1..) = asks.read(&mut room) {
                    let answer = String::from_utf8_lossy(&room[..read]).replace(&real, &other);
                    asked.write_all(answer.as_bytes()).unwrap();
                }
            });
        }
    });
    url
}

#[test]
fn g1_a_development_folder_is_not_handed_to_admins() {
    let node = Node::start();
    let folder = tempfile::tempdir().unwrap();
    std::fs::create_dir_all(folder.path().join("data/development")).unwrap();
    Platform::settle(folder.path(), &node);
    let up = ["up", "--data", "data", "--listen", "127.0.0.1:0", "--found-by", "admins"];
    let program = cosigner();
    let up = [&up[..], &["--cosigner", program.to_str().unwrap()]].concat();
    refused(&crate::platform::ringi(folder.path(), "", &up), &up, "cli.founded");
}
