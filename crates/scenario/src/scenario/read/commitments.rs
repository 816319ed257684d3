//! `[[commitment]]`: what is paid for in advance.

use crate::cluster::prices::{CommitmentSpec, CommitmentTerms, PriceTable};
use crate::cluster::spec::NodeGroupSpec;
use crate::scenario::diagnostic::Diagnostics;
use crate::scenario::node::Node;
use crate::scenario::reader::{Reader, expected, number};
use crate::scenario::suggest::advice;
use crate::sim::SimTime;
use crate::units::Usd;

pub(super) fn commitments(
    root: &mut Reader<'_>,
    groups: &[NodeGroupSpec],
    diagnostics: &mut Diagnostics,
) -> Vec<CommitmentSpec> {
    let mut made: Vec<CommitmentSpec> = Vec::new();
    for item in root.list("commitment", diagnostics) {
        let Some(mut table) = Reader::new(item, "`commitment`", diagnostics) else {
            continue;
        };
        let name = table.text("name", diagnostics);
        let name = name.map_or_else(|| format!("commitment-{}", made.len() + 1), str::to_owned);
        let terms = terms(&mut table, groups, diagnostics);
        let from = table.time("from", diagnostics).unwrap_or(SimTime::ZERO);
        let until = table.time("until", diagnostics);
        if until.is_some_and(|until| until <= from) {
            let title = "the commitment ends before it begins";
            diagnostics.error(table.key_span("until"), title, "must be after `from`");
        }
        table.finish("`commitment`", diagnostics);
        if made.iter().any(|other| other.name == name) {
            let title = format!("a second commitment `{name}`");
            diagnostics.error(item.span, title, "this name is taken already");
        }
        made.extend(terms.map(|terms| CommitmentSpec {
            name,
            terms,
            from,
            until,
        }));
    }
    made
}

fn terms(
    table: &mut Reader<'_>,
    groups: &[NodeGroupSpec],
    diagnostics: &mut Diagnostics,
) -> Option<CommitmentTerms> {
    let group = table.read("node_group", diagnostics, |node| {
        let names: Vec<&str> = groups.iter().map(|group| group.name.as_str()).collect();
        known(node, "node group", &names)
    });
    let kind = table.read("instance_type", diagnostics, |node| {
        let own = groups.iter().filter_map(|one| one.instance_type.as_deref());
        let built_in = PriceTable::built_in().instance_types.iter();
        let names: Vec<&str> = own.chain(built_in.map(|one| one.name.as_str())).collect();
        known(node, "instance type", &names)
    });
    let instances = table.count("instances", diagnostics);
    let price = table.number("price", diagnostics).map(Usd);
    let reserves = table.boolean("capacity_reservation", diagnostics) == Some(true);
    let rate = table.number("usd_per_hour", diagnostics).map(Usd);
    let discount = table.read("discount", diagnostics, |node| match number(node)? {
        part if part < 1.0 => Ok(part),
        part => Err(format!(
            "{part} is not a part of the price: write 0.28 for 28 %"
        )),
    });
    let given = |table: &mut Reader<'_>, keys: [&'static str; 5]| -> Vec<&'static str> {
        keys.into_iter()
            .filter(|key| !key.is_empty() && table.get(key).is_some())
            .collect()
    };
    let of_instances = given(
        table,
        [
            "node_group",
            "instance_type",
            "instances",
            "price",
            "capacity_reservation",
        ],
    );
    let of_spend = given(table, ["usd_per_hour", "discount", "", "", ""]);
    let example = "write `instance_type = \"m5.xlarge\"`, `instances = 3` and `price = 0.121`, or `usd_per_hour = 1.5` and `discount = 0.28`";
    match (of_instances.first(), of_spend.first()) {
        (Some(_), Some(second)) => {
            let span = table.key_span(second);
            let title = "a commitment is to instances or to dollars an hour";
            diagnostics.error(span, title, "the second of them").help = Some(example.to_owned());
            return None;
        }
        (None, None) => {
            let span = table.span().first();
            let title = "it is not said what is committed to";
            diagnostics
                .error(span, title, "this commitment covers nothing")
                .help = Some(example.to_owned());
            return None;
        }
        _ => {}
    }
    if !of_spend.is_empty() {
        for (key, example) in [
            ("usd_per_hour", "usd_per_hour = 1.5"),
            ("discount", "discount = 0.28"),
        ] {
            if table.get(key).is_none() {
                table.missing(key, "`commitment`", example, diagnostics);
            }
        }
        let (rate, discount) = (rate?, discount?);
        return Some(CommitmentTerms::Spend { rate, discount });
    }
    let asked = Instances {
        group,
        kind,
        count: instances,
        price,
        reserves,
    };
    instances_terms(table, asked, groups, diagnostics)
}

