//! What commands read: all of it, or none. The beginning of a text would be taken for the whole.

use std::fs::File;
use std::io::{self, Read};

/// The text of a file; `-` is standard input.
///
/// # Errors
/// It cannot be read, is larger than `bytes_max`, or is no text.
pub fn text(file: &str, bytes_max: u64) -> Result<String, String> {
    let (name, bytes) = if file == "-" {
        ("standard input", bytes("standard input", io::stdin(), bytes_max)?)
    } else {
        let opened = File::open(file).map_err(|error| format!("cannot read {file}: {error}"))?;
        (file, bytes(file, opened, bytes_max)?)
    };
    String::from_utf8(bytes).map_err(|error| {
        format!("cannot read {name}: it is not UTF-8 at byte {}", error.utf8_error().valid_up_to())
    })
}

/// All that comes, for messages by the name of where it comes from.
///
/// # Errors
/// It cannot be read, or is larger than `bytes_max`.
pub fn bytes(name: &str, from: impl Read, bytes_max: u64) -> Result<Vec<u8>, String> {
    let mut all = Vec::new();
    let read = from.take(bytes_max.saturating_add(1)).read_to_end(&mut all);
    read.map_err(|error| format!("cannot read {name}: {error}"))?;
    if u64::try_from(all.len()).is_ok_and(|it| it > bytes_max) {
        let size = format!("it has more than {bytes_max} bytes");
        return Err(format!("cannot read {name}: {size}; give it in smaller parts"));
    }
    Ok(all)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_too_large_is_refused_and_not_cut_off() {
        assert_eq!(bytes("a", &b"1234"[..], 4), Ok(b"1234".to_vec()));
        let why = "cannot read a: it has more than 4 bytes; give it in smaller parts";
        assert_eq!(bytes("a", &b"12345"[..], 4), Err(why.to_owned()));
    }

    #[test]
    fn a_file_is_read_whole() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a");
        std::fs::write(&path, "hello").unwrap();
        let path = path.to_str().unwrap();
        assert_eq!(text(path, 5), Ok("hello".to_owned()));
        assert!(text(path, 4).unwrap_err().contains("more than 4 bytes"));
        std::fs::write(path, b"ab\xff").unwrap();
        assert!(text(path, 9).unwrap_err().ends_with("it is not UTF-8 at byte 2"));
    }
}
