//! What is refused, and when memory is looked at.

use std::sync::Arc;
use std::time::Duration;

use componenttest::{TestHost, config};
use tokio::time::Instant;

use crate::{Limiter, Plan};

fn limiter(section: &str) -> Arc<Limiter> {
    let plan: Plan = config(section);
    Arc::new(Limiter::new(Arc::new(plan)))
}

#[tokio::test(start_paused = true)]
async fn memory_is_looked_at_when_something_comes_and_seldom_while_nothing_does() {
    let limiter = limiter("{check_interval: 1s, limit_mib: 100}");
    let interval = Duration::from_secs(1);
    let start = Instant::now();
    limiter.pause(interval).await;
    assert_eq!(start.elapsed(), 31 * interval, "nothing came");
    assert_eq!(limiter.must_refuse(1), None);
    limiter.pause(interval).await;
    assert_eq!(start.elapsed(), 32 * interval, "something came");
    limiter.pause(interval).await;
    let start = Instant::now();
    let come = async {
        tokio::time::sleep(5 * interval).await;
        assert_eq!(limiter.must_refuse(1), None);
    };
    tokio::join!(limiter.pause(interval), come);
    assert_eq!(start.elapsed(), 5 * interval, "the first after a while wakes");
    limiter.check(100 << 20);
    let start = Instant::now();
    limiter.pause(60 * interval).await;
    assert_eq!(start.elapsed(), 5 * interval, "while data is refused it is looked at soon");
}

#[tokio::test]
async fn data_is_taken_again_before_the_interval_is_over() {
    let host = TestHost::new();
    let used = crate::used_memory().unwrap() / crate::MIB;
    let section = format!("{{check_interval: 1h, limit_mib: {}, spike_limit_mib: 1}}", used + 300);
    let limiter = limiter(&section);
    Arc::clone(&limiter).run(&host);
    // It looked like much in the middle of the interval.
    limiter.check((used + 300) << 20);
    assert_eq!(limiter.must_refuse(1), None);
    host.stop().await;
}

#[tokio::test]
async fn requests_under_way_may_take_a_quarter_of_what_is_left_of_the_limit() {
    let host = TestHost::new();
    let limiter = limiter("{check_interval: 1h, limit_mib: 10000}");
    Arc::clone(&limiter).run(&host);
    let fit = |sizes: &[usize]| {
        let mut all: Vec<_> = sizes.iter().map(|_| host.in_flight().enter()).collect();
        all.iter_mut().zip(sizes).all(|(it, mebibytes)| it.holds(mebibytes << 20))
    };
    for (used, share) in [(0, 2500), (2000, 2000), (9000, 250)] {
        limiter.check(used << 20);
        assert!(fit(&[share - 9, 9]), "{used}");
        assert!(!fit(&[share - 9, 10]), "{used}");
    }
    assert!(!fit(&[1, 9000]));
    host.stop().await;
    drop(limiter);
    assert!(fit(&[1, 9000]), "the limiter is gone");
}
