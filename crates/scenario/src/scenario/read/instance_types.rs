//! `[[instance_type]]`: instance types and prices that count instead of those built in.

use crate::cluster::prices::{InstanceType, PriceTable};
use crate::scenario::diagnostic::Diagnostics;
use crate::scenario::reader::Reader;
use crate::units::Usd;

/// The scenario's own types, and then those that are built in.
pub(super) struct InstanceTypes {
    types: Vec<InstanceType>,
    /// How many of them are the scenario's.
    own: usize,
}

impl InstanceTypes {
    pub(super) fn read(root: &mut Reader<'_>, diagnostics: &mut Diagnostics) -> Self {
        let mut types: Vec<InstanceType> = Vec::new();
        for item in root.list("instance_type", diagnostics) {
            let Some(mut table) = Reader::new(item, "`instance_type`", diagnostics) else {
                continue;
            };
            let read = instance_type(&mut table, diagnostics);
            table.finish("`instance_type`", diagnostics);
            if let Some(own) = read {
                if types.iter().any(|other| other.name == own.name) {
                    let title = format!("a second instance type `{}`", own.name);
                    diagnostics.error(item.span, title, "this name is taken already");
                }
                types.push(own);
            }
        }
        let own = types.len();
        types.extend(PriceTable::built_in().instance_types.iter().cloned());
        Self { types, own }
    }

    pub(super) fn get(&self, name: &str) -> Option<&InstanceType> {
        self.types.iter().find(|kind| kind.name == name)
    }

    /// All types with whether they are the scenario's own, which count instead of others of their name.
    pub(super) fn all(&self) -> impl Iterator<Item = (&InstanceType, bool)> {
        let own = &self.types[..self.own];
        let is_replaced = move |kind: &&InstanceType| own.iter().all(|one| one.name != kind.name);
        let others = self.types[self.own..].iter().filter(is_replaced);
        own.iter()
            .map(|kind| (kind, true))
            .chain(others.map(|kind| (kind, false)))
    }

    pub(super) fn names(&self) -> Vec<&str> {
        self.types.iter().map(|kind| kind.name.as_str()).collect()
    }
}

fn instance_type(table: &mut Reader<'_>, diagnostics: &mut Diagnostics) -> Option<InstanceType> {
    let name = table.text("name", diagnostics);
    let (cpu, memory) = (
        table.millicores("cpu", diagnostics),
        table.bytes("memory", diagnostics),
    );
    let price = table.number("price", diagnostics);
    let spot = table.number("spot_price", diagnostics);
    for (key, example) in [
        ("name", "name = \"m7i.large\""),
        ("cpu", "cpu = \"2\""),
        ("memory", "memory = \"8Gi\""),
        ("price", "price = 0.1008"),
    ] {
        if table.get(key).is_none() {
            table.missing(key, "`instance_type`", example, diagnostics);
        }
    }
    Some(InstanceType {
        name: name?.to_owned(),
        cpu: cpu?,
        memory: memory?,
        on_demand: Usd(price?),
        spot: Usd(spot.or(price)?),
    })
}
