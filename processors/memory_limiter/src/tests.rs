//! Behaviour through `consume`.

use std::sync::Arc;
use std::time::Duration;

use component::{Consumer, Context, Processor, Signal};
use componenttest::{Sink, TestHost, config, logs, settings};
use tokio::time::Instant;

use crate::MemoryLimiter;

componenttest::conformance!(processor MemoryLimiter, "{check_interval: 1s, limit_percentage: 100}");

#[tokio::test]
async fn above_the_soft_limit_data_is_refused_and_may_come_again() {
    let (sink, host) = (Sink::new(), TestHost::new());
    let section = config("{check_interval: 1s, limit_mib: 100}");
    let settings = settings("memory_limiter", Signal::Logs);
    let limiter = Arc::new(MemoryLimiter::create(settings, section, sink.next()).unwrap());
    limiter.check(&host, 79 << 20);
    limiter.consume(&Context::default(), logs(3)).await.unwrap();
    limiter.check(&host, 80 << 20);
    let error = limiter.consume(&Context::default(), logs(2)).await.unwrap_err();
    assert!(!error.is_permanent());
    assert_eq!(error.message(), "data refused due to high memory usage");
    assert_eq!(error.retry_after(), Some(std::time::Duration::from_secs(1)));
    limiter.check(&host, 10 << 20);
    limiter.consume(&Context::default(), logs(4)).await.unwrap();
    assert_eq!(limiter.accepted[0].value(), 7);
    assert_eq!(limiter.refused[1].value(), 2);
}

#[tokio::test(start_paused = true)]
async fn memory_is_looked_at_when_something_comes_and_seldom_while_nothing_does() {
    let sink = Sink::new();
    let section = config("{check_interval: 1s, limit_mib: 100}");
    let settings = settings("memory_limiter", Signal::Logs);
    let limiter = MemoryLimiter::create(settings, section, sink.next()).unwrap();
    let interval = Duration::from_secs(1);
    let start = Instant::now();
    limiter.pause(interval).await;
    assert_eq!(start.elapsed(), 31 * interval, "nothing came");
    limiter.consume(&Context::default(), logs(1)).await.unwrap();
    limiter.pause(interval).await;
    assert_eq!(start.elapsed(), 32 * interval, "something came");
    limiter.pause(interval).await;
    let start = Instant::now();
    let come = async {
        tokio::time::sleep(5 * interval).await;
        limiter.consume(&Context::default(), logs(1)).await.unwrap();
    };
    tokio::join!(limiter.pause(interval), come);
    assert_eq!(start.elapsed(), 5 * interval, "the first after a while wakes");
}
