//! What data that are no text leave open: shape, parts, rows, labels and moments.

use std::path::Path;

use super::error::DataError;
use super::files::Arrays;
use super::format::Format;
use super::manifest::{Files, Layout, Source};
use super::open::{Facts, Open};
use super::stored::{Reading, Stored, pick};
use super::written::{Classes, MAX_VALUES, Scale};

/// How many channels images have that are stored pixel by pixel.
const CHANNELS: &[u64] = &[1, 3, 4];

/// A source, and the part that it is of, where it is of one alone.
struct Piece {
    stored: Stored,
    is_test: Option<bool>,
}

impl Open<'_> {
    /// The facts; nothing where a key contradicts the files.
    pub(super) fn stored(&mut self) -> Result<Option<Facts>, DataError> {
        let files = self.sources()?;
        let mut pieces = Vec::new();
        let sources = match &files {
            Files::Whole { all, .. } => vec![(all, None)],
            Files::Parts { train, test } => vec![(train, Some(false)), (test, Some(true))],
            Files::Idx { .. } | Files::Random { .. } => return Ok(None),
        };
        for entry in sources.iter().flat_map(|(source, _)| source.entries()) {
            self.path(entry)?;
        }
        self.are_apart(&sources)?;
        for (source, is_test) in &sources {
            let stored = Stored::open(self.written.format, self.folder, source)?;
            pieces.push(Piece { stored, is_test: *is_test });
        }
        let first = self.folder.join(&sources[0].0.file.path);
        let mut facts = Facts::default();
        for piece in pieces.iter().rev() {
            // The training part comes last, and is what the manifest describes.
            let Some(found) = self.look(piece, &first, sources[0].0)? else { return Ok(None) };
            if piece.is_test == Some(false) {
                let path = self.folder.join(&sources[1].0.file.path);
                alike(&found, &facts).map_err(|why| DataError::Damaged {
                    path,
                    place: "header".to_owned(),
                    why,
                })?;
            }
            facts = found;
        }
        self.count(&files, &pieces, &mut facts)?;
        if let Files::Whole { .. } | Files::Parts { .. } = files {
            facts.files = Some(files.clone());
        }
        Ok(Some(facts))
    }

    /// The files, with the arrays that are meant of those that hold several.
    fn sources(&mut self) -> Result<Files, DataError> {
        let written = self.written;
        let mut files = written.files.clone();
        if !matches!(written.format, Format::Npz | Format::Safetensors) {
            return Ok(files);
        }
        let mut said = Vec::new();
        let mut both = |source: &mut Source, part: &str| {
            let path = self.path(&source.file)?;
            let found = pick(written.format, &path, written.arrays.as_ref())?;
            let pair = match found {
                Arrays::Both(pair) => pair,
                Arrays::Parts { train, test } => {
                    if part.is_empty() {
                        said.push(format!(
                            "arrays {}, {} to train on, {}, {} to test on",
                            train.x, train.y, test.x, test.y
                        ));
                        let of = |pair| Source { arrays: Some(pair), ..source.clone() };
                        return Ok(Some(Files::Parts { train: of(train), test: of(test) }));
                    }
                    if part == "train" { train } else { test }
                }
            };
            said.push(format!("arrays {} and {}", pair.x, pair.y));
            source.arrays = Some(pair);
            Ok::<_, DataError>(None)
        };
        let parts = match &mut files {
            Files::Whole { all, .. } => both(all, "")?,
            Files::Parts { train, test } => {
                both(train, "train")?;
                both(test, "test")?
            }
            Files::Idx { .. } | Files::Random { .. } => None,
        };
        said.dedup();
        if written.arrays.is_none() {
            self.found.append(&mut said);
        }
        Ok(parts.unwrap_or(files))
    }

    /// The parts are not the same data: a test on what was trained on says nothing.
    fn are_apart(&self, sources: &[(&Source, Option<bool>)]) -> Result<(), DataError> {
        let [(train, _), (test, _)] = sources else { return Ok(()) };
        let [one, other] = [train, test].map(|source| self.folder.join(&source.file.path));
        if fs_err::canonicalize(&one)? == fs_err::canonicalize(&other)?
            && train.arrays == test.arrays
        {
            let why = "it is the training data: a test on them says nothing".to_owned();
            return Err(DataError::Damaged { path: other, place: "files".to_owned(), why });
        }
        Ok(())
    }

    /// Shape, columns and layout of a piece.
    fn look(
        &mut self,
        piece: &Piece,
        path: &Path,
        of: &Source,
    ) -> Result<Option<Facts>, DataError> {
        let written = self.written;
        let mut facts = Facts { layout: written.layout.unwrap_or_default(), ..Facts::default() };
        match &piece.stored {
            Stored::Arrays(arrays) => {
                let says = piece.is_test != Some(true);
                let (shape, layout) = self.shape_of(arrays.dims(), path, says)?;
                (facts.shape, facts.layout, facts.bytes) = (shape, layout, arrays.is_bytes());
                facts.floats = arrays.has_floats();
            }
            Stored::Pictures(pictures) => {
                facts.layout = Layout::Hwc;
                facts.bytes = true;
                facts.shape = match written.shape {
                    Some(shape) => shape,
                    None => pictures.natural_shape()?,
                };
                if written.shape.is_none() && piece.is_test != Some(true) {
                    self.found.push(format!("shape {:?}", facts.shape));
                }
            }
            Stored::Table(table) => {
                let said = self.found.len();
                let Some((shape, columns)) = self.columns_of(table.names(), Some(true), &of.file)
                else {
                    return Ok(None);
                };
                if piece.is_test == Some(true) {
                    self.found.truncate(said);
                }
                table.check(&columns)?;
                (facts.shape, facts.columns) = (shape, columns);
            }
        }
        Ok(Some(facts))
    }

    /// The shape of a sample that is stored so, and its layout.
    fn shape_of(
        &mut self,
        dims: &[u64],
        path: &Path,
        says: bool,
    ) -> Result<([u32; 3], Layout), DataError> {
        let wrong = |why: String| DataError::Damaged {
            path: path.to_owned(),
            place: "header".to_owned(),
            why,
        };
        let values = dims.iter().try_fold(1_u64, |product, side| product.checked_mul(*side));
        if values.is_none_or(|values| values > MAX_VALUES.into()) {
            let why = format!("a sample of shape {dims:?} has more than {MAX_VALUES} values");
            return Err(wrong(why));
        }
        let (natural, layout, guess) = natural(dims, self.written.layout, self.written.shape)
            .ok_or_else(|| {
                wrong(format!(
                    "a sample has the shape {dims:?}, which does not tell where the channels are: \
                     write layout = \"chw\", or \"hwc\" where they come last"
                ))
            })?;
        match self.written.shape {
            // A row of values may be those of an image, as in CSV.
            Some(shape)
                if shape == natural || dims.len() < 2 && product(shape) == product(natural) =>
            {
                Ok((shape, layout))
            }
            Some(shape) => {
                let why = format!("a sample has the shape {natural:?}, and `shape` says {shape:?}");
                Err(wrong(why))
            }
            None if says => {
                self.found.extend(guess.map(|word| format!("layout = {word:?}")));
                self.found.push(match natural {
                    [1, 1, 1] => "1 feature".to_owned(),
                    [1, 1, count] => format!("{count} features"),
                    _ => format!("shape {natural:?}"),
                });
                Ok((natural, layout))
            }
            None => Ok((natural, layout)),
        }
    }

    /// Rows of both parts, and, where they are wanted, labels and moments of the training part.
    fn count(&self, files: &Files, pieces: &[Piece], facts: &mut Facts) -> Result<(), DataError> {
        let written = self.written;
        let split = match files {
            Files::Whole { split, .. } => Some(*split),
            _ => None,
        };
        let labels = written.classes == Classes::Open;
        let moments =
            written.scale == Scale::Standard || written.scale == Scale::Open && !facts.bytes;
        facts.moments.resize(if moments { product(facts.shape) } else { 0 }, (0.0, 0.0));
        for piece in pieces {
            let is_test =
                |row| piece.is_test.or(split.map(|split| split.is_test(row))).unwrap_or(false);
            let rows = piece.stored.rows();
            let of_test = (0..rows).filter(|row| is_test(*row)).count() as u64;
            facts.test_rows += of_test;
            facts.train_rows += rows - of_test;
            if of_test == rows || !(labels || moments) {
                continue;
            }
            let columns = std::mem::take(&mut facts.columns);
            let of = Reading {
                columns: &columns,
                shape: facts.shape,
                values: moments,
                wanted: &|row| !is_test(row),
            };
            let mut count = 0.0;
            piece.stored.each::<DataError>(&of, &mut |sample| {
                count += 1.0;
                if labels {
                    facts.label(&sample.label.text()).map_err(|why| sample.damaged(why))?;
                }
                for (index, value) in sample.values.iter().enumerate() {
                    if !value.is_finite() {
                        let shown = columns.values.get(index).map(|column| columns.shown(*column));
                        let shown = shown.unwrap_or_else(|| format!("value {index}"));
                        return Err(sample.damaged(format!("{shown} is {value}: fill it in")));
                    }
                    facts.value(index, count, *value);
                }
                Ok(())
            })?;
            facts.columns = columns;
        }
        for (part, rows) in [("training", facts.train_rows), ("test", facts.test_rows)] {
            if rows == 0 {
                let entries = files.entries();
                let path = self.folder.join(&entries[entries.len() - 1].path);
                let why = format!("no sample of it belongs to the {part} part");
                return Err(DataError::Damaged { path, place: "end".to_owned(), why });
            }
        }
        Ok(())
    }
}

