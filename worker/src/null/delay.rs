//! When a request is answered: a pure function of when it was read, its number and the kind of delay.

use std::str::FromStr;

use crate::schedule::uniform;

/// How long answers take.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Delay {
    /// No time.
    None,
    /// Always so long.
    Fixed {
        /// The delay.
        delay_ns: u64,
    },
    /// Some short, some long, at random (always the same sequence).
    Bimodal {
        /// The usual delay.
        short_ns: u64,
        /// The other one.
        long_ns: u64,
        /// How many of 1 are long.
        long_ratio: f64,
    },
    /// From each multiple of the period after the first request on, nothing is answered for a while; all that waits is
    /// answered at its end. Otherwise there is a fixed delay.
    Stall {
        /// Between the beginnings of two stalls.
        period_ns: u64,
        /// How long each lasts.
        length_ns: u64,
        /// Outside of stalls.
        delay_ns: u64,
    },
}

impl Delay {
    /// When request `number`, read at `read_ns`, is to be answered; `first_ns` is when the first was read.
    #[must_use]
    pub fn answer_at_ns(&self, number: u64, read_ns: u64, first_ns: u64) -> u64 {
        match *self {
            Delay::None => read_ns,
            Delay::Fixed { delay_ns } => read_ns + delay_ns,
            Delay::Bimodal { short_ns, long_ns, long_ratio } => {
                read_ns + if uniform(0, number) <= long_ratio { long_ns } else { short_ns }
            }
            Delay::Stall { period_ns, length_ns, delay_ns } => {
                let after_ns = read_ns + delay_ns - first_ns;
                let (period, into_ns) = (after_ns / period_ns, after_ns % period_ns);
                let is_stalled = period > 0 && into_ns < length_ns;
                first_ns + if is_stalled { period * period_ns + length_ns } else { after_ns }
            }
        }
    }
}

/// Why a text is no delay.
#[derive(Debug, thiserror::Error)]
#[error(
    "expected none, fixed:TIME, bimodal:TIME,TIME,RATIO or stall:PERIOD,LENGTH[,TIME], times as 250us, 1ms or 10s"
)]
pub struct DelayError;

impl FromStr for Delay {
    type Err = DelayError;

    fn from_str(text: &str) -> Result<Self, DelayError> {
        let (name, values) = text.split_once(':').unwrap_or((text, ""));
        let values: Vec<&str> = if values.is_empty() { Vec::new() } else { values.split(',').collect() };
        match (name, &*values) {
            ("none", []) => Ok(Delay::None),
            ("fixed", [delay]) => Ok(Delay::Fixed { delay_ns: parse_ns(delay)? }),
            ("bimodal", [short, long, ratio]) => {
                let long_ratio = ratio.parse().ok().filter(|ratio| (0.0..=1.0).contains(ratio));
                let long_ratio = long_ratio.ok_or(DelayError)?;
                Ok(Delay::Bimodal { short_ns: parse_ns(short)?, long_ns: parse_ns(long)?, long_ratio })
            }
            ("stall", [period, length, rest @ ..]) if rest.len() <= 1 => {
                let (period_ns, length_ns) = (parse_ns(period)?, parse_ns(length)?);
                let delay_ns = rest.first().map_or(Ok(0), |delay| parse_ns(delay))?;
                let is_possible = length_ns < period_ns;
                is_possible.then_some(Delay::Stall { period_ns, length_ns, delay_ns }).ok_or(DelayError)
            }
            _ => Err(DelayError),
        }
    }
}

fn parse_ns(text: &str) -> Result<u64, DelayError> {
    let digits = text.find(|letter: char| !letter.is_ascii_digit() && letter != '.').ok_or(DelayError)?;
    let (number, unit) = text.split_at(digits);
    let unit_ns = match unit {
        "ns" => 1.0,
        "us" => 1e3,
        "ms" => 1e6,
        "s" => 1e9,
        _ => return Err(DelayError),
    };
    let number: f64 = number.parse().map_err(|_| DelayError)?;
    Ok((number * unit_ns) as u64)
}

#[cfg(test)]
mod tests {
    use super::*;

    const MS: u64 = 1_000_000;

    #[test]
    fn delays_are_read_as_written() {
        let cases = [
            ("none", Some(Delay::None)),
            ("fixed:1ms", Some(Delay::Fixed { delay_ns: MS })),
            ("fixed:1.5us", Some(Delay::Fixed { delay_ns: 1_500 })),
            (
                "bimodal:1ms,10ms,0.1",
                Some(Delay::Bimodal { short_ns: MS, long_ns: 10 * MS, long_ratio: 0.1 }),
            ),
            (
                "stall:10s,1s",
                Some(Delay::Stall { period_ns: 10_000 * MS, length_ns: 1_000 * MS, delay_ns: 0 }),
            ),
            (
                "stall:1s,10ms,1ms",
                Some(Delay::Stall { period_ns: 1_000 * MS, length_ns: 10 * MS, delay_ns: MS }),
            ),
            ("fixed", None),
            ("fixed:1", None),
            ("fixed:ms", None),
            ("bimodal:1ms,10ms,2", None),
            ("stall:1s,2s", None),
            ("none:1ms", None),
        ];
        for (text, expected) in cases {
            assert_eq!(text.parse().ok(), expected, "{text}");
        }
    }

    #[test]
    fn a_stall_holds_what_falls_into_it_until_its_end() {
        let delay: Delay = "stall:100ms,10ms,1ms".parse().unwrap();
        let answer_ms = |read_ms: u64| delay.answer_at_ns(0, read_ms * MS, 7 * MS) / MS;
        let cases = [
            (7, 8),
            (50, 51),
            (105, 106),
            (106, 117),
            (110, 117),
            (115, 117),
            (116, 117),
            (117, 118),
            (206, 217),
        ];
        for (read_ms, answered_ms) in cases {
            assert_eq!(answer_ms(read_ms), answered_ms, "read at {read_ms} ms");
        }
    }

    #[test]
    fn a_bimodal_delay_is_long_as_often_as_said() {
        let delay: Delay = "bimodal:1ms,10ms,0.1".parse().unwrap();
        let long = (0..100_000).filter(|number| delay.answer_at_ns(*number, 0, 0) == 10 * MS).count();
        assert!((9_500..10_500).contains(&long), "{long}");
    }
}
