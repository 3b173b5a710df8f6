//! A model of clocks, servers, balancers and retries, which holds the layer against one that does not correct its
//! clock.
//!
//! The layer is the real one; the network below it is a function, and time passes as the model says.
#![allow(clippy::unwrap_used, clippy::indexing_slicing)] // a test that can't go on should stop

use std::{
    collections::BTreeMap,
    convert::Infallible,
    future::ready,
    ops::Range,
    sync::{
        Arc, Mutex,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
    time::{Duration, Instant, SystemTime, UNIX_EPOCH},
};

use bytes::Bytes;
use futures_util::FutureExt;
use http::{Request, Response};
use http_body_util::Full;
use tower::{Layer, Service, service_fn};

use super::{ClockSkewCorrected, OriginClocks};
use crate::{
    Credentials, LogentriesAuthLayer,
    clock::{Clock, date_of, format_date},
};

const START: u64 = 1_503_000_984;
/// By how many seconds a server lets a date differ from its clock.
const TOLERANCE: u64 = 5 * 60;
const REQUESTS: usize = 30;
const SEEDS: u64 = 600;

/// SplitMix64: the same seed gives the same run, on every machine.
#[derive(Debug, Clone)]
struct Random(u64);

impl Random {
    fn below(&mut self, bound: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (mixed ^ (mixed >> 31)) % bound
    }

    fn of<T: Copy>(&mut self, choices: &[T]) -> T {
        choices[self.below(choices.len() as u64) as usize]
    }

    fn percent(&mut self, percent: u64) -> bool {
        self.below(100) < percent
    }
}

#[derive(Debug, Clone, Copy)]
enum Balancing {
    RoundRobin,
    Random,
    /// One server at a time, with a failover now and then.
    Failover,
}

#[derive(Debug, Clone, Copy)]
enum Retry {
    Never,
    /// After [`ClockSkewCorrected`] alone.
    Corrected,
    /// After every rejection.
    Rejected,
}

impl Retry {
    fn again(self, answer: &Response<()>) -> bool {
        match self {
            Self::Never => false,
            Self::Corrected => answer.extensions().get::<ClockSkewCorrected>().is_some(),
            Self::Rejected => !answer.status().is_success(),
        }
    }
}

/// One run of the model: everything that happens in it follows from this.
#[derive(Debug, Clone)]
struct Pattern {
    /// How far the clocks of client, servers and proxy are from the true time.
    local: i64,
    servers: Vec<i64>,
    proxy: i64,
    balancing: Balancing,
    retry: Retry,
    tries: usize,
    /// Seconds between the tries of one request, and between requests.
    wait: u64,
    gap: u64,
    /// How many requests are signed before the first of them is answered.
    in_flight: usize,
    /// Percent of attempts that a proxy answers with 403, that lack rights, that are polled late, and of requests
    /// before which the local clock is set to another time.
    proxied: u64,
    forbidden: u64,
    late: u64,
    jumps: u64,
    rejection: u16,
}

const SKEWS: [i64; 9] = [0, 0, 0, 20, -240, 1200, -1200, 3600, -7200];

impl Pattern {
    fn any(random: &mut Random) -> Self {
        let servers = random.of(&[1, 1, 2, 2, 3, 5]);
        Self {
            local: random.of(&SKEWS),
            servers: (0..servers).map(|_| random.of(&SKEWS)).collect(),
            proxy: random.of(&SKEWS),
            balancing: random.of(&[Balancing::RoundRobin, Balancing::Random, Balancing::Failover]),
            retry: random.of(&[Retry::Never, Retry::Corrected, Retry::Rejected]),
            tries: random.of(&[2, 2, 3, 4]),
            wait: random.of(&[0, 0, 1, 30]),
            gap: random.of(&[0, 1, 60, 7200]),
            in_flight: random.of(&[1, 1, 2, 8]),
            proxied: random.of(&[0, 0, 10]),
            forbidden: random.of(&[0, 0, 10]),
            late: random.of(&[0, 0, 10]),
            jumps: random.of(&[0, 0, 2]),
            rejection: random.of(&[401, 403, 404]),
        }
    }

    fn kinds(&self) -> [String; 4] {
        [
            format!("{:?}", self.balancing),
            format!("{:?} after {} s", self.retry, self.wait),
            format!("{} in flight", self.in_flight),
            format!("{} servers", self.servers.len()),
        ]
    }

    /// Whether no two clocks that answer are further apart than a correction takes notice of.
    fn is_consistent(&self) -> bool {
        let proxy = (self.proxied > 0).then_some(self.proxy);
        let clocks = || self.servers.iter().copied().chain(proxy);
        clocks().max().zip(clocks().min()).is_none_or(|(max, min)| max - min <= 20)
    }
}

/// What became of the requests of a run.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
struct Outcome {
    requests: usize,
    passed: usize,
    attempts: usize,
}

/// True time, the layer's clock, and the one that never jumps.
#[derive(Debug, Clone)]
struct Time {
    elapsed: Arc<AtomicU64>,
    local: Arc<AtomicU64>,
    base: Instant,
}

impl Time {
    fn new(pattern: &Pattern) -> Self {
        let local = START.wrapping_add_signed(pattern.local);
        Self { elapsed: Arc::default(), local: Arc::new(local.into()), base: Instant::now() }
    }

    fn pass(&self, secs: u64) {
        self.elapsed.fetch_add(secs, Relaxed);
    }

    fn clock(&self) -> Clock {
        let (wall, steady) = (self.clone(), self.clone());
        Clock::new(move || -> SystemTime { UNIX_EPOCH + Duration::from_secs(wall.local.load(Relaxed) + wall.secs()) })
            .with_instant(move || steady.base + Duration::from_secs(steady.secs()))
    }

    fn secs(&self) -> u64 {
        self.elapsed.load(Relaxed)
    }

    /// The time on a clock that is this far from the true one.
    fn on(&self, skew: i64) -> u64 {
        (START + self.secs()).wrapping_add_signed(skew)
    }
}

/// The servers of one origin, behind a balancer and a proxy.
struct Servers {
    pattern: Pattern,
    time: Time,
    random: Random,
    next: usize,
}

impl Servers {
    fn answer(&mut self, request: &Request<Full<Bytes>>) -> Response<()> {
        let picked = self.pick();
        let skew = self.pattern.servers[picked];
        // All is drawn whatever happens, so that two layers face the same servers.
        let (proxied, forbidden) =
            (self.random.percent(self.pattern.proxied), self.random.percent(self.pattern.forbidden));
        let dated = date_of(request.headers()).unwrap();
        let (status, skew) = match () {
            () if proxied => (403, self.pattern.proxy),
            () if dated.abs_diff(self.time.on(skew)) > TOLERANCE => (self.pattern.rejection, skew),
            () if forbidden => (403, skew),
            () => (200, skew),
        };
        let date = format_date(self.time.on(skew)).unwrap();
        Response::builder().status(status).header("date", date).body(()).unwrap()
    }

    fn pick(&mut self) -> usize {
        let servers = self.pattern.servers.len();
        let drawn = self.random.below(servers as u64) as usize;
        match self.pattern.balancing {
            Balancing::RoundRobin => self.next = (self.next + 1) % servers,
            Balancing::Random => self.next = drawn,
            Balancing::Failover if self.random.percent(5) => self.next = drawn,
            Balancing::Failover => {}
        }
        self.next
    }
}

/// Runs a pattern against a layer that corrects its clock, or one that does not.
fn run(pattern: &Pattern, seed: u64, corrects_skew: bool) -> Outcome {
    let time = Time::new(pattern);
    let mut layer =
        LogentriesAuthLayer::new(Credentials::owner("id", "key").unwrap()).correct_clock_skew(corrects_skew);
    Arc::make_mut(&mut layer.signer).origin_clocks = OriginClocks::new(time.clock());
    // One for each, so that what happens to the two layers differs only where they do.
    let (mut random, mut jumps) = (Random(!seed), Random(seed ^ 1));
    let next = random.below(pattern.servers.len() as u64) as usize;
    let servers = Servers { pattern: pattern.clone(), time: time.clone(), random: Random(seed), next };
    let servers = Arc::new(Mutex::new(servers));
    let client =
        layer.layer(service_fn(move |request| ready(Ok::<_, Infallible>(servers.lock().unwrap().answer(&request)))));

    let mut outcome = Outcome::default();
    while outcome.requests < REQUESTS {
        let (is_set, to) = (jumps.percent(pattern.jumps), jumps.of(&SKEWS));
        if is_set {
            time.local.store(START.wrapping_add_signed(to), Relaxed);
        }
        let mut unanswered = pattern.in_flight;
        outcome.requests += unanswered;
        for attempt in 1..=pattern.tries {
            // All are signed before the first is answered, and some of the answers wait until they are polled.
            let sent: Vec<_> = (0..unanswered).map(|_| client.clone().call(request())).collect();
            outcome.attempts += sent.len();
            let answers: Vec<_> = sent
                .into_iter()
                .map(|answer| {
                    time.pass(if random.percent(pattern.late) { 1200 } else { 0 });
                    answer.now_or_never().unwrap().unwrap()
                })
                .collect();
            outcome.passed += answers.iter().filter(|answer| answer.status().is_success()).count();
            unanswered = answers.iter().filter(|answer| pattern.retry.again(answer)).count();
            if unanswered == 0 || attempt == pattern.tries {
                break;
            }
            time.pass(pattern.wait);
        }
        time.pass(pattern.gap);
    }
    outcome
}

fn request() -> Request<Full<Bytes>> {
    Request::get("https://rest.logentries.com/management/accounts/7/users").body(Full::default()).unwrap()
}

/// Runs as many patterns with correction and without, and returns both outcomes of each.
fn compare(seeds: Range<u64>, fit: impl Fn(&mut Pattern)) -> Vec<(Pattern, Outcome, Outcome)> {
    let compared = seeds.map(|seed| {
        let mut pattern = Pattern::any(&mut Random(seed));
        fit(&mut pattern);
        let (with, without) = (run(&pattern, seed, true), run(&pattern, seed, false));
        (pattern, with, without)
    });
    compared.collect()
}

/// The most that a correction may cost: in one request after the other, it is contradicted once for each doubling.
fn doublings(attempts: usize) -> usize {
    (attempts + 1).ilog2() as usize
}

#[test]
fn servers_that_agree_lose_nothing() {
    let (mut more, mut runs) = (0, 0);
    for (pattern, with, without) in compare(0..SEEDS, |pattern| pattern.servers.truncate(1)) {
        if pattern.is_consistent() {
            assert!(with.passed >= without.passed, "{pattern:?} {with:?} {without:?}");
            more += usize::from(with.passed > without.passed);
            runs += 1;
        }
    }
    assert!(more * 2 > runs, "{more} of {runs} runs gain");
}

#[test]
fn one_request_after_the_other_loses_no_more_than_the_logarithm() {
    let sequential = |pattern: &mut Pattern| {
        pattern.in_flight = 1;
        pattern.retry = Retry::Never;
    };
    for (pattern, with, without) in compare(SEEDS..2 * SEEDS, sequential) {
        let most = doublings(without.attempts);
        assert!(with.passed + most >= without.passed, "{pattern:?} {with:?} {without:?}");
    }
}

#[test]
fn no_pattern_does_worse_in_sum() {
    let mut sums = BTreeMap::<String, (usize, usize)>::new();
    for (pattern, with, without) in compare(2 * SEEDS..3 * SEEDS, |_| {}) {
        let most = pattern.in_flight * doublings(without.attempts);
        assert!(with.passed + most >= without.passed, "{pattern:?} {with:?} {without:?}");
        for kind in pattern.kinds() {
            let sum = sums.entry(kind).or_default();
            *sum = (sum.0 + with.passed, sum.1 + without.passed);
        }
    }
    for (kind, (with, without)) in sums {
        assert!(with >= without, "{kind}: {with} pass with correction, {without} without");
    }
}

/// Two servers behind one origin, one of them an hour ahead, and one retry.
#[test]
fn two_servers_that_disagree_cost_the_one_request_that_finds_out() {
    let hour_ahead = |balancing| Pattern {
        local: 0,
        servers: vec![0, 3600],
        proxy: 0,
        balancing,
        retry: Retry::Rejected,
        tries: 2,
        wait: 0,
        gap: 0,
        in_flight: 1,
        proxied: 0,
        forbidden: 0,
        late: 0,
        jumps: 0,
        rejection: 401,
    };
    for wait in [0, 1, 60] {
        for seed in 0..20 {
            let pattern = Pattern { wait, ..hour_ahead(Balancing::RoundRobin) };
            assert_eq!(run(&pattern, seed, false).passed, REQUESTS);
            assert!(run(&pattern, seed, true).passed >= REQUESTS - 1);
        }
        let random = Pattern { wait, ..hour_ahead(Balancing::Random) };
        let sum = |corrects_skew| (0..50).map(|seed| run(&random, seed, corrects_skew).passed).sum::<usize>();
        let (with, without) = (sum(true), sum(false));
        assert!(with + 50 >= without, "{with} {without}");
    }
}
