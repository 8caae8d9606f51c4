//! The JSON of INFO and CONNECT.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| dunlin_fuzz::info_connect(data));
