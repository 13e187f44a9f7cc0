//! The TCP sockets of /proc/net/tcp and tcp6, counted by state.

use crate::text::{first, lines};

/// The states in the order in which they are sent, and their numbers in the kernel (`include/net/tcp_states.h`).
pub(crate) const STATES: [(&str, u8); 11] = [
    ("CLOSE_WAIT", 8),
    ("CLOSE", 7),
    ("CLOSING", 11),
    ("ESTABLISHED", 1),
    ("FIN_WAIT1", 4),
    ("FIN_WAIT2", 5),
    ("LAST_ACK", 9),
    ("LISTEN", 10),
    ("SYN_SENT", 2),
    ("SYN_RECV", 3),
    ("TIME_WAIT", 6),
];

/// One end of a connection: address and port.
type End = ([u8; 16], u16);

/// Gathers sockets. Those with the same ends and state are one, as in gopsutil: several processes may listen at one port.
#[derive(Debug, Default)]
pub(crate) struct Sockets {
    all: Vec<(End, End, u8)>,
}

impl Sockets {
    pub(crate) fn clear(&mut self) {
        self.all.clear();
    }

    /// Adds the sockets of a table. Lines that are none are passed over.
    pub(crate) fn add(&mut self, table: &[u8]) {
        for line in lines(table).skip(1) {
            let ([_, local, remote, state], _) = first::<4>(line);
            let state =
                std::str::from_utf8(state).ok().and_then(|it| u8::from_str_radix(it, 16).ok());
            if let (Some(local), Some(remote), Some(state)) = (end(local), end(remote), state) {
                self.all.push((local, remote, state));
            }
        }
    }

    /// How many there are in each of [`STATES`].
    pub(crate) fn count(&mut self) -> [i64; STATES.len()] {
        self.all.sort_unstable();
        self.all.dedup();
        let mut counts = [0; STATES.len()];
        for (_, _, state) in &self.all {
            let at = STATES.iter().position(|it| it.1 == *state);
            if let Some(count) = at.and_then(|at| counts.get_mut(at)) {
                *count += 1;
            }
        }
        counts
    }
}

/// `0100007F:1F90`. An IPv4 address is the same as the IPv6 address that stands for it, as Go prints it.
fn end(word: &[u8]) -> Option<End> {
    let word = std::str::from_utf8(word).ok().filter(|it| it.is_ascii())?;
    let (address, port) = word.split_once(':')?;
    let mut bytes = [0; 16];
    match address.len() {
        8 => {
            // ::ffff:0:0/96, as a word of the table: words are as the machine orders bytes.
            bytes[8..12].copy_from_slice(&MAPPED);
            bytes[12..].copy_from_slice(&u32::from_str_radix(address, 16).ok()?.to_be_bytes());
        }
        32 => {
            for (part, at) in bytes.chunks_exact_mut(4).zip((0..).step_by(8)) {
                let word = u32::from_str_radix(address.get(at..at + 8)?, 16).ok()?;
                part.copy_from_slice(&word.to_be_bytes());
            }
        }
        _ => return None,
    }
    Some((bytes, u16::from_str_radix(port, 16).ok()?))
}

/// `0000ffff` as the kernel prints it.
const MAPPED: [u8; 4] = 0x0000_ffff_u32.to_ne_bytes();

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    /// For the test that nothing panics on any bytes.
    pub(crate) fn any(bytes: &[u8]) {
        let mut sockets = Sockets::default();
        sockets.add(bytes);
        sockets.count();
    }

    #[test]
    fn sockets_are_counted_by_state_and_once_for_each_pair_of_ends() {
        let head = "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode\n";
        let row = |local: &str, remote: &str, state: &str| {
            format!(
                "   0: {local} {remote} {state} 00000000:00000000 00:00000000 00000000     0        0 17 1\n"
            )
        };
        let mut sockets = Sockets::default();
        // Two processes that listen at one port, a connection, one that ends.
        let listening = row("00000000:10E1", "00000000:0000", "0A");
        let connected = row("0100007F:10E1", "0100007F:A1B2", "01");
        let ending = row("0100007F:10E1", "0100007F:A1B3", "06");
        sockets.add(format!("{head}{listening}{listening}{connected}{ending}").as_bytes());
        // The same connection, seen as IPv6, and a listener of its own.
        let mapped = "0000000000000000FFFF00000100007F";
        let same = row(&format!("{mapped}:10E1"), &format!("{mapped}:A1B2"), "01");
        let listening = row(
            "00000000000000000000000000000000:10E1",
            "00000000000000000000000000000000:0000",
            "0A",
        );
        sockets.add(format!("{head}{same}{listening}").as_bytes());
        let counts = sockets.count();
        let of = |name: &str| counts[STATES.iter().position(|it| it.0 == name).unwrap()];
        assert_eq!((of("LISTEN"), of("ESTABLISHED"), of("TIME_WAIT"), of("CLOSE")), (2, 1, 1, 0));
    }
}
