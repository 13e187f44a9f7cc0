//! When detectors look, how often, and what becomes of those that fail.

use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};

use super::*;

/// A world in which `OTEL_RESOURCE_ATTRIBUTES` is bad until it was looked at `failures` times.
fn recovering(failures: usize) -> (Arc<AtomicUsize>, World) {
    let looks = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&looks);
    let variable = move |name: &str| {
        (name == "OTEL_RESOURCE_ATTRIBUTES").then(|| {
            let look = count.fetch_add(1, Relaxed);
            if look < failures { "bad".to_owned() } else { "a=b".to_owned() }
        })
    };
    (looks, World { variable: Arc::new(variable), ..nowhere() })
}

#[tokio::test(start_paused = true)]
async fn a_detector_that_fails_is_asked_again_until_the_timeout() {
    let (looks, world) = recovering(2);
    let plan = planned("timeout: 10s");
    plan.detect(&world).await.unwrap();
    assert_eq!((looks.load(Relaxed), plan.detected.load().attributes.len()), (3, 1));
}

#[tokio::test(start_paused = true)]
async fn one_that_fails_to_the_end_fails_the_start_with_its_reason() {
    let (looks, world) = recovering(usize::MAX);
    let plan = planned("timeout: 10s");
    let error = plan.detect(&world).await.unwrap_err();
    assert_eq!(error.to_string(), "invalid resource format: \"bad\"");
    assert!((3..8).contains(&looks.load(Relaxed)), "{looks:?}");
    let (looks, world) = recovering(usize::MAX);
    let plan = planned("{timeout: 10s, retry: {enabled: false}}");
    plan.detect(&world).await.unwrap_err();
    assert_eq!(looks.load(Relaxed), 1);
}

#[tokio::test(start_paused = true)]
async fn a_refresh_that_fails_keeps_what_was_found() {
    let looks = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&looks);
    let variable = move |name: &str| {
        (name == "OTEL_RESOURCE_ATTRIBUTES").then(|| match count.fetch_add(1, Relaxed) {
            0 => "a=1".to_owned(),
            1..5 => "bad".to_owned(),
            _ => "a=2,b=3".to_owned(),
        })
    };
    let world = World { variable: Arc::new(variable), ..nowhere() };
    let plan = planned("{timeout: 1s, refresh_interval: 1m, retry: {enabled: false}}");
    plan.detect(&world).await.unwrap();
    let known = || plan.detected.load().attributes.len();
    tokio::select! {
        () = plan.refresh(&world, std::time::Duration::from_mins(1)) => panic!("it ends with its component"),
        () = async {
            tokio::time::sleep(std::time::Duration::from_secs(200)).await;
            assert_eq!((looks.load(Relaxed), known()), (4, 1));
            tokio::time::sleep(std::time::Duration::from_secs(200)).await;
            assert_eq!(known(), 2);
        } => {}
    }
}

#[tokio::test]
async fn a_cloud_that_is_not_there_is_no_failure_unless_it_is_said_so() {
    let all = "[ec2, ecs, eks, elastic_beanstalk, lambda, azure, aks, azurecontainerapps, gcp, heroku, docker, \
        openshift, dynatrace, akamai, alibaba_ecs, digitalocean, hetzner, nova, oraclecloud, scaleway, tencent_cvm, \
        upcloud, vultr]";
    assert_eq!(detected(&format!("detectors: {all}"), &nowhere()).await, json!({}));
    for name in all.trim_matches(['[', ']']).split(", ").filter(|it| *it != "dynatrace") {
        let section = format!(
            "{{detectors: [{name}], fail_on_missing_metadata: true, timeout: 1s, retry: {{enabled: false}}, ec2: {{max_attempts: 1}}}}"
        );
        assert!(planned(&section).detect(&nowhere()).await.is_err(), "{name}");
    }
    let section =
        "{detectors: [vultr], vultr: {fail_on_missing_metadata: true}, retry: {enabled: false}}";
    assert!(planned(section).detect(&nowhere()).await.is_err());
}

#[tokio::test]
async fn a_service_that_never_answers_does_not_hold_the_start_up() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let base = Some(format!("http://{}", listener.local_addr().unwrap()));
    let world = World { base, ..nowhere() };
    let begun = tokio::time::Instant::now();
    assert_eq!(detected("{detectors: [azure, gcp, ec2], timeout: 300ms}", &world).await, json!({}));
    assert!(begun.elapsed() < std::time::Duration::from_secs(5), "{:?}", begun.elapsed());
}
