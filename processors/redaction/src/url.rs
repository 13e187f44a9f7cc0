//! Paths without what differs from request to request: `/users/42?x=1` becomes `/users/*`. In the form of
//! `github.com/grafana/clusterurl`, with a table of our own for what is a word.

use std::collections::HashSet;

use crate::config::UrlSanitizer;

/// Most segments that are kept.
const SEGMENTS_MAX: usize = 10;
/// Letters up to which a segment without digits is taken for a word: `svg`, `html`, `www`.
const SHORT_LETTERS_MAX: usize = 4;
const LETTERS: usize = 27;
/// How rare it is in English that a letter comes after another, in thirds of the natural logarithm, as letters from `a`. Rows
/// are the first of the two, columns the second, `a` to `z` and then the space. Counted in the pages of this repository.
const RARITY: [&[u8; LETTERS]; LETTERS] = [
    b"vkjjsolxkvnhigymxiiflorpmuh",
    b"hqoqertqkmugrristnltgtuthtk",
    b"iunsfuuhlxjjttenwlkimvwxnxl",
    b"ipplgrrtivtnmqjmvliontsvmwd",
    b"jrjjnmotnwtkkhqnpggjpnqlnye",
    b"htrrjjvufvrmrsguvjokjuturve",
    b"hqpqfpmljtsookipphimkqtulqf",
    b"ftqvdvwvixwtrvhtwnpkqwvxsvg",
    b"okhkkmkyxytikfimvmgfxkvqyoq",
    b"jnnnfmnnnnnnnnfnnnenjnnnnnn",
    b"msqrcrrpittpqjoptpfpjprsrth",
    b"iunkfqurgwsisvglwrikisrwmwh",
    b"gmpkdvvuivvknriivskrmvvvtvh",
    b"ivkghljwmvqnrmhqwsigoptvpvf",
    b"pnlknikwnxnjjfnlygliinkusyj",
    b"grlqgupmjsqipsflthiklquvqvi",
    b"ooooooooooomoooloooobooooom",
    b"irllerorixppnmiovmijklswkxg",
    b"ltmqgqsmjvnmqpjlwpkgmtnxpxd",
    b"itnqgrwfixwntsjnziikpvqvmuf",
    b"olmlgolvjwwijhqjwhhfrvvuwtp",
    b"fsqsbtnshsqrrqnrtrrrsrttttm",
    b"gusrhtuefutptijtujksttsuuui",
    b"jojpkppojrqpmoqermmerpqmmrh",
    b"ippqnpsqosrmlmlhtogjqrpurrc",
    b"gnnndnnninnnnnjlnnknknnnnlh",
    b"hljlkkomirmlllilskihopjutvg",
];
/// Twice the mean rarity above which a segment is no word.
const WORD_RARITY_MAX_TWICE: usize = 25;

/// What makes a span one of HTTP: one of its attributes.
const HTTP_KEYS: [&str; 9] = [
    "http.route",
    "http.request.method",
    "http.request.method_original",
    "http.response.status_code",
    "url.full",
    "http.scheme",
    "http.target",
    "http.method",
    "http.url",
];

/// The compiled section.
pub(crate) struct Urls {
    attributes: HashSet<String>,
    of_span_names: bool,
    of_bodies: bool,
}

impl Urls {
    pub(crate) fn new(config: &UrlSanitizer) -> Option<Self> {
        config.enabled.then(|| Self {
            attributes: config.attributes.iter().cloned().collect(),
            of_span_names: config.sanitize_span_name.unwrap_or(true),
            of_bodies: config.sanitize_log_body.unwrap_or(true),
        })
    }

    pub(crate) fn of_attribute(&self, key: &str, text: &str) -> Option<String> {
        self.attributes.contains(key).then(|| clustered(text))
    }

    pub(crate) fn of_body(&self, text: &str) -> Option<String> {
        self.of_bodies.then(|| clustered(text))
    }

