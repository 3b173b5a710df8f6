//! How far a server's clock is followed, and how often.

use proptest::prelude::*;
use tokio::runtime::Builder;
use tower::service_fn;
use tower_logentries_auth::AuthError;

use super::*;
use crate::support::layer_for;

const A_DAY: i64 = 24 * 60 * 60;

/// What becomes of the offset when a server at this distance refuses a request.
async fn offset_after_a_refusal_from(seconds: i64) -> i64 {
    let origin = refusing_server_off_by(seconds).await;
    let layer = layer_for(&origin).clock(at(SIGNED_AT));
    let refused = get(&layer, &origin, USERS).await;
    let offset = layer.clock_offset_secs(&origin).unwrap();
    assert_eq!(corrected(&refused).unwrap_or(0), offset);
    offset
}

#[tokio::test]
async fn skew_bounds_are_30_seconds_and_a_day() {
    for (distance, offset) in [(30, 0), (31, 31), (A_DAY, A_DAY), (A_DAY + 1, 0)] {
        assert_eq!(offset_after_a_refusal_from(distance).await, offset);
        assert_eq!(offset_after_a_refusal_from(-distance).await, -offset);
    }
}

/// A refusal that was under way while another one corrected the clock is worth another try as well.
#[tokio::test]
async fn concurrent_rejections_are_all_marked() {
    let origin = server_off_by(TWENTY_MINUTES).await;
    let layer = layer_for(&origin).clock(at(SIGNED_AT));
    // Both are signed, by the wrong clock, before either is answered.
    let requests = [(); 2].map(|()| {
        let request = Request::get(format!("{origin}{USERS}")).body(Body::empty()).unwrap();
        tower::Service::call(&mut layer.layer(hyper_client()), request)
    });
    for request in requests {
        assert_eq!(corrected(&request.await.unwrap()), Some(TWENTY_MINUTES));
    }
}

proptest! {
    /// Whatever the clocks on both sides do, the offset stays within a day, and the layer sends a date or says why not.
    #[test]
    fn offset_never_exceeds_a_day(
        clocks in prop::collection::vec((any_second(), any_second()), 1..20),
    ) {
        let runtime = Builder::new_current_thread().build().unwrap();
        let client = ManualClock::at(SIGNED_AT);
        let layer = layer_for("http://localhost").clock(client.reading());
        for (ours, theirs) in clocks {
            client.set(ours);
            let refuse = service_fn(async |_: Request<Body>| Ok::<_, AuthError>(refusal(&date(theirs))));
            let request = Request::get(format!("http://localhost{USERS}")).body(Body::empty()).unwrap();
            match runtime.block_on(layer.layer(refuse).oneshot(request)) {
                Ok(response) => prop_assert_eq!(response.status(), StatusCode::UNAUTHORIZED),
                Err(error) => prop_assert!(matches!(error, AuthError::ClockOutOfRange), "{error}"),
            }
            prop_assert!(layer.clock_offset_secs("http://localhost").unwrap().abs() <= A_DAY);
        }
    }
}

/// Seconds that an HTTP date can name, most of them close together, some at either end.
fn any_second() -> impl Strategy<Value = u64> {
    const LAST: u64 = 253_402_300_799;
    prop_oneof![4 => SIGNED_AT - 200_000..SIGNED_AT + 200_000, 1 => 0..100_000_u64, 1 => LAST - 100_000..=LAST, 1 => 0..=LAST]
}

/// Origins that never rejected a request do not use up the places of those that do, and where an offset cannot be kept
/// none is reported, or a policy that retries on it would never end.
#[tokio::test]
async fn reported_offset_is_the_kept_one() {
    let rejecting = service_fn(async |_: Request<Body>| Ok::<_, AuthError>(refusal(&date(SIGNED_AT + 1200))));
    let accepting = service_fn(async |_: Request<Body>| Ok::<_, AuthError>(Response::new(Body::empty())));
    let origins: Vec<_> = (0..200).map(|n| format!("https://region-{n}.rest.logs.insight.rapid7.com")).collect();
    let request = |origin: &str| Request::get(format!("{origin}{USERS}")).body(Body::empty()).unwrap();
    let layer = layer_for("http://localhost").clock(at(SIGNED_AT));
    for origin in &origins {
        layer.layer(accepting).oneshot(request(origin)).await.unwrap();
    }
    let mut reported = 0;
    for origin in &origins {
        let response = layer.layer(rejecting).oneshot(request(origin)).await.unwrap();
        assert_eq!(corrected(&response).unwrap_or(0), layer.clock_offset_secs(origin).unwrap());
        reported += usize::from(corrected(&response).is_some());
    }
    assert_eq!(reported, 64, "as many as are kept");
}
