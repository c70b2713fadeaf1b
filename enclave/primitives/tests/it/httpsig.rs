//! Our RFC 9421 signatures against an independent implementation, and the RFCs' own examples.

use ed25519_dalek::{Signer, SigningKey};
use p256::ecdsa::signature::Signer as _;
use ringi_primitives::httpsig::{RequestSignature, content_digest};
use ringi_primitives::key::{PublicKey, SignatureBytes};
use serde_json::{Value, json};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{SystemTime, UNIX_EPOCH};

/// RFC 9530 §2 and RFC 9421 §2.1: the field's form and the digest of their example bodies.
#[test]
fn rfc9530_content_digests() {
    let known = [
        ("{\"hello\": \"world\"}", "sha-256=:X48E9qOokqqrvdts8nOJRJN3OWDUoyWxBf7kbu9DBPE=:"),
        ("{\"hello\": \"world\"}\n", "sha-256=:RK/0qy18MlBSVnWgjwz6lZEWjP/lF5HF9bvEF8FabDg=:"),
        ("", "sha-256=:47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=:"),
    ];
    for (body, digest) in known {
        assert_eq!(content_digest(body.as_bytes()), digest, "{body:?}");
    }
}

fn base64(text: &str) -> Vec<u8> {
    use base64::Engine as _;
    base64::engine::general_purpose::STANDARD.decode(text).unwrap()
}

/// RFC 9421 B.2.6: the signature of the RFC's Ed25519 key over its base.
#[test]
fn rfc9421_b26_ed25519() {
    let key = PublicKey::Ed25519(base64("JrQLj5P/89iXES9+vFgrIy29clF9CC/oPPsw3c5D0bs=").try_into().unwrap());
    let base = concat!(
        "\"date\": Tue, 20 Apr 2021 02:07:55 GMT\n",
        "\"@method\": POST\n",
        "\"@path\": /foo\n",
        "\"@authority\": example.com\n",
        "\"content-type\": application/json\n",
        "\"content-length\": 18\n",
        "\"@signature-params\": (\"date\" \"@method\" \"@path\" \"@authority\" \"content-type\" \"content-length\")",
        ";created=1618884473;keyid=\"test-key-ed25519\"",
    );
    let raw = base64("wqcAqbmYJ2ji2glfAMaRy4gruYYnx2nEFN2HN6jrnDnQCK1u02Gb04v9EDgwUPiu4A0w6vuQv5lIp5WPpBKRCw==");
    let signature = SignatureBytes(raw.try_into().unwrap());
    assert!(key.verifies(base.as_bytes(), &signature));
    assert!(!key.verifies(base.replace("POST", "PUT").as_bytes(), &signature));
}

/// RFC 9421 B.2.4: ECDSA P-256 with SHA-256, the signature as r and s.
#[test]
fn rfc9421_b24_ecdsa_p256() {
    let (x, y) = (
        base64("qIVYZVLCrPZHGHjP17CTW0/+D9Lfw0EkjqF7xB4FivA="),
        base64("Mc4nN9LTDOBhfoUeg8Ye9WedFRhnZXZJA12Qp0zZ6F0="),
    );
    let sign = 2 | (y[31] & 1);
    let key = PublicKey::P256([&[sign][..], &x].concat().try_into().unwrap());
    let base = concat!(
        "\"@status\": 200\n",
        "\"content-type\": application/json\n",
        "\"content-digest\": sha-512=:",
        "mEWXIS7MaLRuGgxOBdODa3xqM1XdEvxoYhvlCFJ41QJgJc4GTsPp29l5oGX69wWdXymyU0rjJuahq4l5aGgfLQ==:\n",
        "\"content-length\": 23\n",
        "\"@signature-params\": (\"@status\" \"content-type\" \"content-digest\" \"content-length\")",
        ";created=1618884473;keyid=\"test-key-ecc-p256\"",
    );
    let raw = base64("wNmSUAhwb5LxtOtOpNa6W5xj067m5hFrj0XQ4fvpaCLx0NKocgPquLgyahnzDnDAUy5eCdlYUEkLIj+32oiasw==");
    let signature = SignatureBytes(raw.try_into().unwrap());
    assert!(key.verifies(base.as_bytes(), &signature));
    assert!(!key.verifies(base.replace("200", "201").as_bytes(), &signature));
}

/// A signer of either kind.
enum Secret {
    Ed25519(SigningKey),
    P256(p256::ecdsa::SigningKey),
}

impl Secret {
    fn all() -> [Secret; 2] {
        [
            Secret::Ed25519(SigningKey::from_bytes(&[7; 32])),
            Secret::P256(p256::ecdsa::SigningKey::from_slice(&[7; 32]).unwrap()),
        ]
    }

    fn public(&self) -> PublicKey {
        match self {
            Secret::Ed25519(key) => PublicKey::Ed25519(key.verifying_key().to_bytes()),
            Secret::P256(key) => {
                let point = key.verifying_key().to_sec1_point(true);
                PublicKey::P256(point.as_bytes().try_into().unwrap())
            }
        }
    }

    fn sign(&self, message: &[u8]) -> SignatureBytes {
        match self {
            Secret::Ed25519(key) => SignatureBytes(Signer::sign(key, message).to_bytes()),
            Secret::P256(key) => {
                let signature: p256::ecdsa::Signature = key.sign(message);
                SignatureBytes(signature.to_bytes().into())
            }
        }
    }
}

const BODIES: [&str; 3] = ["{}", "", "{\"amount\":\"1000\",\"to\":\"日本\"}\n"];
const PATHS: [(&str, &str); 3] = [("POST", "/v1/transfers"), ("GET", "/v1/wallets/wal_1"), ("DELETE", "/")];

