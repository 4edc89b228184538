//! The figures of energy, each with what is in it, or why there is none.

use super::meter::{Amount, Meter};
use super::{Device, Energy};
use crate::control::measure::figure::{Doubt, Figure};
use crate::event::{EnergyLack, Note, Num, Stage};
use crate::metric::EnergyOf;

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
struct Used {
    joules: f64,
    readings: u64,
    /// What it is the sum of, and what it is over.
    of: Vec<Note>,
    notes: Vec<Note>,
    doubts: Vec<Doubt>,
}

/// What a run mainly works on.
#[derive(Debug, Clone, PartialEq)]
enum Main {
    Processors,
    Device,
    /// Something whose energy nobody tells: why there is no figure.
    Other(EnergyLack),
}

/// A stage by its place, or the run that was over at this time.
#[derive(Debug, Clone, Copy)]
enum Stretch {
    Stage(usize),
    Run { until_ns: u64 },
}

/// What is asked.
#[derive(Debug, Clone, Copy)]
struct Asked {
    stretch: Stretch,
    /// Share of its time in which others took the machine.
    taken: Option<f64>,
}

impl Energy {
    /// Of a run that was over at `until_ns`; `taken`: the share of its time in which others took the machine.
    pub(in crate::control) fn of_run(
        &self,
        whose: EnergyOf,
        taken: Option<f64>,
        until_ns: u64,
    ) -> Figure {
        let asked = Asked { stretch: Stretch::Run { until_ns }, taken };
        figure(match whose {
            EnergyOf::Processors => self.of_processors(asked),
            EnergyOf::Devices => self.of_devices(asked),
            EnergyOf::Emissions => self.emissions(asked),
            EnergyOf::Run | EnergyOf::Sample => self.total(asked),
        })
    }

    /// Of a stage in which so many samples were timed, for each of them.
    pub(in crate::control) fn per_sample(
        &self,
        of: Stage,
        taken: Option<f64>,
        samples: f64,
    ) -> Figure {
        let stage = || {
            let place = self.place(of).ok_or(EnergyLack::NoPhase)?;
            let mut found = self.total(Asked { stretch: Stretch::Stage(place), taken })?;
            if samples <= 0.0 {
                return Err(EnergyLack::NoSample);
            }
            let joules = Num(found.joules);
            found.of.insert(0, Note::PerSample { joules, samples: Num(samples) });
            found.joules /= samples;
            Ok(found)
        };
        figure(stage())
    }

    /// What has been used until now, where a figure of the run can only grow from there; `None` where it is not for
    /// certain the run's own.
    pub(in crate::control) fn so_far(&self, whose: EnergyOf, taken: Option<f64>) -> Option<f64> {
        if taken.is_some_and(|taken| taken > TAKEN) && whose != EnergyOf::Devices {
            return None;
        }
        let sum = |meters: &mut dyn Iterator<Item = &Meter>| {
            let joules = meters.map(|meter| meter.so_far(0)).sum::<Option<f64>>();
            joules.unwrap_or(0.0)
        };
        let counted = |name: &str| name.starts_with("package") || name.starts_with("dram");
        let domains = self.domains.iter().filter(|(name, _)| counted(name));
        let processors = sum(&mut domains.map(|(_, meter)| meter));
        let devices = sum(&mut self.own().map(|(_, device)| &device.counter));
        let joules = match (whose, self.main()) {
            (EnergyOf::Processors, _) => processors,
            (EnergyOf::Devices, _) => devices,
            (EnergyOf::Sample, _) | (_, Main::Other(_)) => return None,
            (_, Main::Processors) => processors,
            (_, Main::Device) => processors + devices,
        };
        match whose {
            EnergyOf::Emissions => Some(joules * self.grams_per_kwh? / KWH_J),
            _ => Some(joules),
        }
    }

    fn main(&self) -> Main {
        match &*self.device {
            "" | "cpu" => Main::Processors,
            _ if !self.own.is_empty() => Main::Device,
            device if device.starts_with("cuda") => Main::Device,
            "auto" => self.around.doubt().map_or(Main::Processors, Main::Other),
            other => Main::Other(EnergyLack::UnknownDevice { device: other.to_owned() }),
        }
    }

    /// The devices that the run works on.
    fn own(&self) -> impl Iterator<Item = (&String, &Device)> {
        self.devices.iter().filter(|(name, _)| self.own.contains(*name))
    }

