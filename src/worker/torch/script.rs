//! TorchScript files as models: loaded and applied.
//!
//! A file is a program of TorchScript: its operations are libtorch's own, and objects of Python are never unpacked.

use std::cell::Cell;
use std::io::Read;
use std::path::Path;

use perftune::event::{ScriptHolds, ScriptSpec};
use tch::nn::ModuleT;
use tch::{Device, Kind, Tensor};

use super::facts;
use super::failure::Failure;
use super::models::{Model, Network};
use super::parameters::{Parameters, Size};
use super::shim::{self, NoScript, ScriptTensors, Unapplied};

/// What every zip archive begins with, as the files of `torch.jit.save` and `torch.save` are.
const ZIP: [u8; 2] = *b"PK";

/// The first byte of a pickle of Python of protocol 2 or newer.
const PICKLE: u8 = 0x80;

/// A model that is a file.
#[derive(Debug)]
pub(super) struct Script {
    module: shim::Script,
    /// The shape of a sample, where that is not the data set's.
    input: Option<Vec<i64>>,
    /// Whether it is switched to training.
    trains: Cell<Option<bool>>,
    device: Device,
}

impl Script {
    pub(super) fn load(spec: &ScriptSpec, device: Device) -> Result<Self, Failure> {
        let input = spec.input.as_ref();
        let input = input.map(|sides| sides.iter().map(|side| i64::from(*side)).collect());
        Ok(Self { module: load(&spec.path, device)?, input, trains: Cell::new(None), device })
    }

    /// Samples in the shape that it takes, where that is another.
    fn shaped(&self, xs: &Tensor) -> Result<Option<Tensor>, Failure> {
        let Some(input) = &self.input else { return Ok(None) };
        let samples = xs.size().first().copied().unwrap_or(0);
        let shape: Vec<i64> = std::iter::once(samples).chain(input.iter().copied()).collect();
        Ok(Some(xs.f_reshape(shape.as_slice())?))
    }

    pub(super) fn apply(&self, xs: &Tensor, train: bool) -> Result<shim::Applied, Failure> {
        if self.trains.get() != Some(train) {
            if !self.module.set_mode(train) {
                let mode = if train { "training" } else { "evaluation" };
                return Err(Failure::Model(format!("it cannot be switched to {mode}")));
            }
            self.trains.set(Some(train));
        }
        let shaped = self.shaped(xs)?;
        let samples = shaped.as_ref().unwrap_or(xs);
        self.module.apply(samples).map_err(|why| {
            Failure::Model(match why {
                Unapplied::Failed(why) => {
                    format!("it fails on samples of shape {:?}: {why}", &samples.size()[1..])
                }
                Unapplied::Type(kind) => {
                    format!("its result is a {kind}: it must be a tensor, or tensors of which the first is taken")
                }
            })
        })
    }
}

/// N samples in, N rows out, whatever the shape of a sample's result.
impl ModuleT for Script {
    fn forward_t(&self, xs: &Tensor, train: bool) -> Tensor {
        // An error becomes that of the job, as those of libtorch's other bindings that return none.
        let output = self.apply(xs, train).unwrap_or_else(|why| panic!("{why}")).output;
        match output.dim() {
            2 => output,
            _ => output.reshape([output.size().first().copied().unwrap_or(1), -1]),
        }
    }
}

/// Its layers are known to nobody.
impl Network for Script {
    fn flops(&self, _sample: [i64; 3]) -> Option<i64> {
        None
    }

    fn counted_flops(&self, [channels, height, width]: [i64; 3]) -> Option<i64> {
        let shape = [1, channels, height, width];
        let sample = Tensor::f_zeros(shape, (Kind::Float, self.device)).ok()?;
        let sample = self.shaped(&sample).ok()?.unwrap_or(sample);
        // As it is served.
        let evaluates = self.module.set_mode(false);
        self.trains.set(evaluates.then_some(false));
        tch::no_grad(|| self.module.flops(&sample)).filter(|_| evaluates)
    }
}

/// The module in a file, or why there is none.
fn load(path: &Path, device: Device) -> Result<shim::Script, Failure> {
    let of_python = "it holds objects of Python, as torch.save writes them, and these are never unpacked: \
                     write it with torch.jit.script(model).save(...)";
    let wrong = |why: String| Err(Failure::Model(why));
    let mut first = [0; 2];
    let mut file = fs_err::File::open(path).map_err(|error| Failure::Model(error.to_string()))?;
    match file.read(&mut first) {
        Err(error) => return wrong(error.to_string()),
        Ok(2) if first == ZIP => {}
        Ok(1..) if first[0] == PICKLE => return wrong(of_python.to_owned()),
        Ok(0) => return wrong("it is empty".to_owned()),
        Ok(_) => return wrong("it is not a file of TorchScript".to_owned()),
    }
    shim::Script::load(path, device).or_else(|why| {
        let own = facts::libtorch();
        wrong(match why {
            NoScript::Archive(why) => {
                format!("its archive cannot be read by libtorch {own}; it is cut short or damaged, or a newer one wrote it: {why}")
            }
            NoScript::Pickle => of_python.to_owned(),
            NoScript::Other => "it is an archive of something else than TorchScript".to_owned(),
            NoScript::Module(why) => format!("libtorch {own} cannot load it: {why}"),
        })
    })
}

