#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| tower_logentries_auth_fuzz::explain::run(data));
