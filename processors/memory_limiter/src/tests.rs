//! Behaviour through `consume`.

use std::sync::Arc;

use component::{Consumer, Context, Signal};
use componenttest::{Sink, logs, processor, processor_settings};

use crate::MemoryLimiter;

const MIB: u64 = 1 << 20;

componenttest::conformance!(processor MemoryLimiter, "{check_interval: 1s, limit_percentage: 100}");

#[tokio::test]
async fn above_the_soft_limit_data_is_refused_and_may_come_again() {
    let sink = Sink::new();
    let section = "{check_interval: 1s, limit_mib: 100}";
    let settings = processor_settings("memory_limiter", Signal::Logs);
    let limiter = Arc::new(processor::<MemoryLimiter>(settings, section, sink.next()));
    limiter.limiter.check(79 << 20);
    limiter.consume(&Context::default(), logs(3)).await.unwrap();
    limiter.limiter.check(80 << 20);
    let error = limiter.consume(&Context::default(), logs(2)).await.unwrap_err();
    assert!(!error.is_permanent());
    assert_eq!(error.message(), "data refused due to high memory usage");
    assert_eq!(error.retry_after(), Some(std::time::Duration::from_secs(1)));
    limiter.limiter.check(10 << 20);
    limiter.consume(&Context::default(), logs(4)).await.unwrap();
    assert_eq!(limiter.accepted[0].value(), 7);
    assert_eq!(limiter.refused[1].value(), 2);
}

#[tokio::test]
async fn memory_is_looked_at_before_what_comes_could_use_up_what_is_left() {
    let sink = Sink::new();
    let used = memorylimiter::used_memory().unwrap() / MIB;
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
        assert!(memorylimiter::used_memory().unwrap() < hard * MIB, "{accepted}");
    }
    assert!(accepted > 0);
}
