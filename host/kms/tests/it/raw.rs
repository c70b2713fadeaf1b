//! Requests signed by hand, so that they can be signed wrongly, or at another time.

use crate::world::{Signer, World};
use hmac::{Hmac, KeyInit as _, Mac as _};
use serde_json::Value;
use sha2::{Digest as _, Sha256};

/// A request on its way.
#[derive(Clone)]
pub struct Raw {
    pub method: &'static str,
    pub path: &'static str,
    pub headers: Vec<(String, String)>,
    pub body: Vec<u8>,
}

/// What came back.
pub struct Reply {
    pub status: u16,
    pub body: Value,
    pub headers: reqwest::header::HeaderMap,
}

impl Reply {
    /// The error's name.
    pub fn error(&self) -> &str {
        self.body["__type"].as_str().unwrap_or("none")
    }
}

fn keyed(key: &[u8], message: &str) -> Vec<u8> {
    let mut mac = Hmac::<Sha256>::new_from_slice(key).unwrap();
    mac.update(message.as_bytes());
    mac.finalize().into_bytes().to_vec()
}

/// `YYYYMMDDTHHMMSSZ`.
pub fn amz_date(world: &World) -> String {
    world.clock.now().to_string().replace(['-', ':'], "").chars().take(15).chain(['Z']).collect()
}

impl Raw {
    /// An unsigned call.
    pub fn of(world: &World, operation: &str, body: Value) -> Raw {
        let header = |name: &str, value: String| (name.to_owned(), value);
        let headers = vec![
            header("content-type", "application/x-amz-json-1.1".into()),
            header("host", world.address().to_string()),
            header("x-amz-date", amz_date(world)),
            header("x-amz-target", format!("TrentService.{operation}")),
        ];
        Raw { method: "POST", path: "/", headers, body: body.to_string().into_bytes() }
    }

    /// Signed as AWS describes it, over every header that is there, for `region/service`.
    pub fn signed_for(mut self, signer: Signer, region: &str, service: &str) -> Raw {
        if let Some(token) = signer.token {
            self.headers.push(("x-amz-security-token".into(), token.into()));
        }
        self.headers.sort();
        let date = self.headers.iter().find(|(name, _)| name == "x-amz-date").unwrap().1.clone();
        let names = self.headers.iter().map(|(name, _)| name.as_str()).collect::<Vec<_>>().join(";");
        let lines: String = self.headers.iter().map(|(name, value)| format!("{name}:{value}\n")).collect();
        let hash = hex::encode(Sha256::digest(&self.body));
        let canonical = format!("{}\n{}\n\n{lines}\n{names}\n{hash}", self.method, self.path);
        let scope = format!("{}/{region}/{service}/aws4_request", &date[..8]);
        let text = format!("AWS4-HMAC-SHA256\n{date}\n{scope}\n{}", hex::encode(Sha256::digest(canonical.as_bytes())));
        let first = format!("AWS4{}", signer.secret).into_bytes();
        let key = scope.split('/').fold(first, |key, part| keyed(&key, part));
        let signature = hex::encode(keyed(&key, &text));
        let value =
            format!("AWS4-HMAC-SHA256 Credential={}/{scope}, SignedHeaders={names}, Signature={signature}", signer.id);
        self.headers.push(("authorization".into(), value));
        self
    }

    pub fn signed(self, signer: Signer) -> Raw {
        self.signed_for(signer, "us-east-1", "kms")
    }

    pub fn without(mut self, name: &str) -> Raw {
        self.headers.retain(|(known, _)| known != name);
        self
    }

    pub fn with(mut self, name: &str, value: &str) -> Raw {
        self.headers.push((name.into(), value.into()));
        self
    }

    pub fn changed(mut self, name: &str, change: impl Fn(&str) -> String) -> Raw {
        let found = self.headers.iter_mut().find(|(known, _)| known == name).unwrap();
        let before = found.1.clone();
        found.1 = change(&found.1);
        assert_ne!(before, found.1, "nothing was changed");
        self
    }

    pub fn send(self, world: &World) -> Reply {
        let url = format!("{}{}", world.url(), self.path);
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async move {
            let mut request = reqwest::Client::new().request(self.method.parse().unwrap(), url).body(self.body);
            for (name, value) in &self.headers {
                request = request.header(name, value);
            }
            let response = request.send().await.unwrap();
            let (status, headers) = (response.status().as_u16(), response.headers().clone());
            let body = response.bytes().await.unwrap();
            Reply { status, headers, body: serde_json::from_slice(&body).unwrap() }
        })
    }
}

/// A signed call at the world's time.
pub fn call(world: &World, signer: Signer, operation: &str, body: Value) -> Reply {
    Raw::of(world, operation, body).signed(signer).send(world)
}
