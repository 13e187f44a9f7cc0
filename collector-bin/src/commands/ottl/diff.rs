//! Two texts, line by line: what went, what came, and three lines around it.

use std::fmt::Write as _;

/// Lines shown before and after a change.
const AROUND: usize = 3;
/// Largest table of the search for common lines, in cells; beyond it all lines in question are shown as changed.
const CELLS_MAX: usize = 4_000_000;

/// The difference; "no change" if there is none.
pub fn lines(before: &str, after: &str) -> String {
    let (before, after): (Vec<&str>, Vec<&str>) =
        (before.lines().collect(), after.lines().collect());
    if before == after {
        return "no change\n".to_owned();
    }
    let all = marked(&before, &after);
    let mut out = String::new();
    let near = |at: usize| {
        let range = at.saturating_sub(AROUND)..(at + AROUND + 1).min(all.len());
        all.get(range).is_some_and(|it| it.iter().any(|(mark, _)| *mark != ' '))
    };
    let mut skipped = false;
    for (at, (mark, line)) in all.iter().enumerate() {
        if near(at) {
            if skipped {
                out.push_str(" ...\n");
            }
            let _ = writeln!(out, "{mark}{line}");
        }
        skipped = !near(at);
    }
    out
}

/// All lines, each with a space, `-` or `+` before it.
fn marked<'t>(before: &[&'t str], after: &[&'t str]) -> Vec<(char, &'t str)> {
    let head = before.iter().zip(after).take_while(|(a, b)| a == b).count();
    let (old, new) = (&before[head..], &after[head..]);
    let tail = old.iter().rev().zip(new.iter().rev()).take_while(|(a, b)| a == b).count();
    let (old, new) = (&old[..old.len() - tail], &new[..new.len() - tail]);
    let same = |lines: &[&'t str]| lines.iter().map(|it| (' ', *it)).collect::<Vec<_>>();
    let mut all = same(&before[..head]);
    let width = new.len() + 1;
    let fits = (old.len() + 1).saturating_mul(width) <= CELLS_MAX;
    // How many lines from here on both have in common.
    let mut common = vec![0_u32; if fits { (old.len() + 1) * width } else { 0 }];
    if fits {
        for a in (0..old.len()).rev() {
            for b in (0..new.len()).rev() {
                common[a * width + b] = if old[a] == new[b] {
                    common[(a + 1) * width + b + 1] + 1
                } else {
                    common[(a + 1) * width + b].max(common[a * width + b + 1])
                };
            }
        }
    }
    let (mut a, mut b) = (0, 0);
    while a < old.len() || b < new.len() {
        if fits && a < old.len() && b < new.len() && old[a] == new[b] {
            all.push((' ', old[a]));
            (a, b) = (a + 1, b + 1);
        } else if a < old.len()
            && (b == new.len() || !fits || common[(a + 1) * width + b] >= common[a * width + b + 1])
        {
            all.push(('-', old[a]));
            a += 1;
        } else {
            all.push(('+', new[b]));
            b += 1;
        }
    }
    all.extend(same(&before[before.len() - tail..]));
    all
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(before: &str, after: &str, want: &str) {
        assert_eq!(lines(before, after), want);
    }

    #[test]
    fn only_what_changed_is_shown_with_what_is_around_it() {
        check("a\nb\nc", "a\nb\nc", "no change\n");
        check("a\nb\nc", "a\nx\nc", " a\n-b\n+x\n c\n");
        check("a\nb", "a\nb\nc", " a\n b\n+c\n");
        check("1\n2\n3\n4\n5\n6", "1\n2\n3\n4\n5\n7", " ...\n 3\n 4\n 5\n-6\n+7\n");
        check(
            "x\n1\n2\n3\n4\n5\n6\n7\n8\ny",
            "X\n1\n2\n3\n4\n5\n6\n7\n8\nY",
            "-x\n+X\n 1\n 2\n 3\n ...\n 6\n 7\n 8\n-y\n+Y\n",
        );
    }
}
