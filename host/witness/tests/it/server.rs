//! A server on this machine that answers as each path says.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::time::Duration;

/// How much an endless answer sends before it gives up.
const ENDLESS: usize = 64 * 1024 * 1024;

pub struct Server {
    pub url: String,
}

impl Server {
    /// Answers in threads of its own until the test program ends.
    pub fn start() -> Server {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                std::thread::spawn(move || answer(stream));
            }
        });
        Server { url }
    }

    pub fn at(&self, path: &str) -> String {
        format!("{}{path}", self.url)
    }
}

pub fn path_of(stream: &mut impl Read) -> Option<String> {
    let mut head = Vec::new();
    let mut byte = [0];
    while !head.ends_with(b"\r\n\r\n") {
        if stream.read(&mut byte).ok()? == 0 {
            return None;
        }
        head.push(byte[0]);
    }
    String::from_utf8(head).ok()?.split(' ').nth(1).map(str::to_string)
}

pub fn ok(body: &str) -> String {
    format!("HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n{body}", body.len())
}

fn answer(mut stream: TcpStream) {
    while let Some(path) = path_of(&mut stream) {
        let redirect = |to: &str| format!("HTTP/1.1 302 Found\r\nlocation: {to}\r\ncontent-length: 0\r\n\r\n");
        let text = match path.split('?').next().unwrap_or_default() {
            "/text" => ok("3012.55"),
            "/quoted" => ok(r#"{"result":{"price":"3012.55"}}"#),
            "/number" => ok(r#"{"result":{"price":3012.55}}"#),
            "/exponent" => ok(r#"{"result":{"price":3.01255E+3}}"#),
            "/negative" => ok(r#"{"result":{"price":-3012.55}}"#),
            "/zero" => ok(r#"{"result":{"price":0.00}}"#),
            "/nan" => ok(r#"{"result":{"price":NaN}}"#),
            "/quoted-nan" => ok(r#"{"result":{"price":"NaN"}}"#),
            "/other" => ok(r#"{"result":{"cost":1}}"#),
            "/html" => ok("<html>busy</html>"),
            "/empty" => ok(""),
            "/behind" => ok(r#"{"result":{"price":1}}x"#),
            "/500" => "HTTP/1.1 500 Internal Server Error\r\ncontent-length: 1\r\n\r\n1".into(),
            "/404" => "HTTP/1.1 404 Not Found\r\ncontent-length: 1\r\n\r\n1".into(),
            "/partial" => "HTTP/1.1 206 Partial Content\r\ncontent-length: 1\r\n\r\n1".into(),
            "/here" => redirect("/number"),
            "/twice" => redirect("/here"),
            "/loop" => redirect("/loop"),
            "/elsewhere" => redirect(path.split_once("?to=").map_or("", |(_, to)| to)),
            "/nowhere" => "HTTP/1.1 302 Found\r\ncontent-length: 0\r\n\r\n".into(),
            "/cut" => {
                let _ = stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\n{\"result\":");
                return;
            }
            "/slow" => {
                std::thread::sleep(Duration::from_secs(5));
                ok("1")
            }
            "/drip" => return drip(&mut stream),
            "/endless" => return endless(&mut stream),
            "/garbage" => "\u{1}\u{2}garbage\r\n\r\n".into(),
            _ => ok("null"),
        };
        if stream.write_all(text.as_bytes()).is_err() {
            return;
        }
    }
}

/// One byte at a time, each within any patience, together beyond it.
fn drip(stream: &mut TcpStream) {
    let _ = stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 1000\r\n\r\n");
    while stream.write_all(b" ").is_ok() {
        std::thread::sleep(Duration::from_millis(50));
    }
}

fn endless(stream: &mut TcpStream) {
    let _ = stream.write_all(b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n");
    let chunk = format!("1000\r\n{}\r\n", " ".repeat(0x1000));
    for _ in 0..ENDLESS / 0x1000 {
        if stream.write_all(chunk.as_bytes()).is_err() {
            return;
        }
    }
}
