//! WebSocket frames, whole and in pieces.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| dunlin_fuzz::websocket(data));
