//! What a job would do with a TorchScript file, tried before anything is run.

use perftune::event::{JobSpec, ScriptGives};
use tch::nn::ModuleT;
use tch::{Kind, Reduction, Tensor};

use super::device;
use super::failure::Failure;
use super::parameters::Parameters;
use super::script::Script;
use super::session;
use super::size::signed;

/// Tries what the job would do with the file: requests of each size, and a step of training.
pub(super) fn check(job: &str) -> Result<ScriptGives, Failure> {
    let job: JobSpec = serde_json::from_str(job)
        .map_err(|error| Failure::Job(format!("this is no job: {error}")))?;
    let Some(spec) = &job.model.script else {
        return Err(Failure::Job("its model is no file".to_owned()));
    };
    session::prepare(&job);
    let device = device::open(&job.device)?;
    let set = session::data_of(&job)?;
    let manifest = set.manifest();
    let [channels, height, width] = manifest.shape.map(i64::from);
    let samples =
        |size: i64| Tensor::f_rand([size, channels, height, width], (Kind::Float, device));
    let serve = job.serve.iter().flat_map(|serve| &serve.batch_sizes);
    let mut sizes: Vec<i64> = serve.map(|size| i64::from(*size)).collect();
    let rows = manifest.train_rows - job.train.validation_rows(manifest.train_rows);
    let batch = i64::from(job.train.batch_size);
    let rest = i64::try_from(rows).unwrap_or(i64::MAX) % batch.max(1);
    let steps: Vec<i64> = [batch, rest].into_iter().filter(|size| *size > 0).collect();
    if job.train.epochs > 0 {
        sizes.extend(&steps);
    }
    let script = Script::load(spec, device)?;
    let mut results = 1;
    for size in sizes {
        let applied = tch::no_grad(|| script.apply(&samples(size)?, false))?;
        fits(&applied.output, size, &job, manifest.classes)?;
        results = applied.results;
    }
    drop(script);
    if job.train.epochs > 0 {
        let (model, parameters) = session::build(&job, manifest, device)?;
        let gradient = parameters.flat.f_zeros_like()?;
        for size in steps {
            let labels = Tensor::f_zeros([size], (Kind::Int64, device))?;
            step(model.as_ref(), &parameters, (&samples(size)?, &labels), &gradient)?;
        }
    }
    Ok(ScriptGives { results })
}

/// Whether a result of so many samples is one that the job can use.
fn fits(output: &Tensor, samples: i64, job: &JobSpec, classes: u32) -> Result<(), Failure> {
    let shape = output.size();
    if shape.first() != Some(&samples) || output.numel() == 0 {
        return Err(Failure::Model(format!(
            "its result for {samples} samples has the shape {shape:?}: the first side must be the number of samples"
        )));
    }
    let each = signed(output.numel()) / samples;
    if job.train.epochs > 0 && (shape.len() != 2 || each != i64::from(classes)) {
        return Err(Failure::Model(format!(
            "its result for {samples} samples has the shape {shape:?}, and to be trained on {} it must be \
             [{samples}, {classes}], a number for each class; `epochs = 0` serves it only",
            job.dataset
        )));
    }
    Ok(())
}

/// One step without its update.
fn step(
    model: &dyn ModuleT,
    parameters: &Parameters,
    (samples, labels): (&Tensor, &Tensor),
    gradient: &Tensor,
) -> Result<(), Failure> {
    let loss = model.forward_t(samples, true).f_log_softmax(1, Kind::Float)?.f_nll_loss::<Tensor>(
        labels,
        None,
        Reduction::Mean,
        -100,
    )?;
    if !loss.requires_grad() {
        let why = "its result does not depend on a parameter that requires gradients, so it cannot be trained";
        return Err(Failure::Model(format!("{why}: `epochs = 0` serves it only")));
    }
    parameters.gradient(&loss, gradient)
}
