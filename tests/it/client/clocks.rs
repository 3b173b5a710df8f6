//! Clocks of origins: when a refusal corrects one, and what the layer makes of all others.

use std::{convert::Infallible, future::ready, sync::Barrier, thread};

use axum::body::Body;
use futures_util::FutureExt;
use http::{HeaderValue, Request, Response};
use hyper_util::{client::legacy::Client, rt::TokioExecutor};
use proptest::prelude::*;
use tower::{Layer, Service, ServiceExt, service_fn};
use tower_logentries_auth::{
    AuthError, LogentriesAuthLayer, LogentriesVerifyLayer,
    client::{ClockSkewCorrected, UntrustedOrigins},
};

use crate::support::{
    LOGS, SIGNED_AT, USERS, at,
    clock::{ManualClock, date},
    credentials,
    inner::RAPID7,
    layer, layer_for,
    server::{record_and, verifier},
};

const AN_HOUR: i64 = 60 * 60;
const A_DAY: i64 = 24 * AN_HOUR;

/// A layer whose clock stands still.
fn standing() -> LogentriesAuthLayer {
    layer().clock(at(SIGNED_AT))
}

/// An answer by a clock that is this far ahead of [`SIGNED_AT`].
fn answer(status: u16, ahead: i64) -> Response<&'static str> {
    let second = SIGNED_AT.checked_add_signed(ahead).unwrap();
    Response::builder().status(status).header("date", date(second)).body("").unwrap()
}

/// By how much a response says that the clock was corrected.
fn corrected<T>(response: &Response<T>) -> Option<i64> {
    response.extensions().get().map(ClockSkewCorrected::offset_secs)
}

/// A request that is signed by now, and whose answer is seen when the future is polled.
fn in_flight(
    layer: &LogentriesAuthLayer,
    uri: &str,
    answer: Response<&'static str>,
) -> impl Future<Output = Result<Response<&'static str>, AuthError>> + use<> {
    let server = service_fn(move |_: Request<Body>| ready(Ok::<_, Infallible>(answer.clone())));
    layer.layer(server).call(Request::get(uri).body(Body::empty()).unwrap())
}

/// Sends a request that is answered like this, and returns the correction that its response carries.
fn send_to(layer: &LogentriesAuthLayer, uri: &str, answer: Response<&'static str>) -> Option<i64> {
    let sent = in_flight(layer, uri, answer).now_or_never().expect("nothing to wait for");
    corrected(&sent.unwrap())
}

/// Sends a signed request that is answered like this.
fn send(layer: &LogentriesAuthLayer, answer: Response<&'static str>) -> Option<i64> {
    send_to(layer, &format!("{RAPID7}{USERS}"), answer)
}

fn offset(layer: &LogentriesAuthLayer) -> i64 {
    layer.clock_offset_secs(RAPID7).unwrap()
}

#[tokio::test]
async fn wrong_clock_is_corrected_by_its_first_refusal() {
    for is_http2 in [false, true] {
        for ahead in [AN_HOUR, -AN_HOUR] {
            let second = SIGNED_AT.checked_add_signed(ahead).unwrap();
            let origin = verifier(LogentriesVerifyLayer::new(credentials()).clock(at(second))).await;
            let layer = layer_for(&origin).clock(at(SIGNED_AT));
            let client = Client::builder(TokioExecutor::new()).http2_only(is_http2).build_http();
            for (service, expected) in [
                (layer.layer(client.clone()), (401, Some(ahead))),
                (layer.clone().layer(client), (200, None)), // clones share the offset
            ] {
                let request = Request::post(format!("{origin}{USERS}")).body(Body::from("a user")).unwrap();
                let response = service.oneshot(request).await.unwrap();
                assert_eq!((response.status().as_u16(), corrected(&response)), expected);
            }
            assert_eq!(layer.clock_offset_secs(&origin).unwrap(), ahead);
        }
    }
}

