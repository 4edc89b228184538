//! The figures of energy, each with what is in it, or why there is none.

use super::meter::{Amount, Meter, Window};
use super::{Device, Energy};
use crate::control::run::Run;
use crate::control::stage::StageState;
use crate::event::{EnergyLack, MetricRow, Note, Num, Stage};
use crate::metric::{EnergyOf, MetricDef, Source};
use crate::stats::batches::total;

/// Share of the time with interference that is worth a word.
const TAKEN: f64 = 0.05;

/// Share of a phase at its ends that is worth a word where it is known as a share of a longer stretch alone.
const LOOSE: f64 = 0.1;

/// Shortest phase whose energy the counter of a device can tell, in seconds: drivers update it about every 100 ms.
const SHORTEST_GPU_S: f64 = 1.0;

/// Longest part of a run without readings at its ends, in seconds and as a share, with which they still are those of the run.
const UNREAD_S: f64 = 0.25;
const UNREAD: f64 = 0.02;

/// Amount in a kilowatt hour.
const KWH_J: f64 = 3.6e6;

/// Energy, and what a reader must know of it.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Figure {
    joules: f64,
    readings: u64,
    /// What it is the sum of, and what it is over.
    of: Vec<Note>,
    notes: Vec<Note>,
    /// A part of it is missing: it is at least this.
    pub(super) lacks: bool,
    /// Others took a good part of the machine meanwhile: it is at most this.
    pub(super) others: bool,
}

/// What a run mainly works on.
#[derive(Debug, Clone, PartialEq)]
enum Main {
    Processors,
    Device,
    /// Something whose energy nobody tells: why there is no figure.
    Other(EnergyLack),
}

/// What is asked: of a stage, or of the run that was over at this time.
#[derive(Debug, Clone, Copy)]
pub(super) enum Asked {
    Stage(usize),
    Run { until_ns: u64 },
}

impl Energy {
    fn joules(&self, meter: &Meter, asked: Asked) -> Result<Amount, EnergyLack> {
        match asked {
            Asked::Stage(place) => meter.of_stage(place, &self.windows[place]),
            Asked::Run { until_ns } => {
                let found = meter.of_run(0, &self.windows[0], until_ns)?;
                if found.loose_s > UNREAD_S.max(UNREAD * found.length_s) {
                    let (loose_s, of_s) = (Num(found.loose_s), Num(found.length_s));
                    return Err(EnergyLack::Outside { loose_s, of_s });
                }
                Ok(found)
            }
        }
    }

    /// Why nothing was read whose field is this or below it.
    fn why(&self, field: &str) -> Option<EnergyLack> {
        let below = format!("{field}.");
        let mut gaps = self.gaps.iter();
        let (_, why) = gaps.find(|(name, _)| *name == field || name.starts_with(&below))?;
        Some(said(why))
    }

    /// Packages, and memory that has a counter of its own.
    fn of_processors(&self, asked: Asked) -> Result<Figure, EnergyLack> {
        let of = |begin: &'static str| {
            let domains = self.domains.iter();
            domains.filter(move |(name, meter)| name.starts_with(begin) && meter.has_read())
        };
        if of("package").next().is_none() {
            return Err(self.why("energy").unwrap_or(EnergyLack::NoProcessor));
        }
        let never = self.gaps.iter().filter_map(|(field, why)| {
            let name = field.strip_prefix("energy.")?;
            let read = self.domains.get(name).is_some_and(Meter::has_read);
            (!read).then_some((name, why))
        });
        let (mut notes, mut lacks) = (Vec::new(), false);
        for (name, why) in never {
            if name.starts_with("package") {
                return Err(part(name, said(why)));
            }
            if name.starts_with("dram") {
                lacks = true;
                notes.push(Note::WithoutPart { part: name.to_owned(), why: said(why) });
            }
        }
        let mut sum = Sum::default();
        for (name, meter) in of("package").chain(of("dram")) {
            let found = self.joules(meter, asked);
            sum.add(name, found.map_err(|why| part(name, why))?);
        }
        let parts = std::mem::take(&mut sum.of);
        let figure = sum.figure(asked, Note::Processors { parts }, notes);
        Ok(Figure { lacks: figure.lacks || lacks, ..figure })
    }

    /// The devices of the run.
    fn of_devices(&self, asked: Asked) -> Result<Figure, EnergyLack> {
        let own = || self.devices.iter().filter(|(name, _)| self.own.contains(*name));
        if own().next().is_none() {
            return Err(self.why("gpu").unwrap_or(EnergyLack::NoDevice));
        }
        let (mut sum, mut integrated) = (Sum::default(), false);
        for (name, device) in own() {
            let found = self.of_device(device, asked);
            let (joules, by_power) = found.map_err(|why| part(name, why))?;
            integrated |= by_power;
            sum.add(name, joules);
        }
        let note = integrated.then_some(Note::IntegratedPower);
        let devices = std::mem::take(&mut sum.of);
        Ok(sum.figure(asked, Note::WholeDevices { devices }, note.into_iter().collect()))
    }

    /// Its energy, and whether that is the integral of its power.
    fn of_device(&self, device: &Device, asked: Asked) -> Result<(Amount, bool), EnergyLack> {
        let (joules, by_power) = match self.joules(&device.counter, asked) {
            Ok(joules) => (joules, false),
            Err(of_counter) => match self.joules(&device.power, asked) {
                Ok(joules) => (joules, true),
                Err(_) if device.counter.has_read() => return Err(of_counter),
                Err(of_power) => return Err(of_power),
            },
        };
        if joules.length_s < SHORTEST_GPU_S {
            return Err(EnergyLack::Short { length_s: Num(joules.length_s) });
        }
        Ok((joules, by_power))
    }
}

