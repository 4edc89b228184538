//! One job from its first message to its last.

use perftune::clock::Clock;
use perftune::dataset::{Copies, DataSet, Manifest, Test};
use perftune::event::{
    DEVICE_MEMORY_PEAK, DEVICE_MEMORY_RESERVED_PEAK, EPOCH_SAMPLES, EpochReport, Finished, JobSpec,
    Num, PROTOCOL_VERSION, Phase, RandomData, SYNC_COST, ServeSpec, WorkerEvent,
};
use perftune::load::Pace;
use perftune::metric::MetricId;
use perftune::worker::link::Link;
use perftune::worker::serving::{self, Serving};
use tch::nn::ModuleT;
use tch::{Device, Tensor, nn};

use super::data::{self, Samples, Split, TrainingData};
use super::evaluate::{self, Evaluation, Score, evaluate};
use super::failure::Failure;
use super::models::{self, Input, Model};
use super::parameters::Parameters;
use super::serve::{Server, samples_of};
use super::train::{Trained, Trainer};
use super::{denormals, device, facts, precision, script, shim};

/// What has been loaded and built.
pub(super) struct TorchRun {
    set: DataSet,
    split: Split,
    /// Images to make requests of.
    requests: Tensor,
    pub(super) model: Model,
    pub(super) parameters: Parameters,
    device: Device,
}

/// Does the job: hello, load, warm-up, serve, load and warm-up of what is trained on, train with validation, test (of a model
/// that is trained), finished. Without serving there is one load and one warm-up.
pub(super) fn run<C: Pace + Clone>(link: &mut Link<C>, job: &JobSpec) -> Result<(), Failure> {
    let mode = prepare(job);
    link.send(WorkerEvent::Hello(facts::hello(job, mode)))?;
    check(job)?;
    link.phase(Phase::Load)?;
    let mut session = TorchRun::load(job)?;
    session.say_size(link)?;
    say(link, EPOCH_SAMPLES, session.split.trained_on() as f64)?;
    if let Some(serve) = &job.serve {
        session.warm_up_serving(serve, link)?;
        session.serve(serve, job.seed, link)?;
    }
    let data = session.prepare_training(job, link)?;
    let served_less = link.stop_requested();
    let epochs = match data {
        Some(mut data) => session.train(job, &mut data, link)?,
        None => 0,
    };
    // A stop that comes after the last epoch has ended nothing.
    let stopped = served_less || (link.training_over() && epochs < job.train.epochs);
    let again = job.serve.as_ref().filter(|serve| serve.confirm);
    if let Some(serve) = again.filter(|_| epochs > 0) {
        session.confirm(serve, job.seed, link)?;
    }
    // What a model half trained makes of the test data answers no question.
    let tested = link.is_tested(epochs, job.train.epochs) && job.random.is_none();
    let score = if tested { session.test(link)? } else { None };
    session.say_counted(link)?;
    // A process does one run, so what it has used since it began is the run's.
    if let Some(peaks) = shim::device_peaks(session.device) {
        say(link, DEVICE_MEMORY_PEAK, peaks.allocated as f64)?;
        say(link, DEVICE_MEMORY_RESERVED_PEAK, peaks.reserved as f64)?;
    }
    link.send(WorkerEvent::Finished(Finished {
        stopped,
        epochs,
        test_loss: score.map(|score| Num(score.loss)),
        test_accuracy: score.map(|score| Num(score.accuracy)),
        test_samples: score.map(|score| score.samples),
        usage: facts::usage(),
    }))?;
    Ok(())
}

/// A figure of the worker's own.
fn say<C: Clock>(link: &mut Link<C>, name: &str, value: f64) -> Result<(), Failure> {
    let (name, value) = (name.to_owned(), Num(value));
    Ok(link.send(WorkerEvent::Metric { name, value, samples: None })?)
}

/// Sets what must be set before libtorch starts a thread; returns the mode of subnormal numbers.
pub(super) fn prepare(job: &JobSpec) -> &'static str {
    // The threads inherit it.
    let mode = denormals::flush(job.flush_denormals);
    let threads = i32::try_from(job.threads.max(1)).unwrap_or(i32::MAX);
    tch::set_num_interop_threads(1);
    tch::set_num_threads(threads);
    mode
}

/// What no worker could obey. The command line has checked the same with better places; a hand-written job has not been.
fn check(job: &JobSpec) -> Result<(), Failure> {
    let train = &job.train;
    let wrong = if job.protocol != PROTOCOL_VERSION {
        format!("the job is of protocol {}, this worker speaks {PROTOCOL_VERSION}", job.protocol)
    } else if job.threads == 0 {
        "`threads` must be at least 1".to_owned()
    } else if train.batch_size == 0 {
        "`train.batch_size` must be at least 1".to_owned()
    } else if !(train.learning_rate.is_finite() && train.learning_rate >= 0.0) {
        format!("`train.learning_rate = {}` must be a number of at least 0", train.learning_rate)
    } else if !(train.weight_decay.is_finite() && train.weight_decay >= 0.0) {
        format!("`train.weight_decay = {}` must be a number of at least 0", train.weight_decay)
    } else if !(0.0..1.0).contains(&train.validation_share) {
        format!("`train.validation_share = {}` must be in 0..1", train.validation_share)
    } else if let Some(Err(error)) = job.serve.as_ref().map(serving::check) {
        error.to_string()
    } else {
        return Ok(());
    };
    Err(Failure::Job(wrong))
}

