//! `report.html`: made by every run, made again from the folder, and the same bytes each time.

use std::fs;

use perftune::dataset::sha256;

use crate::support::Lab;

/// In virtual time: a step takes 1 ms, a request of one 100 us, one of 32 5.7 times that.
const GRID: &str = r#"
name = "t"
repeat = 1
[worker]
program = "scripted"
options = { steps_per_epoch = 50, peak_bytes = 67108864 }
[grid]
model = ["one", "two"]
dataset = "made-up"
batch_size = [16, 64]
[train]
epochs = 20
[serve]
batch_size = [1, 32]
max_time = "1s"
"#;

#[test]
fn the_page_is_written_printed_and_rebuilt_byte_for_byte() {
    let lab = Lab::new(GRID);
    let printed = lab.run(&["--full", "-q", "--format", "html"]).exits(0);
    let written = lab.text("report.html");
    assert_eq!(printed.stdout, written);
    fs::remove_file(lab.file("report.html")).unwrap();
    let again = lab.call(&["report", "results/t", "--format", "html"]).exits(0);
    assert_eq!(again.stdout, written);
    assert_eq!(lab.text("report.html"), written);
    // Whatever is printed, the page is written.
    fs::remove_file(lab.file("report.html")).unwrap();
    lab.call(&["report", "results/t"]).exits(0);
    assert_eq!(lab.text("report.html"), written);
    assert!(lab.files().iter().all(|file| !file.contains(".tmp")));
}

#[test]
fn the_page_shows_figures_plots_and_series_of_every_run() {
    let lab = Lab::new(&format!(
        "{GRID}[constraints]\n\"serve.latency_p99\" = \"<= 400us\"\n\"memory.peak\" = \"<= 1GiB\"\n"
    ));
    lab.run(&["--full", "-q"]).exits(0);
    let page = lab.text("report.html");
    assert!(page.starts_with("<!DOCTYPE html>\n<html lang=\"en\"><head>"));
    assert!(page.ends_with("</html>\n"));
    for says in [
        "<h1>t</h1>",
        "4 runs: 4 ok",
        "cores usable",
        "Limits: serve.latency_p99 &lt;= 400 us; memory.peak &lt;= 1.00 GiB",
        "serve.latency_p99 &lt;= 400 us is broken in serve[32]",
        "serve.latency_p99 of the worst request size",
    ] {
        assert!(page.contains(says), "{says}\n{page}");
    }
    for (number, run) in
        (1..).zip(["one-made-up-b16", "one-made-up-b64", "two-made-up-b16", "two-made-up-b64"])
    {
        let details = page.split(&format!("<details id=\"run-{number}\"")).nth(1).unwrap();
        let details = details.split("</details>").next().unwrap();
        assert!(details.contains(&format!("<b>{number} {run}</b>")), "{details}");
        assert!(details.contains("<svg ") && details.contains("throughput, k/s"), "{details}");
        assert!(details.len() < 20_000, "{}", details.len());
    }
    for foreign in ["http:", "https:", "src="] {
        assert!(!page.contains(foreign), "{foreign}");
    }
}

/// A browser runs the one script that the policy names by its sum, and no other.
#[test]
fn the_policy_names_the_script() {
    let lab = Lab::new(GRID);
    let page = lab.run(&["-q", "--format", "html"]).stdout;
    let [_, after] = page.split("<script>").collect::<Vec<_>>()[..] else { panic!("{page}") };
    let script = lab.path("page.js");
    fs::write(&script, after.split("</script>").next().unwrap()).unwrap();
    let hex = sha256(&script).unwrap();
    let bits = hex
        .chars()
        .fold(String::new(), |bits, digit| format!("{bits}{:04b}", digit.to_digit(16).unwrap()));
    let letters: Vec<char> =
        ('A'..='Z').chain('a'..='z').chain('0'..='9').chain("+/".chars()).collect();
    // 256 bits are 43 letters of six, the last with two zeros behind it.
    let letter = |six: &[u8]| {
        let six = format!("{:0<6}", str::from_utf8(six).unwrap());
        letters[usize::from_str_radix(&six, 2).unwrap()]
    };
    let sum: String = bits.as_bytes().chunks(6).map(letter).collect();
    assert!(page.contains(&format!("script-src &#39;sha256-{sum}=&#39;")), "sha256-{sum}=\n{page}");
}

#[test]
fn names_and_messages_of_users_stay_text() {
    let lab = Lab::new(&GRID.replace("\"one\"", "\"<b>&'\""));
    let page = lab.run(&["-q", "--format", "html"]).exits(0).stdout;
    assert!(page.contains("&lt;b&gt;&amp;&#39;"), "{page}");
    assert!(!page.contains("<b>&"), "{page}");
}

#[test]
fn a_failed_run_and_a_damaged_log_have_their_place_on_the_page() {
    let fault = "fault = { kind = \"exit\", phase = \"train\", batch_size = 16 }, peak_bytes";
    let lab = Lab::new(&GRID.replace("peak_bytes", fault));
    lab.run(&["--full", "-q"]).exits(3);
    let page = lab.text("report.html");
    assert!(page.contains("<li class=\"failed\"><b>2</b> failed</li>"), "{page}");
    assert!(page.contains("exited with status 7") || page.contains("crashed in train"), "{page}");
    assert!(
        page.contains(
            "not shown, since it failed or was cancelled: one-made-up-b16, two-made-up-b16"
        )
    );
    // The record is at the end of the log; what is damaged in the middle costs the series alone.
    let log = lab.file("runs/one-made-up-b64/events.jsonl");
    let text = fs::read_to_string(&log).unwrap();
    let mut lines: Vec<&str> = text.lines().collect();
    lines[2] = "{\"kind\":\"what\"}";
    fs::write(&log, lines.join("\n") + "\n").unwrap();
    lab.call(&["report", "results/t"]).exits(0);
    let page = lab.text("report.html");
    assert!(page.contains("no time series: ") && page.contains("damaged at line 3"), "{page}");
}

#[test]
fn a_large_grid_leaves_the_series_out_and_says_so() {
    let sizes: Vec<String> = (1..=51).map(|size| size.to_string()).collect();
    let grid = GRID
        .replace("[\"one\", \"two\"]", "\"one\"")
        .replace("[16, 64]", &format!("[{}]", sizes.join(",")))
        .replace("epochs = 20", "epochs = 1");
    let lab = Lab::new(&grid);
    lab.run(&["--full", "-q", "--set", "serve.max_time=0.1s"]).exits(0);
    let page = lab.text("report.html");
    assert!(page.contains("The time series of 51 runs would make this page too large"), "{page}");
    assert!(!page.contains("<details"));
}

#[test]
fn a_plan_is_no_page() {
    let lab = Lab::new(GRID);
    let shown = lab.run(&["--dry-run", "--format", "html"]).exits(2);
    assert!(shown.stderr.contains("choose table, json or csv"), "{}", shown.stderr);
}
