//! Where a request comes from (H1): the connection's other end, or what a trusted proxy says of it.

use crate::codes::Code;
use crate::problem::Problem;
use axum::http::HeaderMap;
use ipnet::IpNet;
use std::net::IpAddr;

/// The other end of the connection that carried a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Peer(pub IpAddr);

/// Proxies whose `X-Forwarded-For` is believed. Nobody's else is: anybody can write that header.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Proxies(Vec<IpNet>);

impl Proxies {
    /// Of addresses and networks, such as `10.0.0.7` and `fd00::/8`; the text that is neither, if one is.
    ///
    /// # Errors
    /// The first text that is no address and no network.
    pub fn parse(texts: &[String]) -> Result<Proxies, String> {
        let one = |text: &String| {
            let address = text.parse::<IpAddr>().map(IpNet::from);
            address.or_else(|_| text.parse::<IpNet>()).map_err(|_| text.clone())
        };
        texts.iter().map(one).collect::<Result<_, _>>().map(Proxies)
    }

    fn has(&self, address: IpAddr) -> bool {
        self.0.iter().any(|net| net.contains(&address))
    }

    /// The caller's address: the peer's, unless that is a proxy; then the last address in the header that is none.
    pub(crate) fn caller(&self, peer: IpAddr, headers: &HeaderMap) -> Result<IpAddr, Problem> {
        let peer = peer.to_canonical();
        if !self.has(peer) {
            return Ok(peer);
        }
        let mut nearest = peer;
        let values: Vec<_> = headers.get_all("x-forwarded-for").iter().collect();
        for value in values.into_iter().rev() {
            let text = value.to_str().map_err(|_| Problem::of(Code::RequestForwarded))?;
            for part in text.rsplit(',') {
                let address: IpAddr = part.trim().parse().map_err(|_| Problem::of(Code::RequestForwarded))?;
                nearest = address.to_canonical();
                if !self.has(nearest) {
                    return Ok(nearest);
                }
            }
        }
        Ok(nearest)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn caller(peer: &str, forwarded: &[&str]) -> Result<String, String> {
        let proxies = Proxies::parse(&["10.0.0.0/24".into(), "192.0.2.1".into()]).unwrap();
        let mut headers = HeaderMap::new();
        for text in forwarded {
            headers.append("x-forwarded-for", text.parse().unwrap());
        }
        proxies.caller(peer.parse().unwrap(), &headers).map(|a| a.to_string()).map_err(|p| p.code)
    }

    #[test]
    fn h1_only_a_proxy_is_believed_and_only_what_it_added_itself() {
        let is = |address: &str| Ok(address.to_string());
        assert_eq!(caller("198.51.100.7", &["10.1.1.1"]), is("198.51.100.7"));
        assert_eq!(caller("10.0.0.9", &["203.0.113.5"]), is("203.0.113.5"));
        assert_eq!(caller("10.0.0.9", &["10.6.6.6, 203.0.113.5"]), is("203.0.113.5"), "the caller wrote the first one");
        assert_eq!(caller("10.0.0.9", &["6.6.6.6", "203.0.113.5, 10.0.0.8"]), is("203.0.113.5"));
        assert_eq!(caller("192.0.2.1", &["::ffff:203.0.113.5"]), is("203.0.113.5"));
        assert_eq!(caller("::ffff:192.0.2.1", &["203.0.113.5"]), is("203.0.113.5"));
        assert_eq!(caller("10.0.0.9", &[]), is("10.0.0.9"));
        for malformed in ["unknown", "", "203.0.113.5:80", "203.0.113.5,", "a, b"] {
            assert_eq!(caller("10.0.0.9", &[malformed]), Err("request.forwarded".into()), "{malformed}");
        }
    }

    #[test]
    fn what_is_no_network_is_refused() {
        assert_eq!(Proxies::parse(&["10.0.0.0/33".into()]), Err("10.0.0.0/33".into()));
        assert_eq!(Proxies::parse(&["proxy.example".into()]), Err("proxy.example".into()));
    }
}
