//! Behaviour through `consume`.

use std::sync::Arc;
use std::time::Duration;

use component::{Component, Consumer, Context, Signal};
use componenttest::{Sink, TestHost, logs, processor, processor_settings};
use tokio::time::Instant;

use crate::MemoryLimiter;

componenttest::conformance!(processor MemoryLimiter, "{check_interval: 1s, limit_percentage: 100}");

#[tokio::test]
async fn above_the_soft_limit_data_is_refused_and_may_come_again() {
    let sink = Sink::new();
    let section = "{check_interval: 1s, limit_mib: 100}";
    let settings = processor_settings("memory_limiter", Signal::Logs);
    let limiter = Arc::new(processor::<MemoryLimiter>(settings, section, sink.next()));
    limiter.check(79 << 20);
    limiter.consume(&Context::default(), logs(3)).await.unwrap();
    limiter.check(80 << 20);
    let error = limiter.consume(&Context::default(), logs(2)).await.unwrap_err();
    assert!(!error.is_permanent());
    assert_eq!(error.message(), "data refused due to high memory usage");
    assert_eq!(error.retry_after(), Some(std::time::Duration::from_secs(1)));
    limiter.check(10 << 20);
    limiter.consume(&Context::default(), logs(4)).await.unwrap();
    assert_eq!(limiter.accepted[0].value(), 7);
    assert_eq!(limiter.refused[1].value(), 2);
}

#[tokio::test(start_paused = true)]
async fn memory_is_looked_at_when_something_comes_and_seldom_while_nothing_does() {
    let sink = Sink::new();
    let section = "{check_interval: 1s, limit_mib: 100}";
    let settings = processor_settings("memory_limiter", Signal::Logs);
    let limiter = processor::<MemoryLimiter>(settings, section, sink.next());
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
    limiter.check(100 << 20);
    let start = Instant::now();
    limiter.pause(60 * interval).await;
    assert_eq!(start.elapsed(), 5 * interval, "while data is refused it is looked at soon");
}

#[tokio::test]
async fn data_is_taken_again_before_the_interval_is_over() {
    let (sink, host) = (Sink::new(), TestHost::new());
    let used = crate::limiter::used_memory().unwrap() / crate::MIB;
    let section = format!("{{check_interval: 1h, limit_mib: {}, spike_limit_mib: 1}}", used + 300);
    let settings = processor_settings("memory_limiter", Signal::Logs);
    let limiter = Arc::new(processor::<MemoryLimiter>(settings, &section, sink.next()));
    Arc::clone(&limiter).start(&host).await.unwrap();
    // It looked like much in the middle of the interval.
    limiter.check((used + 300) << 20);
    limiter.consume(&Context::default(), logs(1)).await.unwrap();
    host.stop().await;
}

#[tokio::test]
async fn memory_is_looked_at_before_what_comes_could_use_up_what_is_left() {
    let sink = Sink::new();
    let used = crate::limiter::used_memory().unwrap() / crate::MIB;
    let (hard, spike) = (used + 100, 50);
    let section = format!("{{check_interval: 1h, limit_mib: {hard}, spike_limit_mib: {spike}}}");
    let settings = processor_settings("memory_limiter", Signal::Logs);
    let limiter = processor::<MemoryLimiter>(settings, &section, sink.next());
    let mut accepted = 0;
    loop {
        // The sink keeps it all.
        let data = logs(10_000);
        if limiter.consume(&Context::default(), data).await.is_err() {
            break;
        }
        accepted += 1;
        assert!(crate::limiter::used_memory().unwrap() < hard * crate::MIB, "{accepted}");
    }
    assert!(accepted > 0);
}

#[tokio::test]
async fn requests_under_way_may_take_a_quarter_of_what_is_left_of_the_limit() {
    let (sink, host) = (Sink::new(), TestHost::new());
    let section = "{check_interval: 1h, limit_mib: 10000}";
    let settings = processor_settings("memory_limiter", Signal::Logs);
    let limiter = Arc::new(processor::<MemoryLimiter>(settings, section, sink.next()));
    Arc::clone(&limiter).start(&host).await.unwrap();
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