#[test]
fn accepted_clock_is_changed_by_three_refusals_in_a_row() {
    for accepted in [200, 204, 302, 304] {
        for refused in [401, 403, 404] {
            let layer = standing();
            assert_eq!(send(&layer, answer(accepted, AN_HOUR)), None);
            for expected in [None, None, Some(AN_HOUR)] {
                assert_eq!(send(&layer, answer(refused, AN_HOUR)), expected, "{accepted} {refused}");
            }
            assert_eq!(offset(&layer), AN_HOUR);
        }
    }
}

#[test]
fn accepted_request_between_refusals_starts_the_count_again() {
    let layer = standing();
    for _ in 0..3 {
        assert_eq!(send(&layer, answer(304, 0)), None);
        assert_eq!(send(&layer, answer(401, AN_HOUR)), None);
        assert_eq!(send(&layer, answer(401, AN_HOUR)), None);
    }
    assert_eq!(send(&layer, answer(401, AN_HOUR)), Some(AN_HOUR));
}

#[test]
fn adopted_offset_is_changed_by_the_next_refusal_until_it_is_accepted() {
    let layer = standing();
    assert_eq!(send(&layer, answer(401, AN_HOUR)), Some(AN_HOUR));
    assert_eq!(send(&layer, answer(401, -AN_HOUR)), Some(-AN_HOUR));
    assert_eq!(send(&layer, answer(200, -AN_HOUR)), None);
    for expected in [None, None, Some(0)] {
        assert_eq!(send(&layer, answer(401, 0)), expected);
    }
}

/// What an answer makes of a clock that was never corrected.
fn offset_after(answer: Response<&'static str>) -> i64 {
    let layer = standing();
    assert_eq!(send(&layer, answer).unwrap_or(0), offset(&layer));
    offset(&layer)
}

#[test]
fn difference_is_more_than_30_seconds_and_at_most_a_day() {
    for (ahead, expected) in [(30, 0), (31, 31), (A_DAY, A_DAY), (A_DAY + 1, 0)] {
        assert_eq!(offset_after(answer(401, ahead)), expected);
        assert_eq!(offset_after(answer(401, -ahead)), -expected);
    }
}

/// Refusals that skew does not explain.
fn unexplained() -> Vec<Response<&'static str>> {
    let mut answers: Vec<_> =
        [400, 405, 407, 419, 429, 500, 503].map(|status| answer(status, AN_HOUR)).into_iter().collect();
    let mut cached = answer(401, AN_HOUR);
    cached.headers_mut().insert("age", HeaderValue::from_static("0"));
    let mut twice_dated = answer(401, AN_HOUR);
    twice_dated.headers_mut().append("date", answer(401, AN_HOUR).headers()["date"].clone());
    let mut undated = answer(401, AN_HOUR);
    undated.headers_mut().remove("date");
    answers.extend([cached, twice_dated, undated, answer(401, 30), answer(401, A_DAY + 1)]);
    for date in [
        "",
        "1503002184",
        "2017-08-17T20:36:24Z",
        "Thursday, 17-Aug-17 20:36:24 GMT",
        "Mon, 17 Aug 2017 20:36:24 GMT",
        "Thu, 17 Aug 2017 20:36:24 UTC",
        "Thu, 17 Aug 2017 20:36:24 GMT, Thu, 17 Aug 2017 20:36:24 GMT",
        "Fri, 31 Dec 99999 23:59:59 GMT",
    ] {
        answers.push(Response::builder().status(401).header("date", date).body("").unwrap());
    }
    answers
}

#[test]
fn unexplained_refusal_counts_nothing_and_keeps_the_count() {
    for unexplained in unexplained() {
        assert_eq!(offset_after(unexplained.clone()), 0, "{unexplained:?}");

        let layer = standing();
        send(&layer, answer(200, 0));
        for expected in [None, None, Some(AN_HOUR)] {
            assert_eq!(send(&layer, unexplained.clone()), None);
            assert_eq!(send(&layer, answer(401, AN_HOUR)), expected, "{unexplained:?}");
        }
    }
}

