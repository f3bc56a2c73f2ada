//! Messages and request pools of any bytes: never a panic.

#![no_main]

use bench_worker::pool::Pool;
use bench_worker::protocol::decode;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let _ = decode(bytes);
    if let Ok(pool) = Pool::decode(bytes) {
        for number in [0, 1, u64::MAX] {
            let request = pool.request(pool.index_of(number));
            assert_eq!(request.bytes, request.parts.iter().map(|part| pool.part(*part).len()).sum::<usize>());
            assert!(request.kind < pool.kinds().len());
            request.body.map(|body| pool.body(body));
        }
    }
});
