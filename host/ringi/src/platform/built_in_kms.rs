//! The key service of a machine that has none: our own server in this process, believed by this machine's cosigners only.
//!
//! Whoever owns the data folder owns its keys: it makes the attested path real, not the operator powerless (rule E1).

use crate::failure::{Done, Failure};
use axum::Router;
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method};
use ringi_attestation::kms::{Credentials, Request, authorization};
use ringi_attestation::{Pcr, Root};
use ringi_enclave_host::KeyService;
use ringi_kms::{
    AccessKey, AccessKeys, Configuration, CosignerKey, Deployment, FolderStore, Kms, Principal, Signable, SystemClock,
    TlsIdentity, recommended_policy, serve_tls,
};
use ringi_primitives::digest::Digest;
use ringi_primitives::scheme::PartyIndex;
use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::fmt::Display;
use std::path::Path;
use std::sync::Arc;
use tokio::net::TcpListener;
use tokio::sync::{Mutex, oneshot};
use tokio::task::JoinHandle;
use zeroize::Zeroizing;

const HOST: &str = "127.0.0.1";
const ACCOUNT: &str = "000000000000";
const REGION: &str = "local";
const PRINCIPAL: &str = "arn:aws:iam::000000000000:role/ringi";
const ACCESS_FILE: &str = "access-keys.json";
const PORT_FILE: &str = "port";

/// The running server.
pub struct BuiltInKms {
    kms: Arc<Kms>,
    credentials: Credentials,
    port: u16,
    pin: [u8; 32],
    serving: Mutex<Option<(oneshot::Sender<()>, JoinHandle<()>)>>,
}

impl BuiltInKms {
    /// Starts it in its folder. Documents under this root are believed. Genesis names the port, so it stays the same.
    ///
    /// # Errors
    /// If the folder or the port is in use.
    pub async fn start(folder: &Path, root: Root) -> Result<BuiltInKms, Failure> {
        BuiltInKms::start_behind(folder, root, |router| router).await
    }

    /// The same with something between it and its callers that sees what is inside their TLS, as whoever holds the server's
    /// key can put there.
    ///
    /// # Errors
    /// As [`BuiltInKms::start`].
    pub async fn start_behind(
        folder: &Path,
        root: Root,
        front: impl FnOnce(Router) -> Router,
    ) -> Result<BuiltInKms, Failure> {
        let store = FolderStore::open(folder).map_err(|e| failed(&e))?;
        let identity = TlsIdentity::of_folder(folder).map_err(|e| failed(&e))?;
        let access = access(folder)?;
        let credentials = Credentials {
            access_key: access.access_key_id.clone(),
            secret_key: Zeroizing::new(String::from_utf8_lossy(access.secret_access_key.expose()).into_owned()),
            session_token: None,
        };
        let deployment = Deployment::new(ACCOUNT, REGION).ok_or_else(|| failed(&"no deployment"))?;
        let access = AccessKeys::new(vec![access]).map_err(|e| failed(&e))?;
        let configuration = Configuration { deployment, access, roots: vec![root] };
        let kms = Arc::new(Kms::new(configuration, Box::new(store), Box::new(SystemClock)).map_err(|e| failed(&e))?);
        let listener = listen(folder).await?;
        let port = listener.local_addr().map_err(|e| failed(&e))?.port();
        let (stop, stopped) = oneshot::channel::<()>();
        let (served, pin) = (kms.clone(), identity.pin());
        let router = front(ringi_kms::router(kms.clone()));
        let serving = tokio::spawn(async move {
            let stopped = async { drop(stopped.await) };
            if let Err(e) = serve_tls(served, router, listener, &identity, stopped).await {
                tracing::error!(code = "kms.listen", "the built-in key server has ended: {e}");
            }
        });
        Ok(BuiltInKms { kms, credentials, port, pin, serving: Mutex::new(Some((stop, serving))) })
    }

    /// What cosigners ask it with.
    pub fn service(&self) -> KeyService {
        KeyService {
            access_key: self.credentials.access_key.clone(),
            secret_key: self.credentials.secret_key.to_string(),
            session_token: None,
            reachable: vec![(HOST.into(), self.port)],
        }
    }

    /// A new key as genesis names it. Its policy is open until the workspace is known: see [`BuiltInKms::close`].
    ///
    /// # Errors
    /// The server's.
    pub async fn create_key(&self) -> Result<String, Failure> {
        let answer = self.call("CreateKey", json!({ "Description": "a Ringi cosigner's records" })).await?;
        let arn = answer.pointer("/KeyMetadata/Arn").and_then(Value::as_str);
        let arn = arn.ok_or_else(|| failed(&"CreateKey names no key"))?;
        Ok(format!("{arn}@{HOST}:{}/{}", self.port, hex::encode(self.pin)))
    }

