#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| primarena_fuzz::fields::run(data));
