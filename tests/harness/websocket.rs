//! WebSocket: a listener for both servers, and a raw client that can say what no client would.
//!
//! In: settings, requests and frames, well-formed or not. Out: answers and frames as they came.

use std::net::SocketAddr;

use dunlin_server::WebsocketOptions;
use tokio::net::TcpStream;

use crate::PATIENCE;
use crate::wire::{Wire, within};

/// What a WebSocket listener is started with.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Websocket {
    /// Whether compression may be agreed on.
    pub compression: bool,
    /// Whether pages must come from the same host.
    pub same_origin: bool,
    /// Where pages may come from.
    pub allowed_origins: &'static [&'static str],
    /// More headers of the answer.
    pub headers: &'static [(&'static str, &'static str)],
    /// The cookies that hold user and password.
    pub cookies: Option<(&'static str, &'static str)>,
    /// The cookie that holds the token.
    pub token_cookie: Option<&'static str>,
    /// The user that clients without credentials become.
    pub no_auth_user: Option<&'static str>,
    /// The one user, in place of the server's own.
    pub user: Option<(&'static str, &'static str)>,
}

impl Websocket {
    /// As nats-server reads it.
    pub(crate) fn config(&self) -> String {
        let mut text = format!(
            "websocket {{ listen: \"127.0.0.1:-1\", no_tls: true, compression: {}, same_origin: {}",
            self.compression, self.same_origin
        );
        let mut add = |key: &str, value: String| text.push_str(&format!("\n{key}: {value}"));
        if !self.allowed_origins.is_empty() {
            add("allowed_origins", format!("{:?}", self.allowed_origins));
        }
        for (name, value) in self.headers {
            add("headers", format!("{{ {name:?}: {value:?} }}"));
        }
        if let Some((user, pass)) = self.cookies {
            add("user_cookie", format!("{user:?}"));
            add("pass_cookie", format!("{pass:?}"));
        }
        if let Some(name) = self.token_cookie {
            add("token_cookie", format!("{name:?}"));
        }
        if let Some(user) = self.no_auth_user {
            add("no_auth_user", format!("{user:?}"));
        }
        if let Some((user, pass)) = self.user {
            add(
                "authorization",
                format!("{{ user: {user:?}, password: {pass:?} }}"),
            );
        }
        text.push_str("\n}");
        text
    }

    /// As ours is told.
    pub(crate) fn options(&self) -> WebsocketOptions {
        let mut it = WebsocketOptions::new(0)
            .compression(self.compression)
            .same_origin(self.same_origin);
        for origin in self.allowed_origins {
            it = it.allowed_origin(*origin);
        }
        for (name, value) in self.headers {
            it = it.header(*name, *value);
        }
        if let Some((user, pass)) = self.cookies {
            it = it.user_cookie(user).pass_cookie(pass);
        }
        if let Some(name) = self.token_cookie {
            it = it.token_cookie(name);
        }
        if let Some(user) = self.no_auth_user {
            it = it.no_auth_user(user);
        }
        if let Some((user, pass)) = self.user {
            let own = dunlin_server::Authorization::new().user_and_password(user, pass);
            it = it.authorization(own);
        }
        it
    }
}

/// A request, to be changed before it is sent.
#[derive(Clone, Debug)]
pub struct Request {
    /// `GET`, or something else.
    pub method: &'static str,
    /// `/`, or something else.
    pub path: &'static str,
    /// Names and values, in their order.
    pub headers: Vec<(&'static str, String)>,
}

/// What was answered.
#[derive(Clone, Debug, PartialEq)]
pub struct Answer {
    /// 0 where the connection was closed without a word.
    pub status: u16,
    /// Names in lower case, and values.
    pub headers: Vec<(String, String)>,
}

impl Default for Request {
    /// What a client sends that asks for nothing special.
    fn default() -> Self {
        let headers = vec![
            ("Host", "a.example".to_owned()),
            ("Upgrade", "websocket".to_owned()),
            ("Connection", "Upgrade".to_owned()),
            ("Sec-WebSocket-Key", "dGhlIHNhbXBsZSBub25jZQ==".to_owned()),
            ("Sec-WebSocket-Version", "13".to_owned()),
        ];
        Self {
            method: "GET",
            path: "/",
            headers,
        }
    }
}

impl Request {
    /// With this header instead of one that it has, or beside them.
    pub fn with(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self = self.without(name);
        self.and(name, value)
    }

    /// With this header beside those that it has.
    pub fn and(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.headers.push((name, value.into()));
        self
    }