    fn joules(&self, meter: &Meter, asked: Asked) -> Result<Amount, EnergyLack> {
        match asked.stretch {
            Stretch::Stage(place) => meter.of_stage(place, &self.windows[place]),
            Stretch::Run { until_ns } => {
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
    fn of_processors(&self, asked: Asked) -> Result<Used, EnergyLack> {
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
        let mut sum = Sum::default();
        for (name, why) in never {
            if name.starts_with("package") {
                return Err(part(name, said(why)));
            }
            if name.starts_with("dram") {
                sum.doubts.push(Doubt::Lacks);
                sum.notes.push(Note::WithoutPart { part: name.to_owned(), why: said(why) });
            }
        }
        for (name, meter) in of("package").chain(of("dram")) {
            let found = self.joules(meter, asked);
            sum.add(name, found.map_err(|why| part(name, why))?);
        }
        let mut found = sum.joules(asked, |parts| Note::Processors { parts });
        // Counters are of whole parts of the machine.
        if let Some(taken) = asked.taken.filter(|taken| *taken > TAKEN) {
            found.doubts.push(Doubt::Others { own: None });
            found.notes.push(Note::OthersTook { share: Num(taken) });
        }
        Ok(found)
    }

    /// The devices of the run.
    fn of_devices(&self, asked: Asked) -> Result<Used, EnergyLack> {
        if self.own().next().is_none() {
            return Err(self.why("gpu").unwrap_or(EnergyLack::NoDevice));
        }
        let mut sum = Sum::default();
        for (name, device) in self.own() {
            let found = self.of_device(device, asked);
            let (joules, by_power) = found.map_err(|why| part(name, why))?;
            if by_power && sum.notes.is_empty() {
                sum.notes.push(Note::IntegratedPower);
            }
            sum.add(name, joules);
        }
        Ok(sum.joules(asked, |devices| Note::WholeDevices { devices }))
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

    /// Everything that the run works on: the processors, and its devices.
    fn total(&self, asked: Asked) -> Result<Used, EnergyLack> {
        let main = self.main();
        if let Main::Other(why) = main {
            return Err(why);
        }
        let processors = self.of_processors(asked);
        if main == Main::Processors {
            return processors;
        }
        let devices = self.of_devices(asked);
        let mut total = devices.map_err(|why| EnergyLack::WithoutDevice { why: Box::new(why) })?;
        match processors {
            Ok(processors) => {
                total.joules += processors.joules;
                total.readings = total.readings.min(processors.readings);
                total.of.splice(..0, processors.of);
                total.notes.extend(processors.notes);
                total.doubts.extend(processors.doubts);
            }
            Err(why) => {
                total.doubts.push(Doubt::Lacks);
                total.notes.push(Note::WithoutProcessors { why });
            }
        }
        Ok(total)
    }

    fn emissions(&self, asked: Asked) -> Result<Used, EnergyLack> {
        let grams = self.grams_per_kwh.ok_or(EnergyLack::NoIntensity)?;
        let mut total = self.total(asked)?;
        let (joules, grams_per_kwh) = (Num(total.joules), Num(grams));
        total.of.insert(0, Note::Intensity { joules, grams_per_kwh });
        // Not joules any more.
        total.joules *= grams / KWH_J;
        Ok(total)
    }
}

#[derive(Default)]
struct Sum {
    joules: f64,
    readings: u64,
    of: Vec<String>,
    loose: f64,
    notes: Vec<Note>,
    doubts: Vec<Doubt>,
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

    fn joules(self, asked: Asked, of: impl FnOnce(Vec<String>) -> Note) -> Used {
        let Self { joules, readings, loose, mut notes, mut doubts, .. } = self;
        match asked.stretch {
            Stretch::Stage(_) if loose > LOOSE => {
                notes.push(Note::SharedOut { share: Num(loose) });
            }
            Stretch::Run { .. } if loose > UNREAD => {
                doubts.push(Doubt::Lacks);
                notes.push(Note::WithoutEnds { share: Num(loose) });
            }
            _ => {}
        }
        Used { joules, readings, of: vec![of(self.of)], notes, doubts }
    }
}

fn said(detail: &str) -> EnergyLack {
    EnergyLack::Said { detail: detail.to_owned() }
}

fn part(name: &str, why: EnergyLack) -> EnergyLack {
    EnergyLack::Part { part: name.to_owned(), why: Box::new(why) }
}

fn figure(found: Result<Used, EnergyLack>) -> Figure {
    match found {
        Ok(Used { joules, readings, of, notes, doubts }) => {
            Figure { notes: of, doubts, ..Figure::exact(joules, readings) }.noted(notes)
        }
        Err(why) => Figure::missing(why.into()),
    }
}
