//! A data set: its manifest, and reading one of its parts.

use std::marker::PhantomData;
use std::path::{Path, PathBuf};

use sha2::{Digest, Sha256};

use super::copies::Copies;
use super::error::DataError;
use super::format::Format;
use super::manifest::{FileEntry, Files, Manifest, Source};
use super::part::{Block, PartFile};
use super::stored::{self, Stored};
use super::{csv, file, folder, idx, random};

/// The manifest's name in a data set's folder.
pub const MANIFEST: &str = "dataset.toml";

/// A data set whose manifest has been read and checked; its files were touched only for what that leaves open.
#[derive(Debug, Clone, PartialEq)]
pub struct DataSet {
    folder: PathBuf,
    manifest: Manifest,
    copies: Option<Copies>,
}

/// A part of a data set.
pub trait Part: sealed::Sealed {
    /// `train` or `test`.
    const NAME: &'static str;
}

/// The part that is trained on, and that validation data is split off.
#[derive(Debug, Clone, Copy)]
pub enum Train {}

/// The part that is read once, at the end.
#[derive(Debug, Clone, Copy)]
pub enum Test {}

impl Part for Train {
    const NAME: &'static str = "train";
}

impl Part for Test {
    const NAME: &'static str = "test";
}

mod sealed {
    pub trait Sealed {
        const IS_TEST: bool;
    }
    impl Sealed for super::Train {
        const IS_TEST: bool = false;
    }
    impl Sealed for super::Test {
        const IS_TEST: bool = true;
    }
}

/// Consecutive samples of one part.
#[derive(Debug)]
pub struct Rows<'a, P> {
    /// Scaled values, `labels.len()` x C x H x W.
    pub images: &'a [f32],
    /// Classes, each in `0..classes`.
    pub labels: &'a [i64],
    part: PhantomData<P>,
}

impl DataSet {
    /// Reads and checks the manifest in this folder.
    pub fn open(folder: &Path) -> Result<Self, DataError> {
        let file = folder.join(MANIFEST);
        let text = fs_err::read_to_string(&file)?;
        let manifest = Manifest::parse(&text, &file)?;
        let folder = fs_err::canonicalize(folder)?;
        Ok(Self { folder, manifest, copies: None })
    }

    /// The one that this text describes, as if it lay in `file`.
    pub fn described(text: &str, file: &Path) -> Result<Self, DataError> {
        let manifest = Manifest::parse(text, file)?;
        let folder = file.parent().unwrap_or(Path::new(".")).to_owned();
        Ok(Self { folder, manifest, copies: None })
    }

    /// Random samples in the place of files.
    pub fn random(shape: [u32; 3], classes: u32, samples: u64, seed: u64) -> Self {
        let manifest = Manifest::random(shape, classes, samples, seed);
        Self { folder: PathBuf::new(), manifest, copies: None }
    }

    /// The same, read from copies where these are kept. Who uses them must have called [`Self::verify`].
    #[must_use]
    pub fn kept_in(self, copies: Option<Copies>) -> Self {
        Self { copies, ..self }
    }

    /// Its folder, absolute.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// What its `dataset.toml` says.
    pub const fn manifest(&self) -> &Manifest {
        &self.manifest
    }

    /// A SHA-256 over its `dataset.toml` and every file as it lies there: while it is the same, so are the data.
    pub fn identity(&self) -> Result<String, DataError> {
        let mut hash = Sha256::new();
        hash.update(file::sha256(&self.folder.join(MANIFEST))?);
        for FileEntry { path, sha256 } in self.manifest.files.entries() {
            let path = self.folder.join(path);
            hash.update(match sha256 {
                // Whoever measures with it has verified it.
                Some(said) => said.clone(),
                None if path.is_dir() => folder::sha256(&path)?,
                None => file::sha256(&path)?,
            });
        }
        Ok(file::hex(&hash.finalize()))
    }

    /// Compares every file with its SHA-256.
    pub fn verify(&self) -> Result<(), DataError> {
        for entry in self.manifest.files.entries() {
            let path = self.folder.join(&entry.path);
            let found = match (path.is_dir(), &entry.sha256) {
                (true, Some(_)) => folder::sha256(&path).map(Some)?,
                (true, None) => None,
                _ => file::checksum(&self.manifest.name, &path, entry)?,
            };
            file::compare(&self.manifest.name, &path, entry, found)?;
        }
        Ok(())
    }

