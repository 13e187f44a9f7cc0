use std::sync::Arc;
use std::time::Duration;

use component::config::Side;
use component::{Capability, Extension};
use componenttest::{TestHost, config, problems, settings};

use super::*;

componenttest::conformance!(extension MemoryLimiter, "{check_interval: 1s, limit_percentage: 100}");

#[tokio::test]
async fn servers_refuse_requests_while_memory_is_short() {
    let host = TestHost::new();
    let section = config("{check_interval: 3s, limit_mib: 1000000}");
    let extension = MemoryLimiter::create(settings("memory_limiter"), section).unwrap();
    let extension = Arc::new(extension);
    for capability in Arc::clone(&extension).offers() {
        host.offer("memory_limiter", capability);
    }
    let found = host.uses_middleware("memory_limiter", Side::GrpcServer).unwrap();
    assert_eq!(found.must_refuse(), None);
    // It has not started, so nobody looks at what is really used.
    extension.limiter.check(900_000 << 20);
    assert_eq!(found.must_refuse(), Some(Duration::from_secs(3)));
    extension.limiter.check(0);
    assert_eq!(found.must_refuse(), None);
    let error = host.uses_middleware("memory_limiter", Side::HttpClient).err().unwrap();
    let want = "requested extension is not an HTTP client middleware";
    assert_eq!(error.to_string(), want);
    assert!(matches!(&*extension.offers(), [Capability::ServerMiddleware(_)]));
}

#[test]
fn limits_are_needed() {
    let none = "'check_interval' must be greater than zero";
    assert_eq!(problems::<Plan>("{}"), [none]);
}
