//! Samples of a family of metrics, as exporters write them.

use crate::prometheus::scrape::Exposed;

/// Where the samples of a family of one object go.
pub(in crate::world::prometheus) struct Samples<'o> {
    name: &'static str,
    /// The labels that all of them have.
    identity: &'o [(&'o str, &'o str)],
    out: &'o mut dyn FnMut(&Exposed),
}

impl<'o> Samples<'o> {
    pub(in crate::world::prometheus) fn new(
        name: &'static str,
        identity: &'o [(&'o str, &'o str)],
        out: &'o mut dyn FnMut(&Exposed),
    ) -> Self {
        Self {
            name,
            identity,
            out,
        }
    }

    pub(in crate::world::prometheus) fn one(&mut self, value: f64) {
        self.labelled(&[], value);
    }

    pub(in crate::world::prometheus) fn labelled(&mut self, labels: &[(&str, &str)], value: f64) {
        let mut few = [("", ""); 12];
        let mut many = Vec::new();
        let count = self.identity.len() + labels.len();
        let all = if let Some(all) = few.get_mut(..count) {
            all
        } else {
            many.resize(count, ("", ""));
            &mut many[..]
        };
        let (own, more) = all.split_at_mut(self.identity.len());
        own.copy_from_slice(self.identity);
        more.copy_from_slice(labels);
        (self.out)(&Exposed {
            name: self.name,
            labels: all,
            value,
            at: None,
        });
    }

    pub(in crate::world::prometheus) fn flag(&mut self, labels: &[(&str, &str)], holds: bool) {
        self.labelled(labels, f64::from(u8::from(holds)));
    }

    /// A 1 with labels of which the names were made.
    pub(in crate::world::prometheus) fn renamed(&mut self, labels: &[(String, &str)]) {
        let labels = labels.iter().map(|(name, value)| (name.as_str(), *value));
        self.labelled(&labels.collect::<Vec<_>>(), 1.0);
    }

    /// Whether a condition is true, false or unknown (`None`), in the label `last` behind others
    /// (`addConditionMetrics`).
    pub(in crate::world::prometheus) fn condition(
        &mut self,
        others: &[(&str, &str)],
        last: &str,
        status: Option<bool>,
    ) {
        for (word, state) in [
            ("true", Some(true)),
            ("false", Some(false)),
            ("unknown", None),
        ] {
            let mut labels = [("", ""); 3];
            labels[..others.len()].copy_from_slice(others);
            labels[others.len()] = (last, word);
            self.flag(&labels[..=others.len()], status == state);
        }
    }
}