fn now_s() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs()
}

/// Each key, path and body, signed by us now.
fn ours() -> Vec<(RequestSignature, &'static str)> {
    let mut all = Vec::new();
    for secret in Secret::all() {
        for (method, path) in PATHS {
            for body in BODIES {
                let mut request = RequestSignature {
                    method: method.into(),
                    path: path.into(),
                    idempotency_key: format!("key-{}", all.len()),
                    key: secret.public(),
                    created_s: now_s(),
                    expires_s: now_s() + 300,
                    nonce: format!("nonce-{}", all.len()),
                    signature: SignatureBytes([0; 64]),
                };
                request.signature = secret.sign(request.base(body.as_bytes()).as_bytes());
                all.push((request, body));
            }
        }
    }
    all
}

fn message(request: &RequestSignature, body: &str) -> Value {
    let mut headers = serde_json::Map::from_iter([("Idempotency-Key".into(), json!(request.idempotency_key))]);
    headers.extend(request.headers(body.as_bytes()).map(|(name, value)| (name.to_string(), json!(value))));
    let url = format!("https://ringi.example{}", request.path);
    json!({"method": request.method, "url": url, "headers": headers, "body": body, "keyid": request.key.text()})
}

/// The same request with a change that its signature does not cover any more.
fn altered(request: &RequestSignature, body: &str) -> Vec<Value> {
    let change = |at: &str, to: Value| {
        let mut message = message(request, body);
        *message.pointer_mut(at).unwrap() = to;
        message
    };
    let input = request.headers(b"")[1].1.replace("nonce-", "nonce:");
    vec![
        change("/method", json!("PUT")),
        change("/url", json!("https://ringi.example/v1/other")),
        change("/body", json!(format!("{body} "))),
        change("/headers/Idempotency-Key", json!("other")),
        change("/headers/signature-input", json!(input)),
    ]
}

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../oracles/httpsig")
}

fn succeeds(command: &mut Command) {
    let status = command.stdout(Stdio::null()).status();
    let status = status.expect("python3 with venv is needed (or RINGI_SKIP_ORACLES=1)");
    assert!(status.success(), "{command:?} failed; RINGI_SKIP_ORACLES=1 leaves this test out");
}

/// The interpreter with the pinned packages, made where missing or of other pins.
fn python() -> PathBuf {
    let (venv, wanted) = (folder().join(".venv"), folder().join("requirements.txt"));
    let (python, done) = (venv.join("bin/python"), venv.join("installed.txt"));
    if std::fs::read(&done).ok() != std::fs::read(&wanted).ok() {
        succeeds(Command::new("python3").args(["-m", "venv", "--clear"]).arg(&venv));
        let pip = ["-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--require-hashes", "-r"];
        succeeds(Command::new(&python).args(pip).arg(&wanted));
        std::fs::copy(&wanted, &done).unwrap();
    }
    python
}

fn ask(work: &Value) -> Value {
    let mut child = Command::new(python())
        .arg(folder().join("check.py"))
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    child.stdin.take().unwrap().write_all(work.to_string().as_bytes()).unwrap();
    let output = child.wait_with_output().unwrap();
    assert!(output.status.success(), "check.py failed");
    serde_json::from_slice(&output.stdout).unwrap()
}

/// I1: what we sign the other implementation verifies, and what it signs we verify; it builds the same base.
#[test]
fn i1_an_independent_implementation_agrees() {
    if std::env::var("RINGI_SKIP_ORACLES").as_deref() == Ok("1") {
        println!(
            "left out: RINGI_SKIP_ORACLES=1, HTTP signatures were not compared with an independent implementation"
        );
        return;
    }
    let ours = ours();
    assert_eq!(ours.len(), 18);
    let good: Vec<Value> = ours.iter().map(|(r, body)| message(r, body)).collect();
    let bad: Vec<Value> = ours.iter().flat_map(|(r, body)| altered(r, body)).collect();
    let to_sign: Vec<Value> = ours
        .iter()
        .map(|(r, body)| {
            let mut case = message(r, body);
            case["input"] = json!(r.headers(body.as_bytes())[1].1);
            case["secret"] = json!(hex::encode([7; 32]));
            case
        })
        .collect();
    let all = [&good[..], &bad[..]].concat();
    let answer = ask(&json!({"verify": all, "sign": to_sign}));
    let verified = answer["verified"].as_array().unwrap();
    assert_eq!(verified.len(), 18 + 90);
    for (case, why) in good.iter().zip(verified) {
        assert_eq!(why, "", "{case}");
    }
    for (case, why) in bad.iter().zip(&verified[18..]) {
        assert!(why.as_str().unwrap().starts_with("InvalidSignature"), "{case}: {why}");
    }
    let signed = answer["signed"].as_array().unwrap();
    assert_eq!(signed.len(), 18);
    for ((request, body), theirs) in ours.iter().zip(signed) {
        assert_eq!(theirs["base"], request.base(body.as_bytes()));
        let header = |name: &str| match name {
            "content-digest" => Some(content_digest(body.as_bytes())),
            "idempotency-key" => Some(request.idempotency_key.clone()),
            _ => theirs[name].as_str().map(String::from),
        };
        let read = RequestSignature::from_headers(&request.method, &request.path, header, body.as_bytes()).unwrap();
        assert_eq!(read.verify(body.as_bytes()), Ok(()), "{theirs}");
        assert_eq!(read.check_time(now_s()), Ok(()));
    }
}
