//! Users and their hashed passwords, in the format of Apache's `htpasswd`: `name:hash`, one per line.

use std::collections::HashMap;
use std::sync::Arc;

use credentials::same;
use pdata::text::Base64;
use sha1::{Digest, Sha1};
use sha2::{Sha256, Sha512};

use crate::crypt::{bcrypt, bcrypt_bytes, md5_crypt, sha_crypt};
use crate::turn::Turn;

/// Largest cost of bcrypt, about ten seconds of one core for one look at a password; that of `htpasswd -C`.
const COST_MAX: u32 = 17;
/// Most rounds of SHA-crypt, about one second. The default is 5000.
const ROUNDS_MAX: u32 = 1_000_000;
/// `rounds=` below this means this. Drepper's specification, step 14.
const ROUNDS_MIN: u32 = 1000;
/// Longest password that is looked at, in bytes: the work of some hashes grows with its square.
const PASSWORD_BYTES_MAX: usize = 1024;
/// Longest salt of SHA-crypt that counts. Drepper's specification.
const SALT_BYTES_MAX: usize = 16;

/// Those who may come in.
#[derive(Debug, Default)]
pub(crate) struct Users {
    by_name: HashMap<String, Arc<User>>,
    /// Takes the time of a user whose password is slow to check, for names that nobody has.
    nobody: Option<Arc<User>>,
    /// Lines that are no user, with the reason.
    pub(crate) unused: Vec<(usize, String)>,
}

/// One of them.
#[derive(Debug)]
pub(crate) struct User {
    pub(crate) hash: Hash,
    /// The slow hashes are checked one after another.
    pub(crate) turn: Turn,
}

/// What is known of a password.
#[derive(Clone, PartialEq)]
pub(crate) enum Hash {
    Plain(String),
    Sha1 { sum: Vec<u8>, salt: Vec<u8> },
    Md5 { mark: &'static str, salt: String, digits: String },
    Sha2 { is_512: bool, rounds: u32, salt: String, digits: String },
    Bcrypt { cost: u32, salt: Vec<u8>, sum: Vec<u8> },
}

/// Never shows what it hides.
impl std::fmt::Debug for Hash {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Hash")
    }
}

impl Users {
    /// Reads the lines. A later line replaces an earlier one of the same name, as upstream.
    pub(crate) fn read(text: &str) -> Self {
        let mut users = Self::default();
        for (index, line) in text.lines().enumerate() {
            let line = line.trim();
            if line.is_empty() || line.starts_with('#') {
                continue;
            }
            match line
                .split_once(':')
                .ok_or_else(no_colon)
                .and_then(|(name, rest)| Hash::read(rest).map(|hash| (name.to_owned(), hash)))
            {
                Ok((name, hash)) => {
                    if hash.is_slow() && users.nobody.is_none() {
                        users.nobody = Some(User::new(hash.clone()));
                    }
                    users.by_name.insert(name, User::new(hash));
                }
                Err(why) => users.unused.push((index + 1, why)),
            }
        }
        users
    }

    /// True when nobody may come in.
    pub(crate) fn is_empty(&self) -> bool {
        self.by_name.is_empty()
    }

    pub(crate) fn get(&self, name: &str) -> Option<&Arc<User>> {
        self.by_name.get(name)
    }

    pub(crate) fn nobody(&self) -> Option<&Arc<User>> {
        self.nobody.as_ref()
    }
}

fn no_colon() -> String {
    "there is no colon in it: write name:password".to_owned()
}

impl User {
    fn new(hash: Hash) -> Arc<Self> {
        Arc::new(Self { hash, turn: Turn::default() })
    }
}

