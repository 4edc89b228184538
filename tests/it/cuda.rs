//! What a machine says whose CUDA lacks something, with a driver that is built here (`tests/stand_in_cuda`): so the answers are
//! the same on machines with a real one.

use std::path::{Path, PathBuf};
use std::process::Command;

use perftune::event::{DEVICE_PCI, DEVICE_UUID, WorkerEvent};
use tempfile::TempDir;

use crate::native_worker::{Worker, job};
use crate::support::{Lab, Shown};

/// A folder with a `libcuda.so.1`, and what it is told.
struct Driver {
    folder: TempDir,
    told: Vec<(&'static str, String)>,
}

impl Driver {
    fn built(flags: &[&str]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/stand_in_cuda/driver.c");
        let compiler = std::env::var_os("CC").unwrap_or_else(|| "cc".into());
        let status = Command::new(compiler)
            .args(["-shared", "-fPIC", "-Wl,-soname,libcuda.so.1", "-o"])
            .arg(folder.path().join("libcuda.so.1"))
            .args(flags)
            .arg(source)
            .status()
            .unwrap();
        assert!(status.success());
        Self { folder, told: Vec::new() }
    }

    fn told(mut self, name: &'static str, value: i32) -> Self {
        self.told.push((name, value.to_string()));
        self
    }

    /// The environment in which it is the driver.
    fn environment(&self) -> Vec<(&'static str, String)> {
        let own: PathBuf = self.folder.path().into();
        let others = std::env::var_os("LD_LIBRARY_PATH").unwrap_or_default();
        let paths = [own].into_iter().chain(std::env::split_paths(&others));
        let paths = std::env::join_paths(paths).unwrap();
        let mut environment = self.told.clone();
        environment.push(("LD_LIBRARY_PATH", paths.into_string().unwrap()));
        environment
    }

    /// What `perftune run` makes of a grid with this device, which cannot be used: an exit code of 2 and not one file.
    #[track_caller]
    fn refused(&self, device: &str) -> String {
        let lab = lab(device);
        let mut command = lab.perftune(&["run", "grid.toml"]);
        command.envs(self.environment());
        let shown = Shown::of(command.output().unwrap()).exits(2);
        assert_eq!(lab.files(), ["grid.toml"], "{}", shown.stderr);
        assert!(shown.stdout.is_empty(), "{}", shown.stdout);
        shown.stderr
    }

