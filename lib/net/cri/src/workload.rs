//! Who made a pod, told from what the runtime knows: the pod's name and the labels that controllers give it.
//!
//! The runtime has no owner references. But a controller names its pods by a rule and marks them with a label, and both
//! together are proof enough: a name alone is not, since anybody may call a pod `web-7d4b9c6f5-x2x8z`.

use std::collections::HashMap;
use std::hash::BuildHasher;

/// Characters at the end of a generated name. `apiserver/pkg/storage/names`, `randomLength`.
const SUFFIX_CHARS: usize = 5;

/// The workload's names as resource attributes.
pub fn workload<S: BuildHasher>(
    pod: &str,
    labels: &HashMap<String, String, S>,
) -> Vec<(&'static str, String)> {
    let label = |key: &str| labels.get(key).map(String::as_str).filter(|it| !it.is_empty());
    if let Some(hash) = label("pod-template-hash") {
        let Some(set) = without_suffix(pod) else { return Vec::new() };
        let deployment = set.strip_suffix(hash).and_then(|it| it.strip_suffix('-'));
        let mut names = vec![("k8s.replicaset.name", set.to_owned())];
        names.extend(deployment.map(|it| ("k8s.deployment.name", it.to_owned())));
        // A long name of a Deployment is cut, and then the hash is not where it should be.
        return if deployment.is_some() { names } else { Vec::new() };
    }
    if let Some(job) = label("batch.kubernetes.io/job-name").or_else(|| label("job-name")) {
        let mut names = vec![("k8s.job.name", job.to_owned())];
        names.extend(cron_job(job).map(|it| ("k8s.cronjob.name", it.to_owned())));
        return names;
    }
    if label("statefulset.kubernetes.io/pod-name") == Some(pod) {
        let set = pod.rsplit_once('-').map(|it| it.0.to_owned());
        return set.map(|it| ("k8s.statefulset.name", it)).into_iter().collect();
    }
    if label("pod-template-generation").is_some() {
        let set = without_suffix(pod).map(str::to_owned);
        return set.map(|it| ("k8s.daemonset.name", it)).into_iter().collect();
    }
    Vec::new()
}

/// Without `-` and five random characters.
fn without_suffix(pod: &str) -> Option<&str> {
    let (name, suffix) = pod.rsplit_once('-')?;
    (suffix.len() == SUFFIX_CHARS).then_some(name)
}

/// A CronJob adds the time of the run in minutes since 1970: eight digits until the year 2160.
fn cron_job(job: &str) -> Option<&str> {
    let (name, minutes) = job.rsplit_once('-')?;
    let is_time = minutes.len() == 8 && minutes.bytes().all(|it| it.is_ascii_digit());
    is_time.then_some(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(pod: &str, labels: &[(&str, &str)]) -> String {
        let labels = labels.iter().map(|(key, value)| (String::from(*key), String::from(*value)));
        let found = workload(pod, &labels.collect::<HashMap<_, _>>());
        found.iter().map(|(key, value)| format!("{key}={value}")).collect::<Vec<_>>().join(" ")
    }

    #[test]
    fn each_controller_is_told_from_its_label_and_the_rule_of_its_names() {
        let deployment = names("web-7d4b9c6f5-x2x8z", &[("pod-template-hash", "7d4b9c6f5")]);
        assert_eq!(deployment, "k8s.replicaset.name=web-7d4b9c6f5 k8s.deployment.name=web");
        let set = names("db-0", &[("statefulset.kubernetes.io/pod-name", "db-0")]);
        assert_eq!(set, "k8s.statefulset.name=db");
        let daemon = names("agent-q5w8n", &[("pod-template-generation", "1")]);
        assert_eq!(daemon, "k8s.daemonset.name=agent");
        let job = names("sum-29402910-kk2b9", &[("job-name", "sum-29402910")]);
        assert_eq!(job, "k8s.job.name=sum-29402910 k8s.cronjob.name=sum");
        assert_eq!(names("one-kk2b9", &[("job-name", "one")]), "k8s.job.name=one");
    }

    #[test]
    fn a_name_without_its_label_or_a_label_without_its_name_is_no_proof() {
        assert_eq!(names("web-7d4b9c6f5-x2x8z", &[]), "");
        assert_eq!(names("web", &[("pod-template-hash", "7d4b9c6f5")]), "");
        assert_eq!(names("a-very-long-nam-x2x8z", &[("pod-template-hash", "7d4b9c6f5")]), "");
        assert_eq!(names("db-0", &[("statefulset.kubernetes.io/pod-name", "other-0")]), "");
    }
}
