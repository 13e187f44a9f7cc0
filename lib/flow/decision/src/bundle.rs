//! Reads bundles as `opa build` makes them: `.tar.gz` with modules, data and a manifest.

use std::io::Read as _;

use flate2::read::GzDecoder;
use rego::Value;

use crate::signed::Verification;

/// Most files of a bundle.
const FILES_MAX: usize = 10_000;
/// A bundle unpacked, in bytes.
const BYTES_MAX: u64 = 64 * 1024 * 1024;
/// A block of a tar archive, in bytes.
pub(crate) const BLOCK: usize = 512;

/// What is in a bundle.
#[derive(Debug, Default)]
pub(crate) struct Bundle {
    /// Names and texts.
    pub(crate) modules: Vec<(String, String)>,
    /// Names of the folders around each document, and the document.
    pub(crate) data: Vec<(Vec<String>, Value)>,
    /// Below these paths of `data` the bundle has all, and nothing elsewhere.
    pub(crate) roots: Vec<Vec<String>>,
    /// As its manifest says.
    pub(crate) revision: String,
}

impl Bundle {
    /// Unpacks a bundle, and verifies its signature if there has to be one.
    ///
    /// # Errors
    /// What is wrong with it.
    pub(crate) fn read(packed: &[u8], signed: Option<&Verification>) -> Result<Self, String> {
        let mut archive = Vec::new();
        let unpacked = GzDecoder::new(packed).take(BYTES_MAX + 1).read_to_end(&mut archive);
        unpacked.map_err(|error| format!("it is no gzip: {error}"))?;
        if archive.len() as u64 > BYTES_MAX {
            return Err(format!("it has more than {BYTES_MAX} bytes when it is unpacked"));
        }
        let mut bundle = Self { roots: vec![Vec::new()], ..Self::default() };
        let files = files(&archive)?;
        match signed {
            Some(it) => it.check(&files)?,
            None if files
                .iter()
                .any(|it| it.0.trim_start_matches(['.', '/']) == "signatures.json") =>
            {
                return Err(
                    "it is signed, and there is no key: write those who may sign at keys".into()
                );
            }
            None => {}
        }
        for (name, bytes) in files {
            bundle.add(&name, bytes)?;
        }
        bundle.inside_roots()?;
        Ok(bundle)
    }

    fn add(&mut self, name: &str, bytes: &[u8]) -> Result<(), String> {
        let name = name.trim_start_matches("./").trim_start_matches('/');
        let (folder, file) = name.rsplit_once('/').unwrap_or(("", name));
        let text = || std::str::from_utf8(bytes).map_err(|_| format!("{name} is not UTF-8"));
        let json = || {
            let value = Value::from_json_str(text()?);
            value.map_err(|error| format!("{name}: {error:#}"))
        };
        match file {
            ".manifest" if folder.is_empty() => self.manifest(&json()?)?,
            ".signatures.json" => {}
            "data.json" => self.data.push((names(folder), json()?)),
            "data.yaml" | "data.yml" => {
                return Err(format!("{name}: write data as JSON"));
            }
            _ if file.ends_with(".rego") && !file.ends_with("_test.rego") => {
                self.modules.push((format!("/{name}"), text()?.to_owned()));
            }
            _ => {}
        }
        Ok(())
    }

    fn manifest(&mut self, manifest: &Value) -> Result<(), String> {
        let wrong = || {
            ".manifest is not as it should be: {\"revision\": text, \"roots\": [paths]}".to_owned()
        };
        let entries = manifest.as_object().map_err(|_| wrong())?;
        if let Some(roots) = entries.get(&"roots".into()) {
            let roots = roots.as_array().map_err(|_| wrong())?.iter();
            let roots = roots.map(|it| it.as_string().map(|it| names(it)).map_err(|_| wrong()));
            self.roots = roots.collect::<Result<_, _>>()?;
        }
        if let Some(revision) = entries.get(&"revision".into()) {
            self.revision = revision.as_string().map_err(|_| wrong())?.to_string();
        }
        Ok(())
    }

    /// As OPA does: data and packages outside of the roots are refused. A module that does not parse is told when it is compiled.
    fn inside_roots(&self) -> Result<(), String> {
        for (name, text) in &self.modules {
            let Ok(module) = rego::syntax::module(name, text, rego::Version::Auto) else {
                continue;
            };
            if !self.roots.iter().any(|root| module.package.starts_with(root)) {
                let (package, roots) = (module.package.join("."), self.roots_shown());
                return Err(format!("{name}: package {package} is outside of its roots {roots}"));
            }
        }
        for (path, value) in &self.data {
            self.is_inside(path, value)?;
        }
        Ok(())
    }

    fn is_inside(&self, path: &[String], value: &Value) -> Result<(), String> {
        if self.roots.iter().any(|root| path.starts_with(root)) {
            return Ok(());
        }
        let is_above = self.roots.iter().any(|root| root.starts_with(path));
        let Some(entries) = value.as_object().ok().filter(|_| is_above) else {
            let (path, roots) = (path.join("/"), self.roots_shown());
            return Err(format!("data at {path:?} is outside of its roots {roots}"));
        };
        for (key, below) in entries.iter() {
            let name = key.as_string().map(std::string::ToString::to_string).unwrap_or_default();
            let path: Vec<String> = path.iter().cloned().chain([name]).collect();
            self.is_inside(&path, below)?;
        }
        Ok(())
    }