    /// Whether genesis means a key of this server.
    pub fn keeps(&self, key: &str) -> bool {
        key.ends_with(&format!("@{HOST}:{}/{}", self.port, hex::encode(self.pin)))
    }

    /// Puts the production policy on a key: the measured image of this workspace's cosigner, and nobody changes it again. One
    /// that has this policy keeps it.
    ///
    /// # Errors
    /// The server's; also for a key that is closed for another cosigner.
    pub async fn close(&self, key: &str, genesis: Digest, cosigner: PartyIndex, images: BTreeSet<Pcr>) -> Done {
        let role = Principal::parse(PRINCIPAL).ok_or_else(|| failed(&"no principal"))?;
        let wish = CosignerKey { role, readers: vec![], images, signer: None, genesis, cosigner };
        let policy = recommended_policy(&wish).ok_or_else(|| failed(&"no image is measured"))?;
        let arn = key.split('@').next().unwrap_or(key);
        let now = self.call("GetKeyPolicy", json!({ "KeyId": arn, "PolicyName": "default" })).await?;
        let read = |text: Option<&str>| text.and_then(|text| serde_json::from_str::<Value>(text).ok());
        if read(now["Policy"].as_str()) == read(Some(&policy)) {
            return Ok(());
        }
        let fields =
            json!({ "KeyId": arn, "PolicyName": "default", "Policy": policy, "BypassPolicyLockoutSafetyCheck": true });
        self.call("PutKeyPolicy", fields).await.map(drop)
    }

    /// A call in the same process, signed like any other.
    async fn call(&self, action: &str, fields: Value) -> Result<Value, Failure> {
        let (host, target, body) =
            (format!("{HOST}:{}", self.port), format!("TrentService.{action}"), fields.to_string());
        let request = Request { host: &host, region: REGION, service: "kms", target: &target, body: body.as_bytes() };
        let mut headers = HeaderMap::new();
        let signed = authorization(&request, &self.credentials, crate::fresh::now());
        for (name, value) in signed.into_iter().chain([("host", host.clone())]) {
            let value = HeaderValue::from_str(&value).map_err(|e| failed(&e))?;
            headers.insert(HeaderName::from_static(name), value);
        }
        let kms = self.kms.clone();
        let answered = tokio::task::spawn_blocking(move || {
            kms.answer(&Signable { method: &Method::POST, target: "/", headers: &headers, body: body.as_bytes() })
        });
        let answer = answered.await.map_err(|e| failed(&e))?;
        let value: Value = serde_json::from_slice(&answer.body).unwrap_or_default();
        match answer.status {
            200 => Ok(value),
            _ => Err(failed(&format!("{action}: {}", value["__type"].as_str().unwrap_or("refused")))),
        }
    }

    /// Ends it; open requests end first.
    pub async fn stop(&self) {
        if let Some((stop, serving)) = self.serving.lock().await.take() {
            let _ = stop.send(());
            let _ = serving.await;
        }
    }
}

/// The one access key, made where there is none.
fn access(folder: &Path) -> Result<AccessKey, Failure> {
    let path = folder.join(ACCESS_FILE);
    if !path.exists() {
        let principal = Principal::parse(PRINCIPAL).ok_or_else(|| failed(&"no principal"))?;
        let key = AccessKey::generate(principal, vec!["kms:*".into()]).map_err(|e| failed(&e.message))?;
        AccessKeys::new(vec![key]).and_then(|keys| keys.write(&path)).map_err(|e| failed(&e))?;
    }
    let keys = AccessKeys::read(&path).map_err(|e| failed(&e))?;
    keys.first().cloned().ok_or_else(|| failed(&"its file of access keys is empty"))
}

/// On the port that genesis names; the first time on any.
async fn listen(folder: &Path) -> Result<TcpListener, Failure> {
    let path = folder.join(PORT_FILE);
    let kept = std::fs::read_to_string(&path).ok();
    let port: u16 = match &kept {
        Some(text) => text.trim().parse().map_err(|_| failed(&"its port file holds no port"))?,
        None => 0,
    };
    let listener = TcpListener::bind((HOST, port)).await.map_err(|e| {
        let next = format!("free port {port} of this machine: the workspace's genesis names it");
        Failure::new("kms.listen", format!("{HOST}:{port}: {e}"), next)
    })?;
    if kept.is_none() {
        let port = listener.local_addr().map_err(|e| failed(&e))?.port();
        std::fs::write(&path, port.to_string()).map_err(|e| Failure::file(&path, &e))?;
    }
    Ok(listener)
}

fn failed(error: &dyn Display) -> Failure {
    Failure::new("kms.built_in", format!("built-in key server: {error}"), "look at the folder kms in the data folder")
}
