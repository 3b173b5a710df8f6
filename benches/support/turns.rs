//! Contenders that take turns in one run, and the ratios of their times.
//!
//! Machines and moments differ by more than layers do. So each round times every contender, each first in turn; a ratio is one
//! of two times of the same round, and what is printed is the median over the rounds, and the quartiles.

use std::{
    array, env,
    time::{Duration, Instant},
};

/// How many requests are made before they are timed, so that all of them stay in a cache.
const BATCH: usize = 100;

/// How many rounds to run: without `--bench`, as in a test run, a benchmark only shows that it works.
pub(crate) fn rounds() -> usize {
    if env::args().any(|argument| argument == "--bench") { 61 } else { 1 }
}

/// Times each contender once a round.
pub(crate) fn take_turns<const N: usize>(rounds: usize, mut time: impl FnMut(usize) -> Duration) -> Vec<[Duration; N]> {
    let round = |round| {
        let mut times = [Duration::ZERO; N];
        for place in 0..N {
            let contender = (round + place) % N;
            times[contender] = time(contender);
        }
        times
    };
    (0..rounds).map(round).collect()
}

/// The time that `act` takes for so many inputs, without making them and dropping the outputs.
pub(crate) fn time<I, O>(inputs: usize, input: impl Fn() -> I, mut act: impl FnMut(I) -> O) -> Duration {
    let batches = (0..inputs).step_by(BATCH).map(|start| {
        let inputs: Vec<_> = (start..inputs.min(start + BATCH)).map(|_| input()).collect();
        let mut outputs = Vec::with_capacity(inputs.len());
        let started = Instant::now();
        outputs.extend(inputs.into_iter().map(&mut act));
        started.elapsed()
    });
    batches.sum()
}

/// The median and the quartiles, as text.
pub(crate) fn spread(values: impl Iterator<Item = f64>) -> String {
    let [low, median, high] = quartiles(values);
    format!("{median:>5.2}   ({low:.2} to {high:.2})")
}

/// The median time of one contender for each of so many inputs, as text.
pub(crate) fn median_ns(times: impl Iterator<Item = Duration>, inputs: usize) -> String {
    let [_, median, _] = quartiles(times.map(|time| time.as_secs_f64() * 1e9 / inputs as f64));
    format!("{median:.0} ns")
}

fn quartiles(values: impl Iterator<Item = f64>) -> [f64; 3] {
    let mut values: Vec<_> = values.collect();
    values.sort_by(f64::total_cmp);
    array::from_fn(|quarter| values[(quarter + 1) * (values.len() - 1) / 4])
}
