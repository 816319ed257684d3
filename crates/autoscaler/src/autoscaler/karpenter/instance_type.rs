//! Instance types and where they can be had.
//!
//! Upstream: `pkg/cloudprovider/types.go`; the order in which a capacity type is chosen at launch
//! is that of the AWS provider. Reserved capacity is left out.

use std::collections::BTreeSet;

use super::requirement::Requirement;
use super::requirements::{
    ARCH, CAPACITY_TYPE, INSTANCE_TYPE, ON_DEMAND, OS, Requirements, SPOT, ZONE,
};
use super::resources::Resources;

/// A zone and a capacity type in which an instance type can be had.
#[derive(Debug, Clone, PartialEq)]
pub struct Offering {
    /// Zone.
    pub zone: String,
    /// Whether it is preemptible.
    pub spot: bool,
    /// US dollars per hour.
    pub price: f64,
    /// Whether it can be had now.
    pub available: bool,
    requirements: Requirements,
}

impl Offering {
    /// An offering that can be had.
    pub fn new(zone: &str, spot: bool, price: f64) -> Self {
        let capacity = if spot { SPOT } else { ON_DEMAND };
        Self {
            zone: zone.to_owned(),
            spot,
            price,
            available: true,
            requirements: Requirements::of_labels([(ZONE, zone), (CAPACITY_TYPE, capacity)]),
        }
    }

    /// Whether it can be had under these requirements.
    pub fn suits(&self, requirements: &Requirements) -> bool {
        self.available && requirements.are_compatible(&self.requirements, true)
    }
}

/// An instance type.
#[derive(Debug, Clone, PartialEq)]
pub struct InstanceType {
    /// Name.
    pub name: String,
    /// What its nodes' labels are.
    pub requirements: Requirements,
    /// Where it can be had.
    pub offerings: Vec<Offering>,
    /// All that it has.
    pub capacity: Resources,
    /// What of it pods can have.
    pub allocatable: Resources,
}

impl InstanceType {
    /// An instance type that runs Linux.
    pub fn new(
        name: &str,
        arch: &str,
        capacity: Resources,
        allocatable: Resources,
        offerings: Vec<Offering>,
    ) -> Self {
        let labels = [(INSTANCE_TYPE, name), (ARCH, arch), (OS, "linux")];
        let mut requirements = Requirements::of_labels(labels);
        let zones: BTreeSet<&str> = offerings.iter().map(|of| of.zone.as_str()).collect();
        let kinds: BTreeSet<&str> = offerings
            .iter()
            .map(|of| if of.spot { SPOT } else { ON_DEMAND })
            .collect();
        let one_of = |values| Requirement::new(super::requirement::Operator::In, values);
        requirements.add(ZONE, one_of(zones));
        requirements.add(CAPACITY_TYPE, one_of(kinds));
        Self {
            name: name.to_owned(),
            requirements,
            offerings,
            capacity,
            allocatable,
        }
    }

    /// The cheapest offering under these requirements.
    pub fn cheapest(&self, requirements: &Requirements) -> Option<&Offering> {
        let suitable = self.offerings.iter().filter(|of| of.suits(requirements));
        suitable.min_by(|a, b| a.price.total_cmp(&b.price))
    }

    /// The most that a launch can cost: spot capacity is asked for first where it is allowed.
    pub fn worst_launch_price(&self, requirements: &Requirements) -> f64 {
        let worst = |spot: bool| {
            let suitable = self.offerings.iter().filter(|of| of.suits(requirements));
            let prices = suitable.filter(|of| of.spot == spot).map(|of| of.price);
            prices.max_by(f64::total_cmp)
        };
        worst(true).or_else(|| worst(false)).unwrap_or(f64::MAX)
    }

    /// The price of a node of this type in a zone; `None` if it cannot be had there.
    pub fn price(&self, zone: &str, spot: bool) -> Option<f64> {
        let of = self
            .offerings
            .iter()
            .find(|of| of.zone == zone && of.spot == spot);
        of.map(|of| of.price)
    }
}

/// Puts the cheapest first, as they can be had under the requirements.
pub fn order_by_price(types: &mut [&InstanceType], requirements: &Requirements) {
    types.sort_by(|a, b| {
        let price = |kind: &InstanceType| {
            let cheapest = kind.cheapest(requirements);
            cheapest.map_or(f64::MAX, |of| of.price)
        };
        price(a).total_cmp(&price(b))
    });
}