    /// Without a header.
    pub fn without(mut self, name: &str) -> Self {
        self.headers.retain(|(known, _)| *known != name);
        self
    }

    /// As it goes over the wire.
    pub fn bytes(&self) -> Vec<u8> {
        let mut text = format!("{} {} HTTP/1.1\r\n", self.method, self.path);
        for (name, value) in &self.headers {
            text.push_str(&format!("{name}: {value}\r\n"));
        }
        text.push_str("\r\n");
        text.into_bytes()
    }
}

impl Answer {
    /// The value of a header, by its name in lower case.
    pub fn header(&self, name: &str) -> Option<&str> {
        let known = self.headers.iter().find(|(known, _)| known == name);
        known.map(|(_, value)| value.as_str())
    }
}

/// What a server asks of a client that has been there for two seconds.
const PING: &[u8] = b"PING\r\n";

/// One frame of a server.
#[derive(Clone, Debug, PartialEq)]
pub struct Frame {
    /// The last of its message.
    pub is_final: bool,
    /// RSV1 to RSV3: 4, 2 and 1.
    pub reserved: u8,
    /// 2 binary, 8 close, 9 ping, 10 pong.
    pub opcode: u8,
    /// What it carries.
    pub payload: Vec<u8>,
}

/// One frame of a client, to be changed before it is sent.
#[derive(Clone, Copy, Debug)]
pub struct Sent<'a> {
    /// 1 text, 2 binary, 0 continuation, 8 close, 9 ping, 10 pong.
    pub opcode: u8,
    /// What it carries.
    pub payload: &'a [u8],
    /// The last of its message.
    pub is_final: bool,
    /// RSV1 to RSV3: 4, 2 and 1.
    pub reserved: u8,
    /// Whether it is masked.
    pub is_masked: bool,
    /// The length that it claims, if not its own.
    pub claims: Option<u64>,
}

impl Default for Sent<'_> {
    fn default() -> Self {
        Self {
            opcode: 2,
            payload: b"",
            is_final: true,
            reserved: 0,
            is_masked: true,
            claims: None,
        }
    }
}

impl Sent<'_> {
    /// As it goes over the wire.
    pub fn bytes(&self) -> Vec<u8> {
        const MASK: [u8; 4] = [0x5a, 0xa5, 0x0f, 0xf0];
        let mut bytes = vec![u8::from(self.is_final) << 7 | self.reserved << 4 | self.opcode];
        let mask = u8::from(self.is_masked) << 7;
        match self.claims.unwrap_or(self.payload.len() as u64) {
            len @ 0..126 => bytes.push(mask | len as u8),
            len @ 126..65536 => {
                bytes.push(mask | 126);
                bytes.extend_from_slice(&(len as u16).to_be_bytes());
            }
            len => {
                bytes.push(mask | 127);
                bytes.extend_from_slice(&len.to_be_bytes());
            }
        }
        if !self.is_masked {
            bytes.extend_from_slice(self.payload);
            return bytes;
        }
        bytes.extend_from_slice(&MASK);
        let masked = self.payload.iter().zip(MASK.iter().cycle());
        bytes.extend(masked.map(|(byte, mask)| byte ^ mask));
        bytes
    }
}

/// A connection that speaks frames.
#[derive(Debug)]
pub struct Frames {
    wire: Wire,
    /// Payload of data frames that nobody has asked for.
    spare: Vec<u8>,
}

impl Frames {
    /// Sends `request` and reads the answer.
    pub async fn ask(address: SocketAddr, request: &[u8]) -> (Self, Answer) {
        let mut frames = Self::dial(address).await;
        frames.send(request).await;
        let answer = frames.answer().await;
        (frames, answer)
    }

    fn over(wire: Wire) -> Self {
        let spare = Vec::new();
        Self { wire, spare }
    }

    /// Connects and says nothing.
    pub async fn dial(address: SocketAddr) -> Self {
        let wire = Wire::open(address, None).await;
        let wire = wire.expect("the server accepts");
        Self::over(wire)
    }

    /// Connects with a small buffer in the kernel, for readers that are to stall, and reads the
    /// INFO.
    pub async fn open_small(address: SocketAddr) -> Self {
        let wire = Wire::open(address, Some(4096)).await;
        let wire = wire.expect("the server accepts");
        let mut frames = Self::over(wire);
        frames.send(&Request::default().bytes()).await;
        assert_eq!(frames.answer().await.status, 101);
        frames.next().await.expect("INFO comes first");
        frames
    }