    /// The roots, for messages.
    fn roots_shown(&self) -> String {
        self.roots.iter().map(|it| it.join("/")).collect::<Vec<_>>().join(", ")
    }
}

fn names(path: &str) -> Vec<String> {
    path.split('/').filter(|it| !it.is_empty()).map(str::to_owned).collect()
}

/// Names and contents of the files of a tar archive: ustar, with long names as GNU and pax write them.
///
/// # Errors
/// It is no such archive, it is cut off, or it has too many files.
pub fn files(archive: &[u8]) -> Result<Vec<(String, &[u8])>, String> {
    let mut all = Vec::new();
    let mut rest = archive;
    let mut long_name: Option<String> = None;
    while let Some((head, after)) = rest.split_first_chunk::<BLOCK>() {
        if head.iter().all(|it| *it == 0) {
            break;
        }
        let size = octal(head.get(124..136).unwrap_or_default()).ok_or("it is no tar archive")?;
        let (bytes, _) = after.split_at_checked(size).ok_or("it ends in the middle of a file")?;
        rest = after.get(size.div_ceil(BLOCK) * BLOCK..).unwrap_or_default();
        match head.get(156) {
            Some(b'L') => long_name = Some(until_zero(bytes)),
            Some(b'x') => long_name = pax_path(bytes).or(long_name),
            Some(b'0' | 0) => {
                let name = until_zero(head.get(..100).unwrap_or_default());
                let prefix = match head.get(257..262) {
                    Some(b"ustar") => until_zero(head.get(345..500).unwrap_or_default()),
                    _ => String::new(),
                };
                let short = if prefix.is_empty() { name } else { format!("{prefix}/{name}") };
                all.push((long_name.take().unwrap_or(short), bytes));
            }
            _ => long_name = None,
        }
        if all.len() > FILES_MAX {
            return Err(format!("it has more than {FILES_MAX} files"));
        }
    }
    Ok(all)
}

fn until_zero(bytes: &[u8]) -> String {
    let end = bytes.iter().position(|it| *it == 0).unwrap_or(bytes.len());
    String::from_utf8_lossy(bytes.get(..end).unwrap_or_default()).into_owned()
}

fn octal(bytes: &[u8]) -> Option<usize> {
    let text = until_zero(bytes);
    usize::from_str_radix(text.trim(), 8).ok()
}

/// `25 path=some/where.rego\n` among the records of a pax header.
fn pax_path(bytes: &[u8]) -> Option<String> {
    let text = String::from_utf8_lossy(bytes).into_owned();
    let path = text.lines().find_map(|it| it.split_once(' ')?.1.strip_prefix("path="));
    path.map(str::to_owned)
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use flate2::Compression;
    use flate2::write::GzEncoder;

    use super::*;
    use crate::bundle_kit::packed;

    #[track_caller]
    fn refused(files: &[(&str, &str)], want: &str) {
        let error = Bundle::read(&packed(files), None).unwrap_err();
        assert!(error.contains(want), "{error}");
    }

    #[test]
    fn modules_and_data_stand_where_their_folders_say() {
        let files = [
            ("/.manifest", "{\"revision\": \"7\", \"roots\": [\"a\"]}"),
            ("/a/p.rego", "package a"),
            ("/a/p_test.rego", "package a_test"),
            ("/a/b/data.json", "{\"c\": 1}"),
            ("/README", "hello"),
        ];
        let bundle = Bundle::read(&packed(&files), None).unwrap();
        assert_eq!(bundle.modules, [("/a/p.rego".to_owned(), "package a".to_owned())]);
        let value = Value::from_json_str("{\"c\": 1}").unwrap();
        assert_eq!(bundle.data, [(vec!["a".to_owned(), "b".to_owned()], value)]);
    }

    #[test]
    fn data_outside_of_the_roots_is_refused() {
        let manifest = (".manifest", "{\"roots\": [\"a/b\"]}");
        refused(
            &[manifest, ("data.json", "{\"a\": {\"b\": 1, \"c\": 2}}")],
            "outside of its roots",
        );
        refused(&[manifest, ("x/data.json", "{}")], "outside of its roots");
    }

    #[test]
    fn what_is_no_bundle_is_refused() {
        assert!(Bundle::read(b"hello", None).unwrap_err().contains("no gzip"));
        refused(&[(".signatures.json", "{}")], "signed");
        refused(&[("data.yaml", "a: 1")], "write data as JSON");
        refused(&[("data.json", "{")], "data.json");
        refused(&[(".manifest", "[]")], ".manifest");
        let mut cut = Vec::new();
        GzDecoder::new(&packed(&[("a.rego", &"x".repeat(2_000))])[..])
            .read_to_end(&mut cut)
            .unwrap();
        cut.truncate(1_000);
        let mut out = GzEncoder::new(Vec::new(), Compression::fast());
        out.write_all(&cut).unwrap();
        let error = Bundle::read(&out.finish().unwrap(), None).unwrap_err();
        assert!(error.contains("middle of a file"), "{error}");
    }

    #[test]
    fn one_that_grows_without_end_is_refused() {
        let mut out = GzEncoder::new(Vec::new(), Compression::fast());
        for _ in 0..65 {
            out.write_all(&vec![0; 1024 * 1024]).unwrap();
        }
        let error = Bundle::read(&out.finish().unwrap(), None).unwrap_err();
        assert!(error.contains("unpacked"), "{error}");
    }
}