    /// The facts of a worker's first message.
    fn facts(&self, device: &str) -> Vec<Option<String>> {
        let mut spec = job("mlp", 1);
        device.clone_into(&mut spec.device);
        let (events, _) = Worker::start_in(&spec, &self.environment()).listen(|_| None);
        let Some(WorkerEvent::Hello(hello)) = events.first() else {
            panic!("{events:?}");
        };
        let names = [DEVICE_UUID, DEVICE_PCI, "device_name", "cuda_driver"];
        names.map(|name| hello.facts.get(name).cloned()).into()
    }
}

fn lab(device: &str) -> Lab {
    let digits = Path::new(env!("CARGO_MANIFEST_DIR")).join("datasets/digits");
    let digits = digits.to_str().unwrap();
    // A cell that could run is among them: it does not run either.
    Lab::new(&format!(
        "name = \"t\"\nrepeat = 1\n[grid]\nmodel = \"mlp\"\ndataset = {digits:?}\ndevice = [\"cpu\", {device:?}]\n\
         [train]\nepochs = 1\n[serve]\nenabled = false\n"
    ))
}

#[test]
fn a_driver_that_does_not_start_says_why_before_anything_runs() {
    for (code, says) in [
        (100, "no device: the driver finds none (CUDA_VISIBLE_DEVICES"),
        (101, "CUDA_VISIBLE_DEVICES names a device that is not there"),
        (304, "are /dev/nvidia0 and /dev/nvidiactl there"),
        (803, "of different versions: restart after an update"),
        (804, "it is too old"),
        (36, "it is too old for this CUDA: update it (cuInit says 36)"),
        (999, "(cuInit says 999); it is a driver for CUDA 12.8"),
    ] {
        let driver = Driver::built(&[])
            .told("STAND_IN_CUDA_INIT", code)
            .told("STAND_IN_CUDA_VERSION", 12080);
        let said = driver.refused("cuda");
        assert!(said.starts_with("error: device `cuda` cannot be used: "), "{said}");
        assert!(said.contains(says), "{code}: {said}");
        let kind =
            if code == 100 { "no device: " } else { "no driver: the driver does not start: " };
        assert!(said.contains(kind), "{code}: {said}");
        assert!(said.contains("hint: `perftune doctor` tells"), "{said}");
    }
}

#[test]
fn a_device_that_is_not_among_those_of_the_driver_is_refused_with_their_number() {
    let driver = Driver::built(&[]);
    let said = driver.refused("cuda:7");
    let expected = "no such device: the driver shows 2 (cuda:0 to cuda:1)";
    assert!(said.contains("device `cuda:7` cannot be used: "), "{said}");
    assert!(said.contains(expected), "{said}");
    let said = driver.told("STAND_IN_CUDA_DEVICES", 0).refused("cuda:0");
    assert!(said.contains("no device: the driver finds none ("), "{said}");
}

#[test]
fn a_library_that_is_no_driver_is_none() {
    let broken = Driver::built(&[]);
    std::fs::write(broken.folder.path().join("libcuda.so.1"), "no library").unwrap();
    let said = broken.refused("cuda");
    assert!(said.contains("no driver: libcuda.so.1 cannot be loaded ("), "{said}");
    assert!(said.contains("install NVIDIA's driver"), "{said}");
    let said = Driver::built(&["-DEMPTY"]).refused("cuda");
    assert!(said.contains("libcuda.so.1 has no `cuInit`: is it NVIDIA's?"), "{said}");
}

/// A driver that answers is not enough: libtorch's part may be missing, as it is until `make setup CUDA=1`, or it finds that
/// this driver drives nothing.
#[test]
fn a_driver_alone_is_not_enough() {
    let said = Driver::built(&[]).refused("cuda:1");
    let library =
        said.contains("no library: libtorch_cuda.so ") && said.contains("make setup CUDA=1");
    let unusable = said.contains("no device: libtorch can use 0 of those that the driver shows");
    assert!(library || unusable, "{said}");
    assert!(!said.contains("no driver"), "{said}");
}

#[test]
fn a_device_that_cannot_be_a_device_is_a_mistake_in_the_grid() {
    for device in ["cuda:x", "cuda:-1", "cuda:256", "gpu"] {
        let lab = lab(device);
        let said = lab.run(&[]).exits(2).stderr;
        assert!(
            said.contains("`device` must be one of cpu, cuda, cuda:N (N from 0 to 255), mps"),
            "{said}"
        );
        assert_eq!(lab.files(), ["grid.toml"]);
    }
}

#[test]
fn a_worker_says_which_device_it_is_on_by_what_does_not_change() {
    let some = |text: &str| Some(text.to_owned());
    let driver = Driver::built(&[]);
    for (device, expected) in [
        (
            "cuda:1",
            vec![
                some("GPU-10111213-1415-1617-1819-1a1b1c1d1e1f"),
                some("0000:a1:00.0"),
                some("Stand-In 1"),
                some("13.0"),
            ],
        ),
        // Beyond the last: only what needs no device.
        ("cuda:2", vec![None, None, None, some("13.0")]),
        ("cpu", vec![None; 4]),
    ] {
        assert_eq!(driver.facts(device), expected, "{device}");
    }
    let parts = driver.told("STAND_IN_CUDA_MIG", 1).facts("cuda");
    assert_eq!(parts[0], some("MIG-abababab-abab-abab-0809-0a0b0c0d0e0f"));
    assert_eq!(parts[2], some("Stand-In 0 MIG 1g.5gb"));
    // What the driver cannot tell is left out.
    assert_eq!(Driver::built(&["-DBARE"]).facts("cuda"), vec![None; 4]);
}