    /// Connects with `request` and reads the INFO.
    pub async fn open(address: SocketAddr, request: Request) -> Self {
        let (mut frames, answer) = Self::ask(address, &request.bytes()).await;
        assert_eq!(answer.status, 101, "{answer:?}");
        frames.next().await.expect("INFO comes first");
        frames
    }

    /// Sends `bytes` as they are.
    pub async fn send(&mut self, bytes: &[u8]) {
        self.wire
            .send(bytes)
            .await
            .expect("a socket can be written");
    }

    /// Sends `text` as one message.
    pub async fn say(&mut self, text: impl AsRef<[u8]>) {
        let sent = Sent {
            payload: text.as_ref(),
            ..Sent::default()
        };
        self.send(&sent.bytes()).await;
    }

    /// The next frame; none at the end of the connection. That the server asks for a sign of life
    /// in between is no matter: on a slow machine it does.
    pub async fn next(&mut self) -> Option<Frame> {
        loop {
            let frame = self.frame().await?;
            if frame.payload != PING {
                return Some(frame);
            }
        }
    }

    async fn frame(&mut self) -> Option<Frame> {
        let head = self.take(2).await?;
        let len = match head[1] & 0x7f {
            126 => {
                let len = self.take(2).await?;
                usize::from(u16::from_be_bytes([len[0], len[1]]))
            }
            127 => {
                let len = self.take(8).await?;
                let len: [u8; 8] = len.try_into().expect("eight bytes were taken");
                u64::from_be_bytes(len) as usize
            }
            len => usize::from(len),
        };
        assert_eq!(head[1] & 0x80, 0, "servers do not mask");
        Some(Frame {
            is_final: head[0] & 0x80 != 0,
            reserved: head[0] >> 4 & 7,
            opcode: head[0] & 15,
            payload: self.take(len).await?,
        })
    }

    /// The payload of data frames, as it was sent, until it ends with `end`.
    pub async fn until(&mut self, end: &str) -> String {
        let mut text = Vec::new();
        while !text.ends_with(end.as_bytes()) {
            let frame = self.next().await;
            let frame = frame.unwrap_or_else(|| panic!("ended behind {:?}", crate::show(&text)));
            assert_eq!(frame.opcode, 2, "behind {}: {frame:?}", crate::show(&text));
            text.extend_from_slice(&frame.payload);
        }
        String::from_utf8_lossy(&text).into_owned()
    }

    /// The next `len` bytes of data frames, however they are cut, and whatever the server asked
    /// before them.
    pub async fn bytes(&mut self, len: usize) -> Vec<u8> {
        loop {
            if self.spare.starts_with(PING) {
                self.spare.drain(..PING.len());
            } else if self.spare.len() >= len {
                return self.spare.drain(..len).collect();
            } else {
                let frame = self.next().await.expect("there is more to come");
                assert_eq!(frame.opcode, 2, "{frame:?}");
                self.spare.extend(frame.payload);
            }
        }
    }

    /// The connection without anything around it, for tests that count memory.
    pub fn into_socket(self) -> TcpStream {
        self.wire.into_socket()
    }

    /// Everything up to the end of the connection.
    pub async fn until_end(&mut self) -> Vec<Frame> {
        let mut frames = Vec::new();
        while let Some(frame) = self.next().await {
            frames.push(frame);
        }
        frames
    }

    async fn take(&mut self, len: usize) -> Option<Vec<u8>> {
        while self.wire.inbox().len() < len {
            if self.wire.is_ended() {
                return None;
            }
            let filled = within(self.wire.fill()).await;
            filled.unwrap_or_else(|error| panic!("after {PATIENCE:?}: {error}"));
        }
        let taken = self.wire.inbox()[..len].to_vec();
        self.wire.take(len);
        Some(taken)
    }

    /// The answer to a request.
    pub async fn answer(&mut self) -> Answer {
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            match self.take(1).await {
                Some(byte) => head.extend(byte),
                None => {
                    assert!(head.is_empty(), "half an answer: {}", crate::show(&head));
                    let headers = Vec::new();
                    return Answer { status: 0, headers };
                }
            }
        }
        let head = String::from_utf8(head).expect("an answer is text");
        let mut lines = head.lines();
        let status = lines.next().and_then(|line| line.split(' ').nth(1));
        let headers = lines.filter_map(|line| line.split_once(": "));
        Answer {
            status: status.and_then(|it| it.parse().ok()).unwrap_or_default(),
            headers: headers
                .map(|(name, value)| (name.to_lowercase(), value.to_owned()))
                .collect(),
        }
    }
}
