//! What a search has asked for, batch by batch.
//!
//! Invariant: a batch is there whole or not at all, and none is changed.

use std::path::Path;

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use super::{ASKED, Spread, names, sealed};
use crate::store::error::{FORMAT, Format, StoreError};
use crate::store::json;

/// The units of a batch.
#[derive(Serialize, Deserialize)]
struct Batch<T> {
    format: Format,
    units: Vec<T>,
}

impl Spread {
    /// All units that were asked for, in the order in which they were.
    pub fn asked<T: DeserializeOwned>(&self) -> Result<Vec<T>, StoreError> {
        let folder = self.path.join(ASKED);
        let mut units = Vec::new();
        for name in self.batches()? {
            let batch: Batch<T> =
                json::read(&folder.join(&name), "cannot read what was asked for")?;
            units.extend(batch.units);
        }
        Ok(units)
    }

    /// The files of the batches. What was not written to its end is none.
    fn batches(&self) -> Result<Vec<String>, StoreError> {
        let is_whole = |name: &String| Path::new(name).extension().is_some_and(|end| end == "json");
        Ok(names(&self.path.join(ASKED))?.into_iter().filter(is_whole).collect())
    }

    /// Asks for these after all others; who asks holds the folder.
    pub fn ask<T: Serialize>(&self, units: Vec<T>) -> Result<(), StoreError> {
        let folder = self.path.join(ASKED);
        fs_err::create_dir_all(&folder).map_err(StoreError::io("cannot keep what is asked for"))?;
        let number = self.batches()?.len() + 1;
        sealed(&folder.join(format!("{number:06}.json")), &Batch { format: FORMAT, units })
    }
}
