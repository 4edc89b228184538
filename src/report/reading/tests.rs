use proptest::prelude::*;

use super::*;
use crate::event::{Note, RunRecord};
use crate::report::csv::metrics_csv;
use crate::report::fixtures::completed;

fn read(text: &str) -> Result<Vec<GateRun>, String> {
    read_figures(Path::new("m.csv"), text.as_bytes()).map_err(|error| error.to_string())
}

fn records() -> Vec<RunRecord> {
    let mut second = completed();
    second.run += "-r2";
    second.repeat = 2;
    vec![completed(), second]
}

fn metrics(records: &[RunRecord]) -> String {
    let mut bytes = Vec::new();
    metrics_csv(&mut bytes, records).unwrap();
    String::from_utf8(bytes).unwrap()
}

fn long() -> String {
    metrics(&records())
}

#[test]
fn the_long_form_reads_back_to_what_was_recorded() {
    let found = read(&long()).unwrap();
    for (run, record) in found.iter().zip(records()) {
        assert_eq!((&run.run, &run.cell), (&record.run, &record.cell));
        assert_eq!(run.repeat, record.repeat);
        assert_eq!(run.figures.len(), record.metrics.len());
        for (figure, row) in run.figures.iter().zip(&record.metrics) {
            assert_eq!((&*figure.phase, &*figure.metric), (&*row.phase, &*row.metric));
            assert_eq!(figure.value, row.estimate);
            assert_eq!(figure.samples, Some(row.samples));
            assert_eq!(figure.unit, row.unit.to_string());
        }
    }
    assert_eq!(found.len(), 2);
}

#[test]
fn whose_a_figure_is_stands_in_a_column_of_its_own() {
    let mut record = completed();
    record.metrics[0].notes = vec![Note::SaidByWorker];
    let text = metrics(&[record]);
    let figures = |text: &str| read(text).unwrap().remove(0).figures;
    let of_worker: Vec<bool> = figures(&text).iter().map(|figure| figure.of_worker).collect();
    assert!(of_worker[0] && !of_worker[1..].contains(&true), "{of_worker:?}");
    // What is said in words beside it decides nothing.
    let silent = text.replacen("reported by the program, not measured", "", 1);
    assert!(silent != text && figures(&silent)[0].of_worker);
    let other = text.replacen(",worker\n", ",user\n", 1);
    refused(&other, "m.csv:2: said_by: `user` is not `worker`, or nothing");
}

/// The file as it was before it had the columns of the run.
#[test]
fn cell_and_repeat_are_known_by_the_name_of_the_run() {
    let text = "run,phase,metric,unit,estimate\na,run,memory.peak,bytes,1\na-r2,run,memory.peak,bytes,2\n\
                b-r10,run,memory.peak,bytes,3\nc-r01,run,memory.peak,bytes,3\n";
    let found = read(text).unwrap();
    let names = found.iter().map(|run| (run.cell.as_str(), run.repeat, run.status));
    let names: Vec<_> = names.collect();
    let expected = [("a", 1, None), ("a", 2, None), ("b", 10, None), ("c-r01", 1, None)];
    assert_eq!(names, expected);
}

const HEADER: &str = "run,phase,metric,unit,estimate,samples,cell,repeat,status\n";
const ROW: &str = "a,train,cpu.time,s,1.5,20,a,1,completed\n";

#[track_caller]
fn refused(text: &str, says: &str) {
    let error = read(text).unwrap_err();
    assert!(error.contains(says), "{says}: {error}");
}

#[test]
fn a_file_that_is_not_whole_or_is_another_is_refused() {
    for (text, says) in [
        ("", "m.csv:1: the file is empty"),
        ("\n  \n", "m.csv:1: the file is empty"),
        (HEADER, "m.csv:1: the file has a header and no rows"),
        ("run,phase,metric,unit\na,b,c,d\n", "it has no estimate"),
        ("run;phase;metric\n1;2;3\n", "parted by commas"),
        (
            "run,wall_s\na,3\n",
            "a report.csv has only the main figures; name the metrics.csv beside it",
        ),
        ("cell,runs_measured\na,3\n", "a summary.csv holds means"),
        ("run,run\na,b\n", "the column run is there twice"),
        ("a\nb\n", "needed are run, phase, metric, unit, estimate"),
    ] {
        refused(text, says);
    }
    for (last, says) in [
        ("a,train,io.read,bytes,1", "m.csv:3: the last line has no"),
        ("a,train,io.read\n", "m.csv:3: the line has 3 cells and"),
        ("a,b,c,s,1,1,a,1,,\n", "m.csv:3: the line has 10 cells"),
    ] {
        refused(&format!("{HEADER}{ROW}{last}"), says);
    }
    let bytes = [HEADER.as_bytes(), ROW.as_bytes(), b"a,\xff\n"].concat();
    let error = read_figures(Path::new("m.csv"), &bytes).unwrap_err();
    let error = error.to_string();
    assert!(error.starts_with("m.csv:3: not UTF-8"), "{error}");
}

#[test]
fn a_row_that_says_nothing_or_contradicts_another_is_said_with_its_line() {
    for (cells, says) in [
        ("a,train,io.read,bytes,fast,1,a,1,completed", "m.csv:3: estimate: `fast` is not a number"),
        ("a,b,c,s,\"1,5\",1,a,1,completed", "`1,5` is not a number"),
        ("a,b,c,s,1,1.5,a,1,completed", "samples: `1.5` is not a"),
        ("a,b,c,s,1,1,a,1,done", "`done` is not one of completed,"),
        (",b,c,s,1,1,a,1,completed", "m.csv:3: run: `` is not a name"),
        ("a,,c,s,1,1,a,1,completed", "phase: `` is not a name"),
        ("a,b,,s,1,1,a,1,completed", "metric: `` is not a name"),
        ("a,b,c,,1,1,a,1,completed", "unit: `` is not a name"),
        (
            "\n\na,train,cpu.time,s,2,1,a,1,completed",
            "m.csv:5: cpu.time of train in run a is on line 2",
        ),
        ("a,b,c,s,1,1,b,1,completed", "the cell of run a is `b` here and `a` before"),
        ("a,b,c,s,1,1,a,2,completed", "repeat of run a is `2` here"),
        ("a,b,c,s,1,1,a,1,failed", "status of run a is `failed` here"),
    ] {
        let text = format!("{HEADER}{ROW}{cells}\n");
        refused(&text, says);
        refused(&text.replace('\n', "\r\n"), says);
    }
}

#[test]
fn spreadsheets_may_have_saved_it() {
    for text in [format!("\u{feff}{}", long()), long().replace('\n', "\r\n")] {
        assert_eq!(read(&text).unwrap(), read(&long()).unwrap());
    }
}

proptest! {
    /// Cut anywhere but at the end of a line, a file is refused: what is left never passes for the whole.
    #[test]
    fn a_file_that_is_cut_off_is_refused(share in 0.0_f64..1.0) {
        let text = long();
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a share of a length")]
        let at = (text.len() as f64 * share) as usize;
        let cut = &text[..at];
        prop_assume!(text.is_char_boundary(at) && !cut.ends_with('\n'));
        prop_assert!(read(cut).is_err(), "{}", cut);
    }

    #[test]
    fn no_bytes_are_too_strange(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        let _ = read_figures(Path::new("m.csv"), &bytes);
    }
}
