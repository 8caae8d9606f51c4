//! WebSocket: its handshake, its frames, its compression, who may come in by it, and who reads
//! slowly. Source: protocol.md#websocket.

mod compression;
mod frames;
mod handshake;
mod login;
mod slow;

use dunlin_tests::{Auth, Options, Running, Target, Websocket};

/// A server with a WebSocket listener.
async fn start(target: Target, websocket: Websocket) -> Running {
    start_with(target, websocket, None).await
}

async fn start_with(target: Target, websocket: Websocket, auth: Option<Auth>) -> Running {
    let options = Options {
        websocket: Some(websocket),
        auth,
        max_payload: Some(64 * 1024),
        ..Options::default()
    };
    target.start(&options).await.expect("the server starts")
}

/// Says who it is not, and asks for a sign of life.
const HELLO: &str = "CONNECT {\"verbose\":false,\"pedantic\":false}\r\nPING\r\n";