/// What is said of instances that are committed to.
struct Instances {
    group: Option<String>,
    kind: Option<String>,
    count: Option<u32>,
    price: Option<Usd>,
    /// It is capacity that is reserved.
    reserves: bool,
}

fn instances_terms(
    table: &mut Reader<'_>,
    asked: Instances,
    groups: &[NodeGroupSpec],
    diagnostics: &mut Diagnostics,
) -> Option<CommitmentTerms> {
    let Instances {
        group,
        kind,
        count: instances,
        price,
        reserves,
    } = asked;
    // Reserved capacity costs what the instances do on demand.
    let listed = kind.as_deref().filter(|_| reserves);
    let price = price.or_else(|| on_demand(listed?, groups));
    for (key, example) in [("instances", "instances = 3"), ("price", "price = 0.121")] {
        if key == "price" && price.is_some() {
            continue;
        }
        if table.get(key).is_none() {
            table.missing(key, "`commitment`", example, diagnostics);
        }
    }
    let has = (
        table.get("node_group").is_some(),
        table.get("instance_type").is_some(),
    );
    match has {
        (true, true) => {
            let span = table.key_span("instance_type");
            let title = "a commitment covers a node group or an instance type";
            diagnostics.error(span, title, "the second of them");
            None
        }
        (false, false) => {
            let example = "instance_type = \"m5.xlarge\"";
            table.missing("instance_type", "`commitment`", example, diagnostics);
            None
        }
        (true, false) if reserves => {
            let span = table.key_span("capacity_reservation");
            let title = "capacity is reserved for an instance type";
            let label = "give it an `instance_type` instead of a `node_group`";
            diagnostics.error(span, title, label);
            None
        }
        (false, true) if reserves => Some(CommitmentTerms::Reservation {
            name: kind?,
            count: instances?,
            price: price?,
        }),
        (true, false) => Some(CommitmentTerms::Group {
            name: group?,
            count: instances?,
            price: price?,
        }),
        (false, true) => Some(CommitmentTerms::InstanceType {
            name: kind?,
            count: instances?,
            price: price?,
        }),
    }
}

/// What an instance type costs on demand: as node groups have it, else by the table.
fn on_demand(kind: &str, groups: &[NodeGroupSpec]) -> Option<Usd> {
    let is_it = |group: &&NodeGroupSpec| group.instance_type.as_deref() == Some(kind);
    let mut own = groups.iter().filter(is_it).filter(|group| !group.spot);
    let own = own.next().map(|group| group.price_per_hour);
    let listed = || PriceTable::built_in().instance_type(kind);
    own.or_else(|| listed().map(|kind| kind.on_demand))
}

/// A name that is among those known.
fn known(node: &Node, what: &str, names: &[&str]) -> Result<String, String> {
    let text = node.text().ok_or_else(|| expected("a string", node))?;
    if names.contains(&text) {
        return Ok(text.to_owned());
    }
    Err(format!("no {what} `{text}`; {}", advice(text, names)))
}