/// How many of the first types satisfy every `minValues`; `None` if all of them do not.
pub fn types_for_min_values(types: &[&InstanceType], requirements: &Requirements) -> Option<usize> {
    let wanted: Vec<(&str, usize)> = requirements
        .iter()
        .filter_map(|(label, requirement)| Some((label, requirement.min_values?)))
        .collect();
    if wanted.is_empty() {
        return Some(0);
    }
    let mut found: Vec<BTreeSet<&String>> = vec![BTreeSet::new(); wanted.len()];
    for (at, kind) in types.iter().enumerate() {
        for ((label, _), values) in wanted.iter().zip(&mut found) {
            let listed = kind.requirements.get(label).and_then(Requirement::listed);
            values.extend(listed.into_iter().flatten());
        }
        let enough =
            |((_, least), values): (&(&str, usize), &BTreeSet<&String>)| values.len() >= *least;
        if wanted.iter().zip(&found).all(enough) {
            return Some(at + 1);
        }
    }
    None
}

/// What a launch comes to: a type and where it runs.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Launch<'a> {
    /// The type.
    pub kind: &'a InstanceType,
    /// Zone, capacity type and price.
    pub offering: &'a Offering,
}

/// Launches the cheapest of the types: from spot capacity if it is allowed and can be had.
pub fn launch<'a>(types: &[&'a InstanceType], requirements: &Requirements) -> Option<Launch<'a>> {
    let cheapest = |spot: bool| {
        let offerings = types.iter().flat_map(|kind| {
            let suitable = kind.offerings.iter().filter(|of| of.suits(requirements));
            suitable.map(move |offering| Launch { kind, offering })
        });
        offerings
            .filter(|launch| launch.offering.spot == spot)
            .min_by(|a, b| a.offering.price.total_cmp(&b.offering.price))
    };
    cheapest(true).or_else(|| cheapest(false))
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use crate::units::{Bytes, Millicores};
    use serde_json::json;

    /// A type with so many cores and GiB in two zones, the second a little dearer, spot at a
    /// third.
    pub(in super::super) fn kind(name: &str, cores: i64, gib: i64, price: f64) -> InstanceType {
        let capacity = Resources::of(Millicores(cores * 1000), Bytes(gib << 30)).with_pods(10);
        let offerings = vec![
            Offering::new("a", false, price),
            Offering::new("b", false, price * 1.1),
            Offering::new("a", true, price / 3.0),
        ];
        InstanceType::new(name, "amd64", capacity.clone(), capacity, offerings)
    }

    fn read(list: &serde_json::Value) -> Requirements {
        Requirements::read(list).unwrap()
    }

    #[test]
    fn prices_are_those_that_can_be_had() {
        let mut small = kind("small", 2, 4, 0.3);
        let any = Requirements::default();
        let on_demand =
            read(&json!([{"key": CAPACITY_TYPE, "operator": "In", "values": [ON_DEMAND]}]));
        let in_b = read(&json!([{"key": ZONE, "operator": "In", "values": ["b"]}]));
        assert_eq!(small.cheapest(&any).map(|of| of.spot), Some(true));
        assert_eq!(small.cheapest(&in_b).map(|of| of.price), Some(0.3 * 1.1));
        assert_eq!(small.worst_launch_price(&any), 0.3 / 3.0);
        assert_eq!(small.worst_launch_price(&on_demand), 0.3 * 1.1);
        let nowhere = read(&json!([{"key": ZONE, "operator": "In", "values": ["c"]}]));
        assert_eq!(small.worst_launch_price(&nowhere), f64::MAX);
        let large = kind("large", 4, 8, 0.29);
        let launched = launch(&[&small, &large], &on_demand).map(|it| it.kind.name.as_str());
        assert_eq!(launched, Some("large"));
        small.offerings[2].available = false;
        let launched = launch(&[&small], &any).expect("on demand");
        assert_eq!(
            (launched.offering.spot, launched.offering.price),
            (false, 0.3)
        );
        let mut types = [&small, &large];
        order_by_price(&mut types, &any);
        assert_eq!(types[0].name, "large");
    }

    #[test]
    fn min_values_count_the_values_that_stay_possible() {
        let types = ["c4.large", "c5.xlarge", "m4.2xlarge"].map(|name| kind(name, 2, 4, 0.1));
        let types: Vec<&InstanceType> = types.iter().collect();
        let flexible = |least: usize| {
            read(&json!([{"key": INSTANCE_TYPE, "operator": "Exists", "minValues": least}]))
        };
        assert_eq!(types_for_min_values(&types, &flexible(2)), Some(2));
        assert_eq!(types_for_min_values(&types, &flexible(4)), None);
        assert_eq!(
            types_for_min_values(&types, &Requirements::default()),
            Some(0)
        );
    }
}
