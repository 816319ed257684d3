//! A LimitRange of type `Pod`: bounds on the sum over a pod's containers, kept by scaling
//! every container's share.
//!
//! Follows `capProportionallyToPodLimitRange` in `pkg/utils/vpa/capping.go`, with its
//! oddities: containers without a recommendation are scaled with their requests as target,
//! a resource that a recommendation leaves out comes in as 0 (or, where scaling down rounds
//! through a subtraction, as -1 byte), and where bounds to write to do not exist upstream
//! panics.

use super::UpstreamPanic;
use super::limit_range::LimitRangeItem;
use super::proportional::{self, Rounding};
use crate::autoscaler::vpa::pod::Container;
use crate::autoscaler::vpa::{Resource, Resources};
use crate::units::{Quantity, QuantityFormat};

/// The recommendation for one container on its way through the caps.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Amounts {
    pub(super) target: Resources,
    pub(super) lower_bound: Resources,
    pub(super) upper_bound: Resources,
}

/// Which of the amounts a pass is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Field {
    UpperBound,
    Target,
    LowerBound,
}

impl Amounts {
    fn field(&mut self, field: Field) -> &mut Resources {
        match field {
            Field::UpperBound => &mut self.upper_bound,
            Field::Target => &mut self.target,
            Field::LowerBound => &mut self.lower_bound,
        }
    }

    /// Sets one amount. Bounds that the recommendation does not have are a nil map.
    fn set(
        &mut self,
        field: Field,
        resource: Resource,
        amount: Quantity,
    ) -> Result<(), UpstreamPanic> {
        let amounts = self.field(field);
        if field != Field::Target && amounts.is_empty() {
            return Err(UpstreamPanic);
        }
        *amounts.get_mut(resource) = Some(amount);
        Ok(())
    }
}

