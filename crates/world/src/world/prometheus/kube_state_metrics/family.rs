//! A family of metrics: one name, and what it shows of an object.

use std::fmt::Write as _;

use super::allowlist::{self, Allowlists};
use crate::api::{Clock, Kind, ObjectMeta, Store};
use crate::prometheus::scrape::{Exposed, Wanted};
use crate::sim::SimTime;
pub(super) use crate::world::prometheus::samples::Samples;

/// A family of metrics of objects of a type, of which `S` was found out beforehand.
pub(super) type Family<T, S = ()> = (&'static str, fn(&Seen<'_, T, S>, &mut Samples<'_>));
/// Those of a table that somebody asks for.
pub(super) type Asked<T, S = ()> = Vec<Family<T, S>>;

pub(super) fn ask<T, S>(table: &[Family<T, S>], wanted: &Wanted) -> Asked<T, S> {
    let asked = table.iter().filter(|(name, _)| wanted.may_take(name));
    asked.copied().collect()
}

/// An object and what there is to know about it.
pub(super) struct Seen<'v, T, S = ()> {
    pub(super) of: &'v T,
    pub(super) meta: &'v ObjectMeta,
    pub(super) kind: Kind,
    pub(super) status: S,
    pub(super) store: &'v Store,
    pub(super) clock: Clock,
    pub(super) allowed: &'v Allowlists,
}

impl<'v, T, S> Seen<'v, T, S> {
    /// A time in seconds since 1970.
    pub(super) fn unix(&self, time: SimTime) -> f64 {
        (time.0.div_euclid(1_000_000_000) + self.clock.calendar.unix_start) as f64
    }

    /// The owner's kind and name.
    pub(super) fn owner(&self) -> Option<(&'static str, &'v str)> {
        let owner = self.meta.owner?;
        let meta = self.store.meta(owner)?;
        Some((owner.kind().name(), &meta.name))
    }

    /// Exposes the families that are asked for; the object is called `name` in the label `label`.
    pub(super) fn tell(
        &self,
        asked: &[Family<T, S>],
        label: &'static str,
        out: &mut dyn FnMut(&Exposed),
    ) {
        let identity = [
            ("namespace", &*self.meta.namespace),
            (label, &*self.meta.name),
        ];
        // Nodes have no namespace.
        let identity = &identity[usize::from(self.meta.namespace.is_empty())..];
        self.tell_as(asked, identity, out);
    }

    /// The same under these labels.
    pub(super) fn tell_as(
        &self,
        asked: &[Family<T, S>],
        identity: &[(&str, &str)],
        out: &mut dyn FnMut(&Exposed),
    ) {
        for (name, show) in asked {
            show(self, &mut Samples::new(name, identity, out));
        }
    }
}

/// When it was created.
pub(super) fn created<T, S>(seen: &Seen<'_, T, S>, out: &mut Samples<'_>) {
    out.one(seen.unix(seen.meta.created));
}

/// When it is to be gone, if it is deleted.
pub(super) fn deletion<T, S>(seen: &Seen<'_, T, S>, out: &mut Samples<'_>) {
    if let Some(at) = seen.meta.deletion {
        out.one(seen.unix(at));
    }
}

/// `metadata.generation`; also what was observed of it, where controllers are quick.
pub(super) fn generation<T, S>(seen: &Seen<'_, T, S>, out: &mut Samples<'_>) {
    out.one(seen.meta.generation as f64);
}

/// The owner, with empty labels where there is none.
pub(super) fn owner<T, S>(seen: &Seen<'_, T, S>, out: &mut Samples<'_>) {
    let (kind, name) = seen.owner().unwrap_or_default();
    let controls = if kind.is_empty() { "" } else { "true" };
    let labels = [
        ("owner_is_controller", controls),
        ("owner_kind", kind),
        ("owner_name", name),
    ];
    out.labelled(&labels, 1.0);
}

/// The labels that the allowlist names.
pub(super) fn labels<T, S>(seen: &Seen<'_, T, S>, out: &mut Samples<'_>) {
    if let Some(allowed) = seen.allowed.labels(seen.kind) {
        out.renamed(&allowlist::renamed("label", &seen.meta.labels, allowed));
    }
}

/// The annotations that the allowlist names.
pub(super) fn annotations<T, S>(seen: &Seen<'_, T, S>, out: &mut Samples<'_>) {
    if let Some(allowed) = seen.allowed.annotations(seen.kind) {
        out.renamed(&allowlist::renamed(
            "annotation",
            &seen.meta.annotations,
            allowed,
        ));
    }
}

/// A UID as text, in a buffer that is used again.
pub(super) fn uid_of<'b>(meta: &ObjectMeta, buffer: &'b mut String) -> &'b str {
    buffer.clear();
    // Writing to a text cannot fail.
    let _ = write!(buffer, "{}", meta.uid);
    buffer
}