impl TorchRun {
    /// Builds the model, and reads what serving needs of the data.
    pub(super) fn load(job: &JobSpec) -> Result<Self, Failure> {
        let device = device::open(&job.device)?;
        let kept = Copies::of_user(|name| std::env::var_os(name));
        let set = data_of(job)?.kept_in(kept);
        set.verify()?;
        let manifest = set.manifest();
        let held_out = job.train.validation_rows(manifest.train_rows);
        let trained_on = manifest.train_rows - held_out;
        if u64::from(job.train.batch_size) > trained_on {
            return Err(Failure::Job(format!(
                "`train.batch_size = {}` is larger than the {trained_on} samples of {} that are trained on",
                job.train.batch_size, manifest.name
            )));
        }
        seed(job.seed);
        let (model, parameters) = build(job, manifest, device)?;
        let split = Split::new(manifest.train_rows, held_out, job.seed);
        let requests = match &job.serve {
            Some(serve) => data::requests(&set, &split, samples_of(&serve.batch_sizes))?,
            None => Tensor::new(),
        };
        Ok(Self { set, split, requests, model, parameters, device })
    }

    /// Reads what is trained on.
    pub(super) fn training_data(&self, job: &JobSpec) -> Result<TrainingData, Failure> {
        TrainingData::load(&self.set, &self.split, job.seed, self.device)
    }

    /// What the model is.
    fn say_size<C: Clock>(&self, link: &mut Link<C>) -> Result<(), Failure> {
        let size = self.parameters.size();
        say(link, MetricId::ModelParameters.name(), size.parameters as f64)?;
        say(link, MetricId::ModelBytes.name(), size.bytes as f64)?;
        match self.model.flops(self.set.manifest().shape.map(i64::from)) {
            Some(flops) => say(link, MetricId::ModelFlops.name(), flops as f64),
            None => Ok(()),
        }
    }

    /// What is counted by applying the model once more, after everything that is timed.
    fn say_counted<C: Clock>(&self, link: &mut Link<C>) -> Result<(), Failure> {
        match self.model.counted_flops(self.set.manifest().shape.map(i64::from)) {
            Some(flops) => say(link, MetricId::ModelFlops.name(), flops as f64),
            None => Ok(()),
        }
    }

    /// On an accelerator the first steps or requests load and set up libraries, for seconds: that is no step's time.
    fn least(&self) -> u32 {
        u32::from(self.device != Device::Cpu)
    }

    /// Requests that are not timed.
    fn warm_up_serving<C: Clock>(
        &self,
        serve: &ServeSpec,
        link: &mut Link<C>,
    ) -> Result<(), Failure> {
        link.phase(Phase::Warmup)?;
        let least = serve.warmup_requests.max(self.least());
        for (place, size) in serve.batch_sizes.iter().enumerate() {
            let mut server = self.server(*size)?;
            // The very first request finds nothing warm.
            let first = u32::from(place == 0).min(least);
            let start_ns = link.now_ns();
            server.rehearse(first, link)?;
            let took_s = link.now_ns().saturating_sub(start_ns) as f64 * 1e-9;
            if first > 0 && !link.stop_requested() {
                say(link, MetricId::ServeFirstLatency.name(), took_s)?;
            }
            server.rehearse(least - first, link)?;
        }
        self.say_sync_cost(link)
    }

    /// Reads the training data and warms up with it, as late as that may be; `None` where nothing is trained. After serving
    /// that is a load and a warm-up of their own: what was served is over when they begin.
    fn prepare_training<C: Clock>(
        &mut self,
        job: &JobSpec,
        link: &mut Link<C>,
    ) -> Result<Option<TrainingData>, Failure> {
        let serves = job.serve.is_some();
        if serves && (job.train.epochs == 0 || link.stop_requested()) {
            return Ok(None);
        }
        if serves {
            link.phase(Phase::Load)?;
        }
        let data = self.training_data(job)?;
        link.phase(Phase::Warmup)?;
        self.warm_up_training(job, &data, link)?;
        if !serves {
            self.say_sync_cost(link)?;
        }
        Ok(Some(data))
    }

    /// Steps whose traces are wiped: weights, buffers and libtorch's generator are as before.
    fn warm_up_training<C: Clock>(
        &mut self,
        job: &JobSpec,
        data: &TrainingData,
        link: &Link<C>,
    ) -> Result<(), Failure> {
        let steps = job.train.warmup_steps.max(self.least());
        let before = self.parameters.snapshot()?;
        let mut trainer = Trainer::new(&job.train, self.model.as_ref(), &mut self.parameters)?;
        trainer.rehearse(steps, data, link)?;
        drop(trainer);
        if job.train.epochs > 0 {
            evaluate::rehearse(self.model.as_ref(), &data.validation)?;
        }
        self.parameters.restore(&before)?;
        seed(job.seed);
        Ok(())
    }

