//! A master of any bytes, cut anywhere: never a panic, and the same messages as in one piece.

#![no_main]

use bench_worker::zmtp::{Decoder, Received, Violation};
use libfuzzer_sys::fuzz_target;

fn receive<'a>(pieces: impl Iterator<Item = &'a [u8]>) -> (Vec<Received>, Option<Violation>) {
    let (mut decoder, mut received) = (Decoder::default(), Vec::new());
    for piece in pieces {
        decoder.feed(piece);
        loop {
            match decoder.take() {
                Ok(Some(one)) => received.push(one),
                Ok(None) => break,
                Err(violation) => return (received, Some(violation)),
            }
        }
    }
    (received, None)
}

fuzz_target!(|input: (u8, &[u8])| {
    let (piece, bytes) = input;
    let whole = receive(std::iter::once(bytes));
    assert_eq!(whole, receive(bytes.chunks(usize::from(piece).max(1))));
});
