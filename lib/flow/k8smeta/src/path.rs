//! Which container the path of its log file names: `/var/log/pods/<namespace>_<pod>_<uid>/<container>/<restart count>.log`.

use pdata::AttributesEdit;

use crate::finder::{is_blank, text};

/// The attribute that holds the path.
const PATH: &str = "log.file.path";

/// What stands in the path of a log file.
#[derive(Debug, PartialEq, Eq)]
struct Named<'a> {
    namespace: &'a str,
    pod: &'a str,
    uid: &'a str,
    container: &'a str,
    restart_count: &'a str,
}

/// Adds what the path of a log file says, if the pod is not named already.
pub(crate) fn add(attributes: &mut AttributesEdit<'_>) {
    if !is_blank(attributes, "k8s.pod.uid") {
        return;
    }
    let Some(path) = text(attributes, PATH).map(str::to_owned) else { return };
    let Some(it) = read(&path) else { return };
    for (name, value) in [
        ("k8s.namespace.name", it.namespace),
        ("k8s.pod.name", it.pod),
        ("k8s.pod.uid", it.uid),
        ("k8s.container.name", it.container),
        ("k8s.container.restart_count", it.restart_count),
    ] {
        if is_blank(attributes, name) {
            attributes.set(name, value);
        }
    }
}

fn read(path: &str) -> Option<Named<'_>> {
    let mut steps = path.rsplit('/');
    let (file, container, pod) = (steps.next()?, steps.next()?, steps.next()?);
    // A file that was rotated is `0.log.20261123-061846`.
    let (restart_count, _) = file.split_once(".log")?;
    let mut parts = pod.split('_');
    let (namespace, pod, uid) = (parts.next()?, parts.next()?, parts.next()?);
    let is_number = |it: &str| !it.is_empty() && it.bytes().all(|it| it.is_ascii_digit());
    let all = [namespace, pod, uid, container];
    let is_it = is_number(restart_count) && all.iter().all(|it| !it.is_empty());
    (is_it && parts.next().is_none()).then_some(Named {
        namespace,
        pod,
        uid,
        container,
        restart_count,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_names_its_container_and_other_paths_name_none() {
        let it = read("/var/log/pods/shop_cart-0_49cc/app/2.log.20261123-061846.gz").unwrap();
        assert_eq!((it.namespace, it.pod, it.uid), ("shop", "cart-0", "49cc"));
        assert_eq!((it.container, it.restart_count), ("app", "2"));
        for path in ["", "/var/log/syslog", "a_b_c/app/x.log", "a_b/app/0.log", "a_b_c_d/app/0.log"]
        {
            assert_eq!(read(path), None, "{path}");
        }
    }
}
