//! Answers of any bytes, cut anywhere: never a panic, and the same outcome as in one piece.

#![no_main]

use bench_worker::http::{BodySink, Malformed, Parser, Progress};
use libfuzzer_sys::fuzz_target;

#[derive(Default)]
struct Body(Vec<u8>);

impl BodySink for Body {
    fn body(&mut self, bytes: &[u8]) {
        assert!(!bytes.is_empty());
        self.0.extend_from_slice(bytes);
    }
}

/// The status, the body, and how many bytes were the answer's; None while it goes on.
type Outcome = (Option<u16>, Vec<u8>, Option<usize>);

fn parse<'a>(pieces: impl Iterator<Item = &'a [u8]>, is_head_request: bool) -> Result<Outcome, Malformed> {
    let (mut parser, mut body, mut before) = (Parser::default(), Body::default(), 0);
    parser.reset(is_head_request);
    let mut end = None;
    for piece in pieces {
        if let Progress::Complete { consumed } = parser.feed(piece, &mut body)? {
            assert!(consumed <= piece.len());
            end = Some(before + consumed);
            break;
        }
        before += piece.len();
    }
    Ok((parser.head().map(|head| head.status), body.0, end))
}

fuzz_target!(|input: (u8, bool, &[u8])| {
    let (piece, is_head_request, bytes) = input;
    let whole = parse(std::iter::once(bytes), is_head_request);
    let cut = parse(bytes.chunks(usize::from(piece).max(1)), is_head_request);
    // What is malformed after the cut may come before or after the error in one piece; what is proper is the same.
    if let (Ok(whole), Ok(cut)) = (&whole, &cut) {
        assert_eq!(whole, cut);
    }
    // A head is looked at as soon as its first bytes are there, so only a cut one may be refused earlier.
    if whole.is_err() && cut.is_ok() {
        panic!("{whole:?} in one piece, {cut:?} in pieces of {piece}");
    }
});