#[derive(Default)]
struct Sum {
    joules: f64,
    readings: u64,
    of: Vec<String>,
    loose: f64,
}

impl Sum {
    fn add(&mut self, name: &str, found: Amount) {
        self.joules += found.joules;
        self.readings = self.readings.max(found.readings);
        self.of.push(name.to_owned());
        if found.length_s > 0.0 {
            self.loose = self.loose.max(found.loose_s / found.length_s);
        }
    }

    fn figure(self, asked: Asked, of: Note, mut notes: Vec<Note>) -> Figure {
        let mut lacks = false;
        match asked {
            Asked::Stage(_) if self.loose > LOOSE => {
                notes.push(Note::SharedOut { share: Num(self.loose) });
            }
            Asked::Run { .. } if self.loose > UNREAD => {
                lacks = true;
                notes.push(Note::WithoutEnds { share: Num(self.loose) });
            }
            _ => {}
        }
        Figure {
            joules: self.joules,
            readings: self.readings,
            of: vec![of],
            notes,
            lacks,
            others: false,
        }
    }
}

impl Run {
    fn main(&self, energy: &Energy) -> Main {
        match &*self.context.device {
            "" | "cpu" => Main::Processors,
            _ if !energy.own.is_empty() => Main::Device,
            device if device.starts_with("cuda") => Main::Device,
            "auto" => energy.around.doubt().map_or(Main::Processors, Main::Other),
            other => Main::Other(EnergyLack::UnknownDevice { device: other.to_owned() }),
        }
    }

    /// Everything that the run works on: the processors, and its devices.
    fn total_energy(&self, energy: &Energy, asked: Asked) -> Result<Figure, EnergyLack> {
        let main = self.main(energy);
        if let Main::Other(why) = main {
            return Err(why);
        }
        let processors =
            energy.of_processors(asked).map(|figure| self.shared(figure, energy, asked));
        if main == Main::Processors {
            return processors;
        }
        let devices = energy.of_devices(asked);
        let mut figure = devices.map_err(|why| EnergyLack::WithoutDevice { why: Box::new(why) })?;
        match processors {
            Ok(processors) => {
                figure.joules += processors.joules;
                figure.readings = figure.readings.min(processors.readings);
                figure.of.splice(..0, processors.of);
                figure.notes.extend(processors.notes);
                figure.lacks |= processors.lacks;
                figure.others |= processors.others;
            }
            Err(why) => {
                figure.lacks = true;
                figure.notes.push(Note::WithoutProcessors { why });
            }
        }
        Ok(figure)
    }

    /// Says whose energy that of the processors is.
    fn shared(&self, mut figure: Figure, energy: &Energy, asked: Asked) -> Figure {
        let stage = match asked {
            Asked::Stage(place) => {
                energy.windows.get(place).and_then(|window: &Window| window.stage)
            }
            Asked::Run { .. } => None,
        };
        if let Some(taken) = self.taken(stage).filter(|taken| *taken > TAKEN) {
            figure.others = true;
            figure.notes.push(Note::OthersTook { share: Num(taken) });
        }
        figure
    }

    /// Share of the time in which others took the machine, in a stage or in all.
    fn taken(&self, stage: Option<Stage>) -> Option<f64> {
        let asked = |state: &&StageState| stage.is_none_or(|stage| state.stage == stage);
        let marked = self.stages.iter().filter(asked).map(|state| state.series.sampled.marked);
        total(&marked.collect::<Vec<_>>()).ratio()
    }

