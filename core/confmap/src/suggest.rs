//! Did you mean.

/// Fewest letters in common that make a candidate of another word.
const COMMON_MIN: usize = 3;

/// The candidate that `text` was probably meant to be: one a few typing errors away, else the only
/// one of which it is the beginning, or that is the beginning of it.
pub fn closest<'a>(text: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let candidates: Vec<&str> = candidates.into_iter().collect();
    near(text, &candidates).or_else(|| {
        let text = text.to_ascii_lowercase();
        // How much of the two is the same beginning.
        let common = |it: &str| it.bytes().zip(text.bytes()).take_while(|it| it.0 == it.1).count();
        let fits = |it: &str| {
            let (same, shorter) = (common(it), it.len().min(text.len()));
            same >= COMMON_MIN && (same == shorter || same * 3 >= it.len().max(text.len()) * 2)
        };
        let fitting = candidates.into_iter().filter(|it| *it != text && fits(it));
        let mut fitting: Vec<&str> = fitting.collect();
        fitting.sort_by_key(|it| std::cmp::Reverse(common(it)));
        match fitting[..] {
            [one] => Some(one),
            [one, next, ..] if common(one) > common(next) => Some(one),
            _ => None,
        }
    })
}

/// The candidates that are most like `text`, the most alike first.
pub fn likest<'a>(text: &str, candidates: impl IntoIterator<Item = &'a str>) -> Vec<&'a str> {
    let mut all: Vec<&str> = candidates.into_iter().collect();
    all.sort_by_cached_key(|it| distance(text, it).saturating_sub(it.len().abs_diff(text.len())));
    all
}

fn near<'a>(text: &str, candidates: &[&'a str]) -> Option<&'a str> {
    let limit = (text.chars().count() / 3).max(1);
    candidates
        .iter()
        .copied()
        .map(|it| (distance(text, it), it))
        .filter(|(distance, it)| *distance <= limit && *it != text)
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, it)| it)
}

/// True for one typing mistake.
pub(crate) fn is_nearly(text: &str, name: &str) -> bool {
    text.len().abs_diff(name.len()) <= 1 && distance(text, name) == 1
}

/// Damerau-Levenshtein, neighbouring letters only; ASCII case and `-` for `_` count nothing.
fn distance(a: &str, b: &str) -> usize {
    let fold = |text: &str| -> Vec<char> {
        text.chars().map(|c| if c == '-' { '_' } else { c.to_ascii_lowercase() }).collect()
    };
    let (a, b) = (fold(a), fold(b));
    let mut before: Vec<usize> = Vec::new();
    let mut above: Vec<usize> = (0..=b.len()).collect();
    for i in 1..=a.len() {
        let mut row = vec![i];
        for j in 1..=b.len() {
            let swap = usize::from(a[i - 1] != b[j - 1]);
            let mut best = (above[j] + 1).min(row[j - 1] + 1).min(above[j - 1] + swap);
            if i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1] {
                best = best.min(before[j - 2] + 1);
            }
            row.push(best);
        }
        before = std::mem::replace(&mut above, row);
    }
    above.last().copied().unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::closest;

    fn check(text: &str, want: Option<&str>) {
        let keys = ["endpoint", "ca_file", "verbosity", "timeout", "send_batch_size"];
        assert_eq!(closest(text, keys), want, "{text}");
    }

    #[test]
    fn a_typo_finds_what_was_meant_and_nonsense_finds_nothing() {
        check("endpont", Some("endpoint"));
        check("ca_flie", Some("ca_file"));
        check("ca-file", Some("ca_file"));
        check("Timeout", Some("timeout"));
        check("send_batchsize", Some("send_batch_size"));
        check("banana", None);
        check("", None);
        check("send_batch", Some("send_batch_size"));
        check("endpoint_address", Some("endpoint"));
        check("verbose", Some("verbosity"));
    }
}
