//! What each setting buys.

use super::markup::{Markup, grid, section};
use crate::report::effects::EffectsReport;

/// Writes the effects of the axes and what a reader must know of them.
pub(super) fn effects(page: &mut Markup, effects: &EffectsReport) {
    section(page, "What each setting buys", |section| {
        for line in effects.verdict().into_iter().chain(effects.depending()) {
            section.leaf("p", &[], &format!("{line}."));
        }
        grid(section, "cells", &effects.columns(), 0);
        for line in effects.caveats() {
            section.leaf("p", &[("class", "small")], &format!("{line}."));
        }
    });
}