/// Scales the recommendations (one place per container) until sums of requests and of
/// limits are within the item's bounds.
pub(super) fn apply(
    recommended: &mut [Option<Amounts>],
    containers: &[Container<'_>],
    item: &LimitRangeItem,
) -> Result<(), UpstreamPanic> {
    for (amounts, container) in recommended.iter_mut().zip(containers) {
        if amounts.is_none() && !container.requests.is_empty() {
            *amounts = Some(Amounts {
                target: container.requests,
                ..Amounts::default()
            });
        }
    }
    for field in [Field::UpperBound, Field::Target, Field::LowerBound] {
        for resource in Resource::ALL {
            scale_into(recommended, containers, item, field, resource)?;
        }
    }
    Ok(())
}

/// One pass (`applyPodLimitRange`).
fn scale_into(
    recommended: &mut [Option<Amounts>],
    containers: &[Container<'_>],
    item: &LimitRangeItem,
    field: Field,
    resource: Resource,
) -> Result<(), UpstreamPanic> {
    let bound = |bounds: &Resources| bounds.get(resource).unwrap_or(Quantity::ZERO);
    let (min, max) = (bound(&item.min), bound(&item.max));
    let default_limit = item.default.get(resource);
    let (mut limits, mut requests) = (0, 0);
    for (amounts, container) in recommended.iter_mut().zip(containers) {
        let request = container.requests.get(resource);
        let amount = match amounts {
            Some(amounts) => amounts.field(field).get(resource),
            None => request,
        };
        let own_limit = container.limits.get(resource);
        let (limit, _) = proportional::limit(resource, own_limit, request, amount, default_limit);
        limits += limit.map_or(0, Quantity::nanos);
        requests += amount.map_or(0, Quantity::nanos);
    }
    let limits = Quantity::from_nanos(limits, QuantityFormat::DecimalSi);
    let requests = Quantity::from_nanos(requests, QuantityFormat::DecimalSi);
    let too_large = !max.is_zero() && max < limits;
    if min <= limits && min <= requests && !too_large || limits.is_zero() {
        return Ok(());
    }
    if min > requests {
        for amounts in recommended.iter_mut().flatten() {
            let amount = amounts.field(field).get(resource).unwrap_or(Quantity::ZERO);
            let (amount, _) = proportional::scale(resource, amount, requests, min, Rounding::Up);
            amounts.set(field, resource, amount)?;
        }
        return Ok(());
    }
    let total = if too_large { max } else { min };
    for amounts in recommended {
        let amounts = amounts.as_mut().ok_or(UpstreamPanic)?;
        let amount = amounts.field(field).get(resource).unwrap_or(Quantity::ZERO);
        let (amount, _) = proportional::scale(resource, amount, limits, total, Rounding::Down);
        amounts.set(field, resource, less_than_a_unit_down(resource, amount))?;
    }
    Ok(())
}

/// Memory is rounded down to whole bytes by subtracting 0.999 and rounding away from zero.
/// The amount is whole already, so that this only changes 0, to -1.
fn less_than_a_unit_down(resource: Resource, amount: Quantity) -> Quantity {
    if resource == Resource::Memory && amount.is_zero() {
        Quantity::from_units(-1, amount.format())
    } else {
        amount
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn amounts(cpu: &str, memory: &str) -> Resources {
        let read = |text: &str| text.parse().ok();
        Resources {
            cpu: read(cpu),
            memory: read(memory),
        }
    }

    fn container(name: &'static str, requests: Resources, limits: Resources) -> Container<'static> {
        Container {
            name,
            requests,
            limits,
        }
    }

    fn everywhere(amounts: Resources) -> Amounts {
        Amounts {
            target: amounts,
            lower_bound: amounts,
            upper_bound: amounts,
        }
    }

    fn max(max: Resources) -> LimitRangeItem {
        LimitRangeItem {
            max,
            ..LimitRangeItem::default()
        }
    }

    fn min(min: Resources) -> LimitRangeItem {
        LimitRangeItem {
            min,
            ..LimitRangeItem::default()
        }
    }

    #[test]
    fn every_container_gives_its_share() {
        let requests = amounts("100m", "100");
        let containers = [
            container("api", requests, amounts("200m", "100")),
            container("sidecar", requests, amounts("100m", "100")),
        ];
        let mut recommended = [
            Some(everywhere(amounts("1", "400"))),
            Some(everywhere(amounts("1", "800"))),
        ];
        apply(&mut recommended, &containers, &max(amounts("1500m", "300"))).expect("no panic");
        // Limits of 2 and 1 cores come to 3, half of which is allowed.
        assert_eq!(
            recommended,
            [
                Some(everywhere(amounts("500m", "100"))),
                Some(everywhere(amounts("500m", "200")))
            ]
        );
    }

    #[test]
    fn shares_of_a_minimum_are_rounded_up_for_cpu_only() {
        let requests = amounts("100m", "100");
        let containers = [
            container("api", requests, requests),
            container("sidecar", requests, requests),
        ];
        let mut recommended = [
            Some(everywhere(amounts("27m", "27"))),
            Some(everywhere(amounts("48m", "48"))),
        ];
        apply(&mut recommended, &containers, &min(amounts("396m", "396"))).expect("no panic");
        assert_eq!(
            recommended,
            [
                Some(everywhere(amounts("143m", "142"))),
                Some(everywhere(amounts("254m", "253")))
            ]
        );
    }

    #[test]
    fn without_limits_nothing_is_scaled() {
        let containers = [container("api", amounts("10m", "10"), Resources::default())];
        let given = [Some(everywhere(amounts("27m", "27")))];
        let mut recommended = given;
        apply(&mut recommended, &containers, &min(amounts("1", "1Gi"))).expect("no panic");
        assert_eq!(recommended, given);
    }

    #[test]
    fn containers_without_recommendation_take_part_with_their_requests() {
        let requests = amounts("1", "100");
        let containers = [
            container("api", requests, Resources::default()),
            container("sidecar", requests, requests),
        ];
        let mut recommended = [Some(everywhere(amounts("500m", "50"))), None];
        apply(&mut recommended, &containers, &max(amounts("2", "200"))).expect("no panic");
        let of_requests = recommended[1].expect("the requests stand in");
        assert_eq!(of_requests.target, requests);
        assert_eq!(of_requests.upper_bound, Resources::default());
    }

    #[test]
    fn bounds_that_do_not_exist_cannot_be_scaled() {
        let requests = amounts("1", "100");
        let containers = [
            container("api", requests, requests),
            container("sidecar", requests, requests),
        ];
        let mut recommended = [Some(everywhere(amounts("4", "50"))), None];
        let found = apply(&mut recommended, &containers, &max(amounts("2", "")));
        assert_eq!(found, Err(UpstreamPanic));
    }

    #[test]
    fn a_resource_left_out_of_a_recommendation_becomes_a_byte_too_few() {
        let requests = amounts("", "100");
        let containers = [
            container("api", requests, requests),
            container("sidecar", requests, requests),
        ];
        let mut recommended = [
            Some(everywhere(amounts("", "400"))),
            Some(everywhere(amounts("1", ""))),
        ];
        apply(&mut recommended, &containers, &max(amounts("", "200"))).expect("no panic");
        assert_eq!(recommended[0], Some(everywhere(amounts("", "200"))));
        assert_eq!(recommended[1], Some(everywhere(amounts("1", "-1"))));
    }
}