    /// `has` asks for an attribute of the span. A name of which nothing would be left stays.
    pub(crate) fn of_span_name(&self, name: &str, has: impl Fn(&str) -> bool) -> Option<String> {
        if !self.of_span_names || !(name.contains('/') || HTTP_KEYS.iter().any(|it| has(it))) {
            return None;
        }
        let new = clustered(name);
        let is_bare = new.contains('*') && new.split('/').all(|it| it.is_empty() || it == "*");
        (new != name && !is_bare).then_some(new)
    }
}

/// A path without its query, and with `*` for segments that are no words.
fn clustered(path: &str) -> String {
    let path = path.split(['?', '&', '#']).next().unwrap_or_default();
    let segments = path.split('/').take(SEGMENTS_MAX);
    let kept = segments.map(|it| if it.is_empty() || is_kept(it) { it } else { "*" });
    kept.collect::<Vec<&str>>().join("/")
}

/// Letters and what stands between words. One digit may be the second sign: `v1`, `k6-test`.
fn is_kept(segment: &str) -> bool {
    let fits = |it: u8| it.is_ascii_alphabetic() || matches!(it, b'-' | b'_' | b'.' | b' ');
    segment.bytes().enumerate().all(|(at, it)| fits(it) || at == 1) && is_word(segment)
}

fn is_word(segment: &str) -> bool {
    let place = |it: u8| match it.to_ascii_lowercase() {
        b' ' => Some(LETTERS - 1),
        letter => usize::from(letter).checked_sub(usize::from(b'a')).filter(|it| *it < LETTERS - 1),
    };
    let letters: Vec<usize> = segment.bytes().filter_map(place).collect();
    if letters.len() <= SHORT_LETTERS_MAX {
        return true;
    }
    let pairs = letters.iter().zip(letters.iter().skip(1));
    let rarity = |(first, second): (&usize, &usize)| {
        let it = RARITY.get(*first).and_then(|it| it.get(*second));
        usize::from(it.copied().unwrap_or(b'z') - b'a')
    };
    let all: usize = pairs.map(rarity).sum();
    all * 2 <= (letters.len() - 1) * WORD_RARITY_MAX_TWICE
}

#[cfg(test)]
mod tests {
    use super::clustered;

    #[test]
    fn segments_that_are_no_words_become_stars() {
        for (path, want) in [
            ("", ""),
            ("/users/fdklsd/j4elk/23993/job/2", "/users/*/j4elk/*/job/*"),
            ("/usuarios/fdklsd/j4elk/23993/trabajo/2", "/usuarios/*/j4elk/*/trabajo/*"),
            ("/Benutzer/fdklsd/j4elk/23993/Arbeit/2", "/Benutzer/*/j4elk/*/Arbeit/*"),
            ("/utilisateurs/fdklsd/tache/2", "/utilisateurs/*/tache/*"),
            ("123", "*"),
            ("123/", "*/"),
            ("123/ljgdflgjf", "*/*"),
            ("/**", "/*"),
            ("/u/2", "/u/*"),
            ("/v1/products/22j", "/v1/products/*"),
            ("/products//org/3", "/products//org/*"),
            ("/v1/k6-test-runs/1", "/v1/k6-test-runs/*"),
            ("/api/users/123e4567-e89b-12d3-a456-426614174000", "/api/users/*"),
            ("/api.backup/hello.world", "/api.backup/hello.world"),
            ("GET /user_space/", "GET /user_space/"),
            ("/images/logo.svg", "/images/logo.svg"),
            ("/attach?session_id=ddfsdsf&track_id=sjdklnfldsn", "/attach"),
            ("/attach#section-1", "/attach"),
            ("?", ""),
            ("attach12?", "*"),
            ("HTTP GET", "HTTP GET"),
            ("/a/b/c/d/e/f/g/h/i/j", "/a/b/c/d/e/f/g/h/i"),
            ("/stra\u{df}e/2", "/*/*"),
        ] {
            assert_eq!(clustered(path), want, "{path}");
        }
    }
}
