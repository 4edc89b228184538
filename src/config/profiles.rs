//! Profiles that nobody has asked for: their keys and values are checked all the same, so that a mistake shows before the night
//! in which one is used.
//!
//! What only a whole grid can be wrong in (which models, data sets and cells there are, what keys say together) is told where a
//! profile is asked for. Invariant: everything that is said stands in the profile.

use super::axis;
use super::declared;
use super::engine_keys;
use super::key::{self, Context};
use super::keys::KEYS;
use super::layers::Profile;
use super::models;
use super::own;
use super::schema;
use super::scripts;
use super::settings::Settings;
use super::world::{Bases, Request, World};
use crate::document::problems::Problems;
use crate::document::tree::Table;
use crate::event::Axis;

/// Reports what is wrong in each of these profiles.
pub(super) fn check(
    profiles: &[Profile],
    bases: &Bases,
    request: &Request<'_>,
    problems: &mut Problems,
) {
    for profile in profiles {
        // What is wrong with the rest of the file is told of elsewhere.
        let mut elsewhere = Problems::default();
        let axes = own::axes(&profile.whole, &mut elsewhere);
        let context = Context::of(bases, &axes);
        let own = declared::ids(&declared::read(&profile.whole, &context, &mut elsewhere));
        let world = World {
            foreign: true,
            commands: Vec::new(),
            scripts: Vec::new(),
            catalogue: request.catalogue,
            dataset_names: Vec::new(),
            cores: request.machine.cores(),
            bases,
            axes: &axes,
            narrowed: false,
            max_cells: request.max_cells,
        };
        let mut said = profile.said.clone();
        own::write_out_ranges_of(&mut said, problems);
        schema::check(&said, &axes, problems);
        let checked = Checked { context: context.declaring(&own), world: &world };
        checked.values(&said, problems);
    }
}

/// What the values of a profile are checked by.
struct Checked<'a> {
    context: Context<'a>,
    world: &'a World<'a>,
}

impl Checked<'_> {
    fn values(&self, said: &Table, problems: &mut Problems) {
        key::put_tree(KEYS, &mut Settings::default(), said, &self.context, problems);
        key::put_tree(engine_keys::KEYS, &mut Settings::default(), said, &self.context, problems);
        models::check_values(said, &self.context, problems);
        scripts::check_values(said, &self.context, problems);
        own::check_values(said, &self.context, problems);
        declared::check_values(said, &self.context, problems);
        for table in own::grids(said) {
            self.axes(table, problems);
        }
        for name in ["include", "exclude"] {
            for table in schema::tables_of(said, name) {
                self.axes(table, problems);
            }
        }
        for name in ["when", "override"] {
            for table in schema::tables_of(said, name) {
                if let Some(cells) = table.table("match") {
                    self.axes(cells, problems);
                }
                // Of a [[when]] nothing but axes, of an [[override]] settings too.
                key::put_tree(KEYS, &mut Settings::default(), table, &self.context, problems);
            }
        }
    }

    /// The values of a table of axes; which models and data sets there are, the profile alone does not say.
    fn axes(&self, table: &Table, problems: &mut Problems) {
        for (key, entry) in own::entries(table) {
            let axis = self.world.axes.find(&key);
            let Some(axis) = axis.filter(|axis| ![Axis::MODEL, Axis::DATASET].contains(axis))
            else {
                continue;
            };
            for item in entry.node.items() {
                problems.ok(axis::read(axis, item, self.world));
            }
        }
    }
}
