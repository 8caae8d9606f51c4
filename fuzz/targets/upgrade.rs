//! The request that opens a WebSocket.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| dunlin_fuzz::upgrade(data));