#[test]
fn refusal_counts_if_it_is_polled_within_30_seconds() {
    for (late, expected) in [(30, Some(AN_HOUR - 30)), (31, None)] {
        let clock = ManualClock::at(SIGNED_AT);
        let layer = layer().clock(clock.reading());
        let sent = in_flight(&layer, &format!("{RAPID7}{USERS}"), answer(401, AN_HOUR));
        clock.set(SIGNED_AT + late);
        assert_eq!(corrected(&sent.now_or_never().unwrap().unwrap()), expected);
        assert_eq!(offset(&layer), expected.unwrap_or(0));
    }
}

/// Requests that were in flight while another one corrected the clock are worth another attempt as well.
#[test]
fn refusal_with_another_offset_counts_nothing() {
    let layer = standing();
    let sent = |status, ahead| in_flight(&layer, &format!("{RAPID7}{USERS}"), answer(status, ahead));
    let others = [
        (401, AN_HOUR, Some(AN_HOUR)),
        (404, AN_HOUR + 30, Some(AN_HOUR)),
        (401, AN_HOUR + 31, None),
        (401, 0, None),
        (200, 0, None),
    ];
    let others = others.map(|(status, ahead, expected)| (sent(status, ahead), expected));
    assert_eq!(send(&layer, answer(401, AN_HOUR)), Some(AN_HOUR));
    for (other, expected) in others {
        assert_eq!(corrected(&other.now_or_never().unwrap().unwrap()), expected);
        assert_eq!(offset(&layer), AN_HOUR);
    }
    // The count is as the adoption left it: the last one, which was accepted, was dated otherwise too.
    assert_eq!(send(&layer, answer(401, 0)), Some(0));
}

/// A request that was in flight while another corrected the clock is told of it too.
#[test]
fn simultaneous_refusals_all_carry_the_correction() {
    const THREADS: usize = 4;
    for _ in 0..2_000 {
        let layer = standing();
        let start = Barrier::new(THREADS);
        let all = [(); THREADS].map(|()| in_flight(&layer, &format!("{RAPID7}{USERS}"), answer(401, AN_HOUR)));
        let corrections = thread::scope(|scope| {
            let threads = all.map(|sent| {
                scope.spawn(|| {
                    start.wait();
                    corrected(&sent.now_or_never().unwrap().unwrap())
                })
            });
            threads.map(|thread| thread.join().unwrap())
        });
        assert_eq!(corrections, [Some(AN_HOUR); THREADS]);
    }
}

#[test]
fn offsets_are_per_origin() {
    let layer = standing();
    for (region, ahead) in [("eu", AN_HOUR), ("us", -AN_HOUR), ("ca", 0)] {
        let origin = format!("https://{region}.rest.logs.insight.rapid7.com");
        send_to(&layer, &format!("{origin}{USERS}"), answer(401, ahead));
        assert_eq!(layer.clock_offset_secs(&origin).unwrap(), ahead);
    }
    assert_eq!(offset(&layer), 0);
}

#[test]
fn at_most_64_origins_take_a_place_with_the_first_answer_that_counts() {
    let uri = |n: usize| format!("https://region-{n}.rest.logs.insight.rapid7.com{USERS}");
    let layer = standing();
    for n in 1_000..1_100 {
        assert_eq!(send_to(&layer, &uri(n), answer(500, AN_HOUR)), None, "and takes no place");
    }
    for n in 0..64 {
        let (status, expected) = if n % 2 == 0 { (200, None) } else { (401, Some(AN_HOUR)) };
        assert_eq!(send_to(&layer, &uri(n), answer(status, AN_HOUR)), expected);
    }
    for _ in 0..4 {
        assert_eq!(send_to(&layer, &uri(64), answer(401, AN_HOUR)), None);
    }
    assert_eq!(layer.clock_offset_secs(uri(64).strip_suffix(USERS).unwrap()).unwrap(), 0);
    assert_eq!(send_to(&layer, &uri(1), answer(401, -AN_HOUR)), Some(-AN_HOUR), "the kept ones go on");
}