    /// Decodes everything and keeps nothing: whatever a run would stumble over is found, in the test part too.
    pub fn check(&self) -> Result<(), DataError> {
        let (Files::Whole { all, split }, Format::Csv) =
            (&self.manifest.files, self.manifest.format)
        else {
            self.check_columns()?;
            self.read::<Train, DataError>(|_| Ok(()))?;
            return self.read::<Test, DataError>(|_| Ok(()));
        };
        let (train, test) = (self.part::<Train>(&all.file), self.part::<Test>(&all.file));
        let mut of_test = 0;
        let every = |row| {
            of_test += u64::from(split.is_test(row));
            true
        };
        let rows = csv::read::<DataError>(&train, every, &mut |block| {
            block.images.clear();
            block.labels.clear();
            Ok(())
        })?;
        train.check_rows(rows - of_test)?;
        test.check_rows(of_test)
    }

    /// The parts have the same columns in the same order, and are not one file: both are read by the columns of the first.
    fn check_columns(&self) -> Result<(), DataError> {
        let (Files::Parts { train, test }, Format::Csv) =
            (&self.manifest.files, self.manifest.format)
        else {
            return Ok(());
        };
        let [train, test] = [train, test].map(|source| self.folder.join(&source.file.path));
        let wrong = |why: String| DataError::Damaged {
            path: test.clone(),
            place: "line 1".to_owned(),
            why,
        };
        if fs_err::canonicalize(&train)? == fs_err::canonicalize(&test)? {
            return Err(wrong("it is the training data: a test on them says nothing".to_owned()));
        }
        if !self.manifest.columns.header {
            return Ok(());
        }
        let [first, second] = [csv::first_line(&train)?, csv::first_line(&test)?];
        let differ = first.iter().zip(&second).find(|(one, other)| one != other);
        differ.map_or(Ok(()), |(wanted, found)| {
            let why = format!("has the column `{found}` where {} has `{wanted}`", train.display());
            Err(wrong(format!("{why}: bring both into the same order")))
        })
    }

    /// Decodes one part from its first sample to its last and hands it to `sink`, block by block. Fails if the part
    /// does not hold as many samples as the manifest declares.
    pub fn read<P: Part, E: From<DataError>>(
        &self,
        mut sink: impl FnMut(Rows<'_, P>) -> Result<(), E>,
    ) -> Result<(), E> {
        let mut emit = |block: &mut Block| {
            let rows = Rows { images: &block.images, labels: &block.labels, part: PhantomData };
            let done = sink(rows);
            block.images.clear();
            block.labels.clear();
            done
        };
        match &self.manifest.files {
            Files::Random { seed } => {
                let manifest = &self.manifest;
                let rows = if P::IS_TEST { manifest.test_rows } else { manifest.train_rows };
                random::read(manifest, rows, seed.wrapping_add(u64::from(P::IS_TEST)), &mut emit)
            }
            Files::Whole { all, split } => {
                let wanted = |row| split.is_test(row) == P::IS_TEST;
                self.read_source::<P, E>(all, &wanted, &mut emit)
            }
            Files::Parts { train, test } => {
                let source = if P::IS_TEST { test } else { train };
                self.read_source::<P, E>(source, &|_| true, &mut emit)
            }
            Files::Idx { train, test } => {
                let (images, labels) = if P::IS_TEST { test } else { train };
                idx::read(&self.part::<P>(images), &self.folder.join(&labels.path), &mut emit)
            }
        }
    }

    fn read_source<P: Part, E: From<DataError>>(
        &self,
        source: &Source,
        wanted: &dyn Fn(u64) -> bool,
        emit: &mut impl FnMut(&mut Block) -> Result<(), E>,
    ) -> Result<(), E> {
        let part = self.part::<P>(&source.file);
        let rows = match self.manifest.format {
            Format::Csv => csv::read(&part, wanted, emit)?,
            format => {
                let stored = Stored::open(format, &self.folder, source)?;
                stored::read(&part, &stored, wanted, emit)?
            }
        };
        Ok(part.check_rows(rows)?)
    }

    fn part<'a, P: Part>(&'a self, entry: &'a FileEntry) -> PartFile<'a> {
        let manifest = &self.manifest;
        PartFile {
            path: self.folder.join(&entry.path),
            manifest,
            rows: if P::IS_TEST { manifest.test_rows } else { manifest.train_rows },
            part: P::NAME,
            kept: self.copies.as_ref().zip(entry.sha256.as_deref()),
        }
    }
}
