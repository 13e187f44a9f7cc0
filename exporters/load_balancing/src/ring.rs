//! A consistent hash ring, as the Go Collector has it: the same backends get the same traces from both programs, so that
//! the two can stand side by side while one replaces the other.
//!
//! Upstream: `exporter/loadbalancingexporter/consistent_hashing.go`, v0.149.

use libdeflater::Crc;

/// Places on the ring: 360 degrees with two decimals.
const POSITIONS: u32 = 36_000;
/// Points of each backend.
const POINTS: u8 = 100;

/// Where each backend stands: position and the backend's index, ascending.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Ring(Vec<(u32, usize)>);

impl Ring {
    /// Of backends in the order of their names.
    pub(crate) fn new<'a>(names: impl Iterator<Item = &'a str>) -> Self {
        let mut points: Vec<(u32, usize)> = Vec::new();
        for (index, name) in names.enumerate() {
            points.extend((0..POINTS).map(|point| (position(&[name.as_bytes(), &[point]]), index)));
        }
        // The first one that takes a position keeps it; the sort is stable.
        points.sort_by_key(|it| it.0);
        points.dedup_by_key(|it| it.0);
        Self(points)
    }

    /// The index of the backend that is responsible; `None` if there is none.
    pub(crate) fn find(&self, identifier: &[u8]) -> Option<usize> {
        let wanted = position(&[identifier]);
        let next = self.0.partition_point(|it| it.0 < wanted);
        self.0.get(next).or_else(|| self.0.first()).map(|it| it.1)
    }
}

/// CRC-32 of IEEE over all parts, on the ring.
fn position(parts: &[&[u8]]) -> u32 {
    let mut crc = Crc::new();
    parts.iter().for_each(|it| crc.update(it));
    crc.sum() % POSITIONS
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_goes_where_is_what_go_says() {
        // `consistent_hashing_test.go`, TestEndpointFor: these three backends and these trace ids.
        let names = ["endpoint-1", "endpoint-2", "endpoint-3"];
        let ring = Ring::new(names.into_iter());
        let id = |bytes: [u8; 4]| {
            let mut id = [0; 16];
            id[..4].copy_from_slice(&bytes);
            id
        };
        for (bytes, want) in [
            ([1, 2, 0, 0], "endpoint-1"),
            ([128, 128, 0, 0], "endpoint-2"),
            ([128, 255, 255, 0], "endpoint-3"),
        ] {
            assert_eq!(ring.find(&id(bytes)).map(|at| names[at]), Some(want), "{bytes:?}");
        }
    }

    #[test]
    fn without_backends_there_is_none_and_with_one_it_is_that() {
        assert_eq!(Ring::default().find(b"x"), None);
        let one = Ring::new(["a"].into_iter());
        assert!((0..=u8::MAX).all(|it| one.find(&[it]) == Some(0)));
    }

    #[test]
    fn a_backend_that_goes_takes_only_its_own_along() {
        let names = ["a", "b", "c", "d"];
        let (all, fewer) = (Ring::new(names.into_iter()), Ring::new(names[..3].iter().copied()));
        let mut moved = 0;
        for number in 0..10_000u32 {
            let id = number.to_be_bytes();
            let (before, after) = (all.find(&id).unwrap(), fewer.find(&id).unwrap());
            assert!(before == after || before == 3);
            moved += u32::from(before == 3);
        }
        assert!((1_500..3_500).contains(&moved), "{moved}");
    }
}
