//! What a server asks for is what it gets, up to a limit.

use std::{collections::HashSet, time::Duration};

use http::Method;
use tokio::time::Instant;
use tower_logentries_auth::LogentriesRetryPolicy;

use super::{Answers, Headers, ORIGIN, request, send};
use crate::support::layer_for;

/// Sends a `POST` to a service that answers so; returns the last status, how often it was sent, and how long it took.
async fn limited(policy: LogentriesRetryPolicy, answers: Answers) -> (u16, usize, Duration) {
    let start = Instant::now();
    let (status, recording) = send(policy, layer_for(ORIGIN), answers, request(Method::POST, ORIGIN)).await;
    let received = recording.take();
    assert!(received.iter().all(|received| received.signature_error().is_none() && received.body == "a user"));
    (status, received.len(), start.elapsed())
}

#[track_caller]
fn assert_between(took: Duration, least: f64, most: f64) {
    assert!((least..=most).contains(&took.as_secs_f64()), "{took:?}");
}

#[tokio::test(start_paused = true)]
async fn seconds_are_waited_with_jitter() {
    let (status, sent, took) = limited(LogentriesRetryPolicy::new(), &[(429, &[("retry-after", "20")])]).await;
    assert_eq!((status, sent), (200, 2));
    assert_between(took, 20.0, 22.01);
}

#[tokio::test(start_paused = true)]
async fn date_is_relative_to_the_response_date() {
    let headers: Headers =
        &[("date", "Thu, 17 Aug 2017 20:16:24 GMT"), ("retry-after", "Thu, 17 Aug 2017 20:16:54 GMT")];
    let answers: Answers = Box::leak(Box::new([(429, headers)]));
    let (status, sent, took) = limited(LogentriesRetryPolicy::new(), answers).await;
    assert_eq!((status, sent), (200, 2));
    assert_between(took, 30.0, 33.01);
}

#[tokio::test(start_paused = true)]
async fn past_zero_or_invalid_means_backoff() {
    for text in ["Thu, 17 Aug 2017 20:16:24 GMT", "0", "soon", "-5", "1.5", ""] {
        let headers: Headers = Box::leak(Box::new([("retry-after", text)]));
        let answers: Answers = Box::leak(Box::new([(429, headers)]));
        let (status, sent, took) = limited(LogentriesRetryPolicy::new(), answers).await;
        assert_eq!((status, sent), (200, 2), "{text}");
        assert_between(took, 1.0, 1.11);
    }
}

#[tokio::test(start_paused = true)]
async fn longer_wait_than_the_limit_is_not_retried() {
    const BEYOND: Answers = &[(429, &[("retry-after", "61")])];
    const ENDLESS: Answers = &[(429, &[("retry-after", "99999999999999999999999")])];
    const TOGETHER: Answers = &[(429, &[("retry-after", "30")]), (429, &[("retry-after", "31")])];
    for (answers, expected, waited) in [(BEYOND, 1, 0.0), (ENDLESS, 1, 0.0), (TOGETHER, 2, 30.0)] {
        let (status, sent, took) = limited(LogentriesRetryPolicy::new(), answers).await;
        assert_eq!((status, sent), (429, expected));
        assert_between(took, waited, waited * 1.1 + 0.01);
    }
    let patient = LogentriesRetryPolicy::new().max_wait(Duration::from_secs(62));
    assert_eq!(limited(patient, BEYOND).await.0, 200);
    let impatient = LogentriesRetryPolicy::new().max_wait(Duration::ZERO);
    assert_eq!(limited(impatient, &[(429, &[])]).await.0, 429);
    let endless = LogentriesRetryPolicy::new().max_wait(Duration::MAX);
    assert_eq!(limited(endless, BEYOND).await.0, 200);
}

#[tokio::test(start_paused = true)]
async fn jitter_spreads_requests() {
    let start = Instant::now();
    let sent = (0..8).map(|_| async {
        limited(LogentriesRetryPolicy::new(), &[(429, &[("retry-after", "30")])]).await;
        start.elapsed().as_millis()
    });
    let returned: HashSet<_> = futures_util::future::join_all(sent).await.into_iter().collect();
    assert!(returned.len() > 1, "{returned:?}");
}
