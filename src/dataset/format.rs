//! The formats that data may have: what each is called, which files are of it, and what it needs.

use std::path::Path;

/// How the files of a data set are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// Text, a sample a row.
    Csv,
    /// As MNIST has it.
    Idx,
    /// One array of `NumPy` a file.
    Npy,
    /// Arrays of `NumPy` in an archive.
    Npz,
    /// Tensors, as Hugging Face has them.
    Safetensors,
    /// A table, stored by columns.
    Parquet,
    /// A folder of PNG and JPEG files for each class.
    Images,
}

struct Def {
    format: Format,
    /// In `format = "..."`.
    word: &'static str,
    shown: &'static str,
    /// How its files end.
    endings: &'static [&'static str],
    /// The feature of the build that it needs.
    feature: Option<&'static str>,
}

#[rustfmt::skip]
const DEFS: &[Def] = &[
    Def { format: Format::Csv, word: "csv", shown: "CSV", endings: &["csv"], feature: None },
    Def { format: Format::Idx, word: "idx", shown: "IDX", endings: &[], feature: None },
    Def { format: Format::Npy, word: "npy", shown: "NPY", endings: &["npy"], feature: None },
    Def { format: Format::Npz, word: "npz", shown: "NPZ", endings: &["npz"], feature: Some("npz") },
    Def { format: Format::Safetensors, word: "safetensors", shown: "safetensors", endings: &["safetensors"], feature: None },
    Def { format: Format::Parquet, word: "parquet", shown: "Parquet", endings: &["parquet", "pq"], feature: Some("parquet") },
    Def { format: Format::Images, word: "images", shown: "images", endings: &[], feature: Some("images") },
];

/// What may stand after `format =`.
pub(super) const WORDS: &[&str] = &["csv", "idx", "npy", "npz", "safetensors", "parquet", "images"];

impl Format {
    fn def(self) -> &'static Def {
        // Every format has its line, which a test keeps.
        DEFS.iter().find(|def| def.format == self).unwrap_or(&DEFS[0])
    }

    /// The one of this word.
    pub(super) fn of_word(word: &str) -> Option<Self> {
        DEFS.iter().find(|def| def.word == word).map(|def| def.format)
    }

    /// In `format = "..."`.
    pub fn word(self) -> &'static str {
        self.def().word
    }

    /// In a sentence.
    pub(super) fn shown(self) -> &'static str {
        self.def().shown
    }

    /// The feature that a build needs to read it.
    pub(super) fn feature(self) -> Option<&'static str> {
        self.def().feature
    }

    /// The one that a file's name tells, whatever the case, packed or not.
    pub fn of_name(path: &Path) -> Option<Self> {
        let name = path.file_name()?.to_string_lossy().to_lowercase();
        let name = name.strip_suffix(".gz").unwrap_or(&name);
        let ending = name.rsplit_once('.')?.1;
        DEFS.iter().find(|def| def.endings.contains(&ending)).map(|def| def.format)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_format_has_its_line_and_its_word() {
        let words: Vec<&str> = DEFS.iter().map(|def| def.word).collect();
        assert_eq!(words, WORDS);
        for def in DEFS {
            assert_eq!(Format::of_word(def.word), Some(def.format));
            assert_eq!(def.format.word(), def.word);
        }
    }

    #[test]
    fn a_name_tells_the_format() {
        for (name, format) in [
            ("a.csv", Some(Format::Csv)),
            ("a/b.CSV.GZ", Some(Format::Csv)),
            ("x.npy.gz", Some(Format::Npy)),
            ("x.y.npz", Some(Format::Npz)),
            ("t.pq", Some(Format::Parquet)),
            ("images", None),
            ("letter.data", None),
        ] {
            assert_eq!(Format::of_name(Path::new(name)), format, "{name}");
        }
    }
}