    fn say_sync_cost<C: Clock>(&self, link: &mut Link<C>) -> Result<(), Failure> {
        match device::sync_cost(self.device, link.clock()) {
            Some(seconds) => say(link, SYNC_COST, seconds),
            None => Ok(()),
        }
    }

    fn server(&self, size: u32) -> Result<Server<'_>, Failure> {
        Server::new(self.model.as_ref(), &self.requests, size, self.device)
    }

    fn serve<C: Pace + Clone>(
        &self,
        serve: &ServeSpec,
        seed: u64,
        link: &mut Link<C>,
    ) -> Result<(), Failure> {
        for size in &serve.batch_sizes {
            if link.stop_requested() {
                break;
            }
            let serving = Serving { serve, size: *size, seed };
            serving.run(link, &mut self.server(*size)?)?;
        }
        Ok(())
    }

    /// Serves once more, on the trained weights: unless a stop came, the training went to its end. The requests before
    /// the first timed one are part of the phase, since training has used the caches in between.
    fn confirm<C: Pace + Clone>(
        &self,
        serve: &ServeSpec,
        seed: u64,
        link: &mut Link<C>,
    ) -> Result<(), Failure> {
        for size in &serve.batch_sizes {
            if link.stop_requested() {
                break;
            }
            link.phase(Phase::Confirm(*size))?;
            let mut server = self.server(*size)?;
            server.rehearse(serve.warmup_requests, link)?;
            let serving = Serving { serve, size: *size, seed };
            serving.confirm(link, &mut server)?;
        }
        Ok(())
    }

    /// Trains until the budget is used up or a stop comes; returns the epochs completed.
    fn train<C: Clock>(
        &mut self,
        job: &JobSpec,
        data: &mut TrainingData,
        link: &mut Link<C>,
    ) -> Result<u32, Failure> {
        let model = self.model.as_ref();
        let mut trainer = Trainer::new(&job.train, model, &mut self.parameters)?;
        for epoch in 1..=job.train.epochs {
            if link.training_over() {
                return Ok(epoch - 1);
            }
            link.phase(Phase::Train)?;
            let Some(done) = trainer.epoch(data, link)? else {
                return Ok(epoch - 1);
            };
            let Evaluation::Done(validation) = validate(model, data, link)? else {
                return Ok(epoch - 1);
            };
            link.send(WorkerEvent::Epoch(report(epoch, done, validation)))?;
        }
        Ok(job.train.epochs)
    }

    /// The one look at the test data, which is read only now.
    fn test<C: Clock>(&self, link: &mut Link<C>) -> Result<Option<Score>, Failure> {
        link.phase(Phase::Test)?;
        let samples = Samples::<Test>::load(&self.set, self.device)?;
        match evaluate(self.model.as_ref(), &samples, link, |_| false)? {
            Evaluation::Done(score) => Ok(score),
            Evaluation::Left => Ok(None),
        }
    }
}

/// The data set of a job.
pub(super) fn data_of(job: &JobSpec) -> Result<DataSet, Failure> {
    match job.random {
        Some(RandomData { shape, classes, samples }) => {
            Ok(DataSet::random(shape, classes, samples, job.seed))
        }
        None => Ok(DataSet::open(&job.dataset_dir)?),
    }
}

/// The model of a job, and its weights.
pub(super) fn build(
    job: &JobSpec,
    manifest: &Manifest,
    device: Device,
) -> Result<(Model, Parameters), Failure> {
    let (model, parameters) = if let Some(spec) = &job.model.script {
        script::build(spec, job.train.epochs > 0, device)?
    } else {
        let store = nn::VarStore::new(device);
        let (shape, classes) = (manifest.shape.map(i64::from), i64::from(manifest.classes));
        let model = models::build(&job.model, &store.root(), Input { shape, classes })?;
        (model, Parameters::flatten(&store)?)
    };
    Ok((precision::with(job.precision, model, device)?, parameters))
}

/// A phase of its own, where anything is held out.
fn validate<C: Clock>(
    model: &dyn ModuleT,
    data: &TrainingData,
    link: &mut Link<C>,
) -> Result<Evaluation, Failure> {
    if data.validation.len() == 0 {
        return Ok(Evaluation::Done(None));
    }
    link.phase(Phase::Validate)?;
    evaluate(model, &data.validation, link, Link::training_over)
}

fn report(epoch: u32, trained: Trained, validation: Option<Score>) -> EpochReport {
    EpochReport {
        epoch,
        samples: trained.samples,
        train_loss: Num(trained.loss),
        validation_loss: validation.map(|score| Num(score.loss)),
        validation_accuracy: validation.map(|score| Num(score.accuracy)),
    }
}

/// Seeds libtorch's generators; the order of the samples has one of its own.
fn seed(seed: u64) {
    tch::manual_seed(i64::from_ne_bytes(seed.to_ne_bytes()));
}
