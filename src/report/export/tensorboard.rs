//! Event files of `TensorBoard`: records of protocol buffers, each with its checksums.
//!
//! The fields are those of `event.proto`, `summary.proto` and, of the hparams plugin, `plugin_data.proto` and `api.proto`.
//! A figure is a scalar of single precision, since the loader that it comes with reads no other one, and the ends of
//! its interval are scalars beside it.

use super::protobuf::Message;
use super::{Handed, Point, Times, settings};
use crate::event::{AxisDef, AxisValue, RunRecord, RunStatus};
use crate::metric::MetricDef;
use crate::report::distinct;
use crate::report::headline::Place;
use crate::report::lower_end::is_lower_end;

/// What the name of an event file must hold, and ours: the same each time, so that a file is replaced and never added to.
pub const FILE: &str = "events.out.tfevents.0.perftune";

/// Values of a setting that are offered.
const MOST_VALUES: usize = 100;

/// `DT_FLOAT`, `DATA_CLASS_SCALAR` and the types of hparams.
const FLOAT: u64 = 1;
const SCALAR: u64 = 1;
const STRING: u64 = 1;
const BOOL: u64 = 2;
const FLOAT64: u64 = 3;

/// What all files of a folder have in common: the settings that differ between its runs.
pub struct Board<'a> {
    of: &'a Handed<'a>,
    axes: Vec<AxisDef>,
}

impl<'a> Board<'a> {
    /// Of these runs.
    pub fn new(of: &'a Handed<'a>) -> Self {
        let list = of.axes();
        Self { of, axes: of.varying(&list).into_iter().cloned().collect() }
    }

    /// The file of the folder itself: which settings there are, and which figures are shown beside them.
    pub fn experiment(&self) -> Vec<u8> {
        let of = self.of;
        let hparams = self.axes.iter().map(|def| hparam(def, of.records));
        let metrics = main_tags(of.records).into_iter().map(|tag| {
            let name = Message::default().text(2, &tag);
            Message::default().message(1, &name).text(3, &tag)
        });
        let began = of.times.values().map(|times| times.began_s).min_by(f64::total_cmp);
        let experiment = Message::default()
            .text(6, of.name)
            .double(3, began.unwrap_or_default())
            .messages(4, hparams)
            .messages(5, metrics);
        let began = began.unwrap_or_default();
        let mut file = EventFile::new(began);
        file.plugin("_hparams_/experiment", began, Message::default().message(2, &experiment));
        file.0
    }

    /// The file of a run: what it told by step, its figures, its settings.
    pub fn run(&self, record: &RunRecord, points: &[Point]) -> Vec<u8> {
        let Times { began_s, ended_s } =
            self.of.times.get(&record.run).copied().unwrap_or_default();
        let mut file = EventFile::new(began_s);
        let hparams = settings(&self.axes, record)
            .into_iter()
            .map(|(key, setting)| Message::default().text(1, &key).message(2, &value(&setting)));
        let start =
            Message::default().messages(1, hparams).text(4, &record.cell).double(5, began_s);
        file.plugin("_hparams_/session_start_info", began_s, Message::default().message(3, &start));
        for Point { name, step, after_s, value } in points {
            file.scalar(&format!("course/{name}"), *step, began_s + after_s, *value);
        }
        for row in record.metrics.iter().filter(|row| !is_lower_end(row)) {
            let tag = tag(&row.phase, &row.metric);
            let parts = [("", row.estimate), (" low", row.low), (" high", row.high)];
            for (part, value) in parts.into_iter().filter_map(|(part, value)| Some((part, value?)))
            {
                file.scalar(&format!("{tag}{part}"), u64::from(record.epochs), ended_s, value);
            }
        }
        let status = match record.status {
            RunStatus::Completed | RunStatus::Stopped => 1,
            RunStatus::Failed | RunStatus::Cancelled => 2,
        };
        let end = Message::default().whole(1, status).double(2, ended_s);
        file.plugin("_hparams_/session_end_info", ended_s, Message::default().message(4, &end));
        file.0
    }
}

/// A figure is found below its stage.
fn tag(phase: &str, metric: &str) -> String {
    format!("{phase}/{metric}")
}

/// The tags of the figures of `report.csv`.
fn main_tags(records: &[RunRecord]) -> Vec<String> {
    let of_run = |record: &RunRecord| {
        let rows = record.metrics.iter();
        let defs = rows.filter_map(|row| row.metric.def()).filter(|def| def.in_report);
        let shown = |def: &'static MetricDef| {
            let row = Place::of(def).row(record, def.id)?;
            Some(tag(&row.phase, &row.metric))
        };
        distinct(defs.filter_map(shown))
    };
    distinct(records.iter().flat_map(of_run))
}

/// A setting and its type; its values, unless there are too many to choose from.
fn hparam(def: &AxisDef, records: &[RunRecord]) -> Message {
    let values = || records.iter().map(|record| def.of(&record.job));
    let values = || values().filter(|value| *value != AxisValue::Unset);
    let kinds = distinct(values().map(|value| kind(&value)));
    let kind = if let [kind] = kinds[..] { kind } else { STRING };
    let info = Message::default().text(1, &def.key).text(2, &def.key).whole(4, kind);
    let mut few = Vec::new();
    for value in values() {
        if few.contains(&value) {
            continue;
        }
        if few.len() == MOST_VALUES {
            return info;
        }
        few.push(value);
    }
    info.message(5, &Message::default().messages(1, few.iter().map(value)))
}