impl Hash {
    /// # Errors
    /// What is wrong with the hash, without a piece of it.
    fn read(text: &str) -> Result<Self, String> {
        let damaged = |kind: &str| format!("its {kind} hash is damaged: make the line again");
        for mark in ["$apr1$", "$1$"] {
            if let Some(rest) = text.strip_prefix(mark) {
                let (salt, digits) = rest.split_once('$').ok_or_else(|| damaged("MD5"))?;
                let (salt, digits) = (salt.to_owned(), digits.to_owned());
                return Ok(Self::Md5 { mark, salt, digits });
            }
        }
        for (mark, has_salt) in [("{SHA}", false), ("{SSHA}", true)] {
            if let Some(rest) = text.strip_prefix(mark) {
                let mut sum = Base64::STANDARD.decode(rest.as_bytes()).unwrap_or_default();
                if sum.len() < 20 || !has_salt && 20 < sum.len() {
                    return Err(damaged(mark));
                }
                let salt = sum.split_off(20);
                return Ok(Self::Sha1 { sum, salt });
            }
        }
        if let Some(rest) =
            ["$2y$", "$2b$", "$2a$", "$2x$"].iter().find_map(|it| text.strip_prefix(it))
        {
            return Self::bcrypt(rest).ok_or_else(|| damaged("bcrypt"))?;
        }
        for (mark, is_512) in [("$5$", false), ("$6$", true)] {
            if let Some(rest) = text.strip_prefix(mark) {
                return Self::sha2(rest, is_512).ok_or_else(|| damaged("SHA-crypt"))?;
            }
        }
        match unknown_kind(text) {
            Some(kind) => Err(format!(
                "hashes of the kind {kind} are not supported: make the line again with htpasswd -B"
            )),
            None => Ok(Self::Plain(text.to_owned())),
        }
    }

    fn bcrypt(rest: &str) -> Option<Result<Self, String>> {
        let (cost, rest) = rest.split_once('$')?;
        let cost: u32 = cost.parse().ok().filter(|it| (4..=31).contains(it))?;
        if COST_MAX < cost {
            let why = format!(
                "checking bcrypt with cost {cost} takes minutes: make the line again with at most {COST_MAX}"
            );
            return Some(Err(why));
        }
        let (salt, sum) = (bcrypt_bytes(rest.get(..22)?)?, bcrypt_bytes(rest.get(22..)?)?);
        (sum.len() == 23).then_some(Ok(Self::Bcrypt { cost, salt, sum }))
    }

    fn sha2(rest: &str, is_512: bool) -> Option<Result<Self, String>> {
        let (rounds, rest) = match rest.strip_prefix("rounds=") {
            None => (5000, rest),
            Some(rest) => {
                let (rounds, rest) = rest.split_once('$')?;
                (rounds.parse::<u32>().ok()?.max(ROUNDS_MIN), rest)
            }
        };
        if ROUNDS_MAX < rounds {
            let why = format!(
                "checking SHA-crypt with {rounds} rounds takes seconds: make the line again with at most {ROUNDS_MAX}"
            );
            return Some(Err(why));
        }
        let (salt, digits) = rest.split_once('$')?;
        let salt = salt.get(..SALT_BYTES_MAX).unwrap_or(salt).to_owned();
        Some(Ok(Self::Sha2 { is_512, rounds, salt, digits: digits.to_owned() }))
    }

    /// Too slow for a thread that serves others.
    pub(crate) fn is_slow(&self) -> bool {
        !matches!(self, Self::Plain(_) | Self::Sha1 { .. })
    }

    /// Whether it is the one of this password.
    pub(crate) fn matches(&self, password: &[u8]) -> bool {
        if PASSWORD_BYTES_MAX < password.len() {
            return false;
        }
        match self {
            Self::Plain(it) => same(it.as_bytes(), password),
            Self::Sha1 { sum, salt } => {
                same(sum, &Sha1::new().chain_update(password).chain_update(salt).finalize())
            }
            Self::Md5 { mark, salt, digits } => {
                same(digits.as_bytes(), md5_crypt(password, salt.as_bytes(), mark).as_bytes())
            }
            Self::Sha2 { is_512, rounds, salt, digits } => {
                let crypt = if *is_512 { sha_crypt::<Sha512> } else { sha_crypt::<Sha256> };
                same(digits.as_bytes(), crypt(password, salt.as_bytes(), *rounds).as_bytes())
            }
            Self::Bcrypt { cost, salt, sum } => same(sum, &bcrypt(password, *cost, salt)),
        }
    }
}

/// `$y$` or `{CRYPT}` before a hash of a kind that upstream does not know either: it takes the line for a password in plain
/// text, with which somebody who has stolen the file could come in.
fn unknown_kind(text: &str) -> Option<&str> {
    let end = match text.bytes().next()? {
        b'$' => text.get(1..)?.find('$')? + 2,
        b'{' => text.find('}')? + 1,
        _ => return None,
    };
    let kind = text.get(..end)?;
    let name = kind.get(1..kind.len() - 1)?;
    let is_name = |it: u8| it.is_ascii_alphanumeric() || it == b'-';
    (!name.is_empty() && name.bytes().all(is_name)).then_some(kind)
}