/// Its tensors.
fn tensors(module: &shim::Script) -> Result<ScriptTensors, Failure> {
    let none = || Failure::Model("its parameters cannot be listed".to_owned());
    module.tensors().ok_or_else(none)
}

/// The model of a file and its weights; where nothing is trained they stay where they are.
pub(super) fn build(
    spec: &ScriptSpec,
    trains: bool,
    device: Device,
) -> Result<(Model, Parameters), Failure> {
    let script = Script::load(spec, device)?;
    let ScriptTensors { parameters, buffers } = tensors(&script.module)?;
    let size = Size::of(&parameters, &buffers);
    let leaves: Vec<Tensor> =
        parameters.into_iter().filter(|tensor| trains && tensor.requires_grad()).collect();
    if let Some(other) = leaves.iter().find(|leaf| leaf.kind() != Kind::Float) {
        return Err(Failure::Model(format!(
            "it has trainable parameters of type {:?}, and only 32-bit floats are trained: \
             `epochs = 0` serves it as it is",
            other.kind()
        )));
    }
    let parameters = Parameters::new(leaves, buffers, size, device)?;
    Ok((Box::new(script), parameters))
}

/// What is in a file.
pub(super) fn holds(path: &Path) -> Result<ScriptHolds, Failure> {
    let ScriptTensors { parameters, .. } = tensors(&load(path, Device::Cpu)?)?;
    let count = |tensors: &mut dyn Iterator<Item = &Tensor>| {
        tensors.map(|tensor| tensor.numel() as u64).sum::<u64>()
    };
    Ok(ScriptHolds {
        parameters: count(&mut parameters.iter()),
        trainable: count(&mut parameters.iter().filter(|tensor| tensor.requires_grad())),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn spec(name: &str) -> ScriptSpec {
        let nets = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/nets");
        ScriptSpec { path: nets.join(name), ..ScriptSpec::default() }
    }

    fn samples() -> Tensor {
        Tensor::ones([6, 1, 8, 8], (Kind::Float, Device::Cpu))
    }

    #[test]
    fn training_drops_out_and_moves_means_and_a_snapshot_brings_both_back() {
        let (model, mut parameters) = build(&spec("residual.pt"), true, Device::Cpu).unwrap();
        let served = || tch::no_grad(|| model.forward_t(&samples(), false));
        let before = served();
        assert_eq!(before, served(), "evaluation draws nothing");
        let saved = parameters.snapshot().unwrap();
        let trained = || model.forward_t(&samples(), true);
        assert_ne!(trained(), trained(), "training drops out");
        assert_ne!(before, served(), "the means of the norms have moved");
        let _ = parameters.flat.f_fill_(0.5).unwrap();
        parameters.restore(&saved).unwrap();
        assert_eq!(before, served());
    }

    #[test]
    fn operations_are_counted_while_it_is_applied() {
        let flops = |name: &str, sample| {
            let (model, _) = build(&spec(name), false, Device::Cpu).unwrap();
            // Compiled anew in the first calls.
            let counts = [0; 4].map(|_| model.counted_flops(sample));
            assert!(counts.iter().all(|count| *count == counts[0]), "{name}: {counts:?}");
            counts[0]
        };
        let image = [1, 8, 8];
        assert_eq!(flops("mlp.pt", image), Some(2 * (64 * 16 + 160)));
        let convolutions = 64 * (9 * 8 + 9 * 64);
        assert_eq!(flops("residual.pt", image), Some(2 * (convolutions + 1280)));
        assert_eq!(flops("fixed.pt", image), Some(0), "products of pairs of values are none");
        assert_eq!(flops("mlp.pt", [1, 9, 9]), None, "it does not take that");
    }

    #[test]
    fn each_parameter_is_counted_once_and_one_without_use_has_no_gradient() {
        let (model, parameters) = build(&spec("mlp.pt"), true, Device::Cpu).unwrap();
        let count = 64 * 16 + 16 + 160 + 10 + 3;
        assert_eq!(parameters.size(), Size { parameters: count, bytes: 4 * count });
        let holds = holds(&spec("mlp.pt").path).unwrap();
        assert_eq!((holds.parameters, holds.trainable), (1213, 1213));
        let gradient = parameters.flat.f_full_like(7.0).unwrap();
        let result = model.forward_t(&samples(), true).sum(Kind::Float);
        parameters.gradient(&result, &gradient).unwrap();
        assert_eq!(gradient.eq(7.0).any().int64_value(&[]), 0, "all of it was written");
        let (_, fixed) = build(&spec("fixed.pt"), false, Device::Cpu).unwrap();
        assert_eq!(fixed.size(), Size::default());
    }
}
