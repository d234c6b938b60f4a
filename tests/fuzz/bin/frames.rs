#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| {
    kafka_rs_fuzz::log_everything();
    kafka_rs_fuzz::targets::frames::run(input);
});