#[test]
fn request_without_signature_corrects_nothing() {
    let layer = standing();
    assert_eq!(send_to(&layer, &format!("{RAPID7}{LOGS}"), answer(401, AN_HOUR)), None);
    assert_eq!(offset(&layer), 0);

    let layer = layer.untrusted_origins(UntrustedOrigins::StripCredentials);
    assert_eq!(send_to(&layer, &format!("https://a.example{USERS}"), answer(401, AN_HOUR)), None);
    assert_eq!(layer.clock_offset_secs("https://a.example").unwrap(), 0);
}

#[test]
fn correct_clock_skew_false_disables_correction() {
    let layer = standing().correct_clock_skew(false);
    for _ in 0..3 {
        assert_eq!(send(&layer, answer(401, AN_HOUR)), None);
    }
    assert_eq!(offset(&layer), 0);
}

#[test]
fn clone_with_another_clock_starts_without_offsets() {
    let layer = standing();
    send(&layer, answer(401, AN_HOUR));
    let other = layer.clone().clock(at(SIGNED_AT + 60));
    assert_eq!(offset(&other), 0);
    assert_eq!(send(&other, answer(401, AN_HOUR)), Some(AN_HOUR - 60));
    assert_eq!(offset(&layer), AN_HOUR);
}

#[tokio::test]
async fn answer_of_another_origin_does_not_correct() {
    let foreign = record_and(|_| answer(401, AN_HOUR).map(Body::from)).await.0;
    let location = format!("{foreign}{USERS}");
    let redirect = move |_: &_| Response::builder().status(307).header("location", &location).body(Body::empty());
    let origin = record_and(move |received| redirect(received).unwrap()).await.0;
    let layer = layer_for(&origin).trust_origin(&foreign).unwrap().clock(at(SIGNED_AT));
    let following = crate::support::clients::builder().redirect(reqwest::redirect::Policy::default()).build().unwrap();
    let client = layer.layer(following);

    let request = |origin| reqwest::Request::new(http::Method::GET, format!("{origin}{USERS}").parse().unwrap());
    let response = client.clone().oneshot(request(&origin)).await.unwrap();
    assert_eq!((response.status().as_u16(), response.url().as_str()), (401, &*format!("{foreign}{USERS}")));
    assert_eq!([&origin, &foreign].map(|origin| layer.clock_offset_secs(origin).unwrap()), [0, 0]);

    // The same server, asked directly, is believed: that is what the redirect was held back from.
    client.oneshot(request(&foreign)).await.unwrap();
    assert_eq!(layer.clock_offset_secs(&foreign).unwrap(), AN_HOUR);
}

/// Seconds that an HTTP date can name, most of them close together, some at either end.
fn any_second() -> impl Strategy<Value = u64> {
    const LAST: u64 = 253_402_300_799;
    prop_oneof![4 => SIGNED_AT - 200_000..SIGNED_AT + 200_000, 1 => 0..100_000_u64, 1 => LAST - 100_000..=LAST]
}

proptest! {
    /// Whatever the clocks on both sides do, the offset stays within a day, and the layer sends a date or says why not.
    #[test]
    fn offset_never_exceeds_a_day(clocks in prop::collection::vec((any_second(), any_second()), 1..20)) {
        let ours = ManualClock::at(SIGNED_AT);
        let layer = layer().clock(ours.reading());
        for (our_second, their_second) in clocks {
            ours.set(our_second);
            let refusal = Response::builder().status(401).header("date", date(their_second)).body("").unwrap();
            match in_flight(&layer, &format!("{RAPID7}{USERS}"), refusal).now_or_never().unwrap() {
                Ok(response) => prop_assert_eq!(response.status(), 401),
                Err(error) => prop_assert!(matches!(error, AuthError::ClockOutOfRange), "{error}"),
            }
            prop_assert!(offset(&layer).abs() <= A_DAY);
        }
    }
}