const fn kind(value: &AxisValue) -> u64 {
    match value {
        AxisValue::Flag(_) => BOOL,
        AxisValue::Whole(_) | AxisValue::Number(_) => FLOAT64,
        AxisValue::Text(_) | AxisValue::Unset => STRING,
    }
}

/// A `google.protobuf.Value`.
fn value(value: &AxisValue) -> Message {
    match value {
        AxisValue::Flag(flag) => Message::default().whole(4, u64::from(*flag)),
        AxisValue::Whole(whole) => Message::default().double(2, *whole as f64),
        AxisValue::Number(number) => Message::default().double(2, *number),
        text => Message::default().text(3, &text.to_string()),
    }
}

/// An event file under way.
struct EventFile(Vec<u8>);

impl EventFile {
    fn new(at_s: f64) -> Self {
        let mut file = Self(Vec::new());
        file.record(&Message::default().double(1, at_s).text(3, "brain.Event:2").into_bytes());
        file
    }

    #[expect(clippy::cast_possible_truncation, reason = "single precision is what is read")]
    fn scalar(&mut self, tag: &str, step: u64, at_s: f64, value: f64) {
        let plugin = Message::default().text(1, "scalars");
        let metadata = Message::default().message(1, &plugin).whole(4, SCALAR);
        let scalar = Message::default();
        let tensor = Message::default().whole(1, FLOAT).message(2, &scalar).float(5, value as f32);
        self.value(tag, step, at_s, &metadata, &tensor);
    }

    /// What the hparams plugin is told.
    fn plugin(&mut self, tag: &str, at_s: f64, data: Message) {
        let plugin = Message::default().text(1, "hparams").bytes(2, &data.into_bytes());
        // Its tensor is an empty one of floats.
        let shape = Message::default().message(2, &Message::default());
        let tensor = Message::default().whole(1, FLOAT).message(2, &shape);
        self.value(tag, 0, at_s, &Message::default().message(1, &plugin), &tensor);
    }

    fn value(&mut self, tag: &str, step: u64, at_s: f64, metadata: &Message, tensor: &Message) {
        let value = Message::default().text(1, tag).message(9, metadata).message(8, tensor);
        let event = Message::default()
            .double(1, at_s)
            .whole(2, step)
            .message(5, &Message::default().message(1, &value));
        self.record(&event.into_bytes());
    }

    /// A record: its length and its bytes, each with a checksum.
    fn record(&mut self, bytes: &[u8]) {
        let length = (bytes.len() as u64).to_le_bytes();
        self.0.extend(length);
        self.0.extend(masked(&length).to_le_bytes());
        self.0.extend(bytes);
        self.0.extend(masked(bytes).to_le_bytes());
    }
}

/// The checksum as records have it: a sum of what holds sums is of little use.
fn masked(bytes: &[u8]) -> u32 {
    crc32c(bytes).rotate_right(15).wrapping_add(0xa282_ead8)
}

/// CRC-32C (Castagnoli), a byte at a time.
fn crc32c(bytes: &[u8]) -> u32 {
    const TABLE: [u32; 256] = {
        let mut table = [0; 256];
        let mut byte = 0_u32;
        while byte < 256 {
            let (mut sum, mut bit) = (byte, 0);
            while bit < 8 {
                sum = if sum & 1 == 1 { (sum >> 1) ^ 0x82f6_3b78 } else { sum >> 1 };
                bit += 1;
            }
            table[byte as usize] = sum;
            byte += 1;
        }
        table
    };
    let step = |sum: u32, byte: &u8| TABLE[((sum ^ u32::from(*byte)) & 0xff) as usize] ^ (sum >> 8);
    !bytes.iter().fold(!0, step)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::export::fixtures::{handed, points};

    #[test]
    fn sums_are_those_of_the_standard() {
        // RFC 3720, B.4.
        for (bytes, sum) in [
            (vec![0; 32], 0x8a91_36aa),
            (vec![0xff; 32], 0x62a8_ab43),
            ((0..32).collect(), 0x46dd_794e),
        ] {
            assert_eq!(crc32c(&bytes), sum);
        }
    }

    /// What an event file holds, as text: the bytes of numbers are those of the machine that reads them.
    fn hex(bytes: &[u8]) -> String {
        let lines = bytes.chunks(32).map(|line| {
            let codes: Vec<String> = line.iter().map(|byte| format!("{byte:02x}")).collect();
            let text = line.iter().map(|b| if b.is_ascii_graphic() { *b as char } else { '.' });
            format!("{:95}  {}\n", codes.join(" "), text.collect::<String>())
        });
        lines.collect()
    }

    #[test]
    fn files_are_as_promised() {
        let of = handed();
        insta::assert_snapshot!("tensorboard_experiment", hex(&Board::new(&of).experiment()));
        let mut short = of.records[0].clone();
        short.metrics.truncate(2);
        insta::assert_snapshot!("tensorboard_run", hex(&Board::new(&of).run(&short, &points())));
    }
}