/// Both parts are read by what is known of the training part; or what stands against that.
fn alike(train: &Facts, test: &Facts) -> Result<(), String> {
    if train.shape != test.shape {
        let (train, test) = (train.shape, test.shape);
        return Err(format!(
            "its samples have the shape {test:?}, those of the training part {train:?}"
        ));
    }
    if train.layout != test.layout {
        let help = "write layout, and store both alike";
        return Err(format!("its channels are not where those of the training part are: {help}"));
    }
    if train.floats != test.floats {
        let said = |floats| if floats { "floats" } else { "whole numbers" };
        let (train, test) = (said(train.floats), said(test.floats));
        return Err(format!(
            "its samples are {test}, those of the training part {train}: save both alike"
        ));
    }
    if train.columns.names != test.columns.names {
        let pairs = train.columns.names.iter().zip(&test.columns.names);
        let (wanted, found) = pairs.into_iter().find(|(one, other)| one != other).map_or_else(
            || ("as many".to_owned(), "another number of columns".to_owned()),
            |(one, other)| (format!("`{one}`"), format!("the column `{other}`")),
        );
        return Err(format!(
            "has {found} where the training part has {wanted}: bring both into the same order"
        ));
    }
    Ok(())
}

/// Channels, height and width of a sample that is stored so; its layout, and whether that is a guess; nothing where it could be
/// either.
fn natural(
    dims: &[u64],
    layout: Option<Layout>,
    shape: Option<[u32; 3]>,
) -> Option<([u32; 3], Layout, Option<&'static str>)> {
    let side = |at: usize| dims.get(at).and_then(|side| u32::try_from(*side).ok()).unwrap_or(1);
    let hwc = [side(2), side(0), side(1)];
    let chw = [side(0), side(1), side(2)];
    let known = |layout| match layout {
        Layout::Chw => (chw, layout, None),
        Layout::Hwc => (hwc, layout, None),
    };
    match (dims.len(), layout, shape) {
        (0 | 1, layout, _) => Some(([1, 1, side(0)], layout.unwrap_or_default(), None)),
        (2, _, _) => Some(([1, side(0), side(1)], Layout::Chw, None)),
        (_, Some(layout), _) => Some(known(layout)),
        (_, None, Some(shape)) if chw == shape && hwc != shape => Some(known(Layout::Chw)),
        (_, None, Some(shape)) if hwc == shape && chw != shape => Some(known(Layout::Hwc)),
        (_, None, _) => {
            let has = [0, 2].map(|at| dims.get(at).is_some_and(|side| CHANNELS.contains(side)));
            match has {
                [true, false] => Some((chw, Layout::Chw, Some("chw"))),
                [false, true] => Some((hwc, Layout::Hwc, Some("hwc"))),
                _ => None,
            }
        }
    }
}

fn product(shape: [u32; 3]) -> usize {
    shape.iter().map(|side| *side as usize).product()
}
