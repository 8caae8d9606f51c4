//! What a server answers, whole and in pieces.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| dunlin_fuzz::door(data));