    /// The energy with the ticks that no message of the worker has come after: the run is over.
    pub(super) fn whole_energy(&self) -> Energy {
        let mut energy = self.energy.clone();
        for sample in &self.pending {
            energy.push(sample, &self.totals.devices);
        }
        energy
    }

    /// A figure of the run as a whole.
    pub(in crate::control) fn fill_energy(&self, row: &mut MetricRow, metric: &MetricDef) {
        let energy = self.whole_energy();
        let asked = Asked::Run { until_ns: self.now_ns };
        if let Source::Energy(whose) = metric.source {
            fill(row, self.energy_of(whose, &energy, asked));
        }
    }

    /// A metric of energy, before it is divided by samples.
    pub(super) fn energy_of(
        &self,
        whose: EnergyOf,
        energy: &Energy,
        asked: Asked,
    ) -> Result<Figure, EnergyLack> {
        match whose {
            EnergyOf::Processors => {
                let found = energy.of_processors(asked);
                found.map(|figure| self.shared(figure, energy, asked))
            }
            EnergyOf::Devices => energy.of_devices(asked),
            EnergyOf::Emissions => self.emissions(energy, asked),
            EnergyOf::Run | EnergyOf::Sample => self.total_energy(energy, asked),
        }
    }

    fn emissions(&self, energy: &Energy, asked: Asked) -> Result<Figure, EnergyLack> {
        let grams = self.context.grams_per_kwh.ok_or(EnergyLack::NoIntensity)?;
        let mut figure = self.total_energy(energy, asked)?;
        let (joules, grams_per_kwh) = (Num(figure.joules), Num(grams));
        figure.of.insert(0, Note::Intensity { joules, grams_per_kwh });
        // Not joules any more.
        figure.joules *= grams / KWH_J;
        Ok(figure)
    }

    /// Amount a sample of a stage.
    pub(in crate::control) fn fill_energy_of(&self, row: &mut MetricRow, state: &StageState) {
        let energy = self.whole_energy();
        let samples = state.series.samples;
        let found = energy
            .place(state.stage)
            .ok_or(EnergyLack::NoPhase)
            .and_then(|place| self.total_energy(&energy, Asked::Stage(place)))
            .and_then(|mut figure| {
                if samples <= 0.0 {
                    return Err(EnergyLack::NoSample);
                }
                let joules = Num(figure.joules);
                figure.of.insert(0, Note::PerSample { joules, samples: Num(samples) });
                figure.joules /= samples;
                Ok(figure)
            });
        fill(row, found);
    }

    /// What has been used until now, where a figure of the run can only grow from there; `None` where it is not for
    /// certain the run's own.
    pub(in crate::control) fn energy_so_far(&self, whose: EnergyOf) -> Option<f64> {
        if self.taken(None).is_some_and(|taken| taken > TAKEN) && whose != EnergyOf::Devices {
            return None;
        }
        let energy = &self.energy;
        let sum = |meters: Vec<&Meter>| {
            let each = meters.into_iter().map(|meter| meter.so_far(0));
            each.sum::<Option<f64>>()
        };
        let domains = energy.domains.iter();
        let counted =
            domains.filter(|(name, _)| name.starts_with("package") || name.starts_with("dram"));
        let processors = sum(counted.map(|(_, meter)| meter).collect()).unwrap_or(0.0);
        let own = energy.devices.iter().filter(|(name, _)| energy.own.contains(*name));
        let devices = sum(own.map(|(_, device)| &device.counter).collect()).unwrap_or(0.0);
        let joules = match (whose, self.main(energy)) {
            (EnergyOf::Processors, _) => processors,
            (EnergyOf::Devices, _) => devices,
            (EnergyOf::Sample, _) | (_, Main::Other(_)) => return None,
            (_, Main::Processors) => processors,
            (_, Main::Device) => processors + devices,
        };
        match whose {
            EnergyOf::Emissions => Some(joules * self.context.grams_per_kwh? / KWH_J),
            _ => Some(joules),
        }
    }
}

fn said(detail: &str) -> EnergyLack {
    EnergyLack::Said { detail: detail.to_owned() }
}

fn part(name: &str, why: EnergyLack) -> EnergyLack {
    EnergyLack::Part { part: name.to_owned(), why: Box::new(why) }
}

fn fill(row: &mut MetricRow, found: Result<Figure, EnergyLack>) {
    match found {
        Ok(figure) => {
            row.estimate = Some(figure.joules);
            row.samples = figure.readings;
            row.notes.extend(figure.of.into_iter().chain(figure.notes));
        }
        Err(why) => row.notes.push(why.into()),
    }
    row.plateaued = row.plateaued.map(|_| row.estimate.is_some());
}
