//! HTTP/1.1, as far as one POST and its answer with a known length need it (RFC 9112).

use std::io::{self, Read};

/// The head of an answer.
const HEAD_BYTES: usize = 8 * 1024;
const HEADERS: usize = 64;
/// The body: an answer holds one ciphertext and one envelope.
const BODY_BYTES: usize = 64 * 1024;

/// What the server answered.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Answer {
    pub(super) status: u16,
    pub(super) body: Vec<u8>,
}

/// One request; the connection ends with its answer.
pub(super) fn request(host: &str, headers: &[(&'static str, String)], body: &[u8]) -> Vec<u8> {
    let listed: String = headers.iter().map(|(name, value)| format!("{name}: {value}\r\n")).collect();
    let length = body.len();
    let head =
        format!("POST / HTTP/1.1\r\nhost: {host}\r\n{listed}content-length: {length}\r\nconnection: close\r\n\r\n");
    [head.as_bytes(), body].concat()
}

impl Answer {
    /// Reads one answer: the head byte by byte, then exactly its body.
    ///
    /// # Errors
    /// The stream's; `InvalidData` over a bound, without a length, or if it is no answer.
    pub(super) fn read(from: &mut impl Read) -> io::Result<Answer> {
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            let mut byte = [0];
            from.read_exact(&mut byte)?;
            head.extend(byte);
            if head.len() > HEAD_BYTES {
                return Err(malformed());
            }
        }
        let mut headers = [httparse::EMPTY_HEADER; HEADERS];
        let mut parsed = httparse::Response::new(&mut headers);
        match parsed.parse(&head) {
            Ok(httparse::Status::Complete(_)) => {}
            _ => return Err(malformed()),
        }
        let status = parsed.code.ok_or_else(malformed)?;
        let length = length(parsed.headers).filter(|n| *n <= BODY_BYTES).ok_or_else(malformed)?;
        let mut body = vec![0; length];
        from.read_exact(&mut body)?;
        Ok(Answer { status, body })
    }
}

/// The one Content-Length; two, or a transfer coding, are refused (RFC 9112 §6.3: request smuggling).
fn length(headers: &[httparse::Header<'_>]) -> Option<usize> {
    let named = |name: &str| headers.iter().filter(|h| h.name.eq_ignore_ascii_case(name)).collect::<Vec<_>>();
    if !named("transfer-encoding").is_empty() {
        return None;
    }
    let [one] = named("content-length")[..] else { return None };
    std::str::from_utf8(one.value).ok()?.parse().ok()
}

fn malformed() -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, "not an HTTP answer of known length")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> io::Result<Answer> {
        Answer::read(&mut text.as_bytes())
    }

    #[test]
    fn an_answer_has_one_length_and_no_coding() {
        let good = read("HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nabcd").unwrap();
        assert_eq!(good, Answer { status: 200, body: b"abc".to_vec() });
        for bad in [
            "HTTP/1.1 200 OK\r\n\r\nabc",
            "HTTP/1.1 200 OK\r\nContent-Length: 3\r\nContent-Length: 3\r\n\r\nabc",
            "HTTP/1.1 200 OK\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\nabc",
            "HTTP/1.1 200 OK\r\nContent-Length: 99999999\r\n\r\nabc",
            "HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\nabc",
            "ICY 200 OK\r\nContent-Length: 3\r\n\r\nabc",
        ] {
            assert_eq!(read(bad).unwrap_err().kind(), io::ErrorKind::InvalidData, "{bad}");
        }
        assert_eq!(
            read("HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nabc").unwrap_err().kind(),
            io::ErrorKind::UnexpectedEof
        );
        let long = format!("HTTP/1.1 200 OK\r\nx: {}\r\nContent-Length: 0\r\n\r\n", "y".repeat(HEAD_BYTES));
        assert_eq!(read(&long).unwrap_err().kind(), io::ErrorKind::InvalidData);
    }
}
