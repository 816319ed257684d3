//! Limits in proportion to requests, in integers.
//!
//! Follows `pkg/utils/vpa/limit_and_request_scaling.go`: CPU in millicores, memory in whole
//! bytes, quotients usually rounded down, results beyond 64 bits capped. An amount of zero counts
//! as absent throughout.

use super::annotation::Remark;
use crate::autoscaler::vpa::Resource;
use crate::units::Quantity;

/// The limit that keeps the container's ratio of limit to request
/// (`getProportionalResourceLimit`), with what there is to note.
///
/// Without a limit of its own the container has `default_limit`, the LimitRange's. A
/// container without a request has, as for the API server, the limit as its request.
pub(super) fn limit(
    resource: Resource,
    original_limit: Option<Quantity>,
    original_request: Option<Quantity>,
    recommended: Option<Quantity>,
    default_limit: Option<Quantity>,
) -> (Option<Quantity>, Option<Remark>) {
    let Some(original_limit) = present(original_limit).or(present(default_limit)) else {
        return (None, Some(Remark::NoOriginalLimit));
    };
    let Some(recommended) = present(recommended) else {
        return (None, Some(Remark::NoRecommendedRequest));
    };
    let Some(original_request) = present(original_request) else {
        return (Some(recommended), None);
    };
    if original_request.milli_value() == original_limit.milli_value() {
        return (Some(recommended), None);
    }
    let (limit, fits) = scale(
        resource,
        original_limit,
        original_request,
        recommended,
        Rounding::Down,
    );
    (Some(limit), (!fits).then_some(Remark::RatioLost))
}

/// The request whose limit, in the container's ratio, is `boundary`
/// (`GetBoundaryRequest`); `None` if there is no boundary.
pub(super) fn boundary_request(
    resource: Resource,
    original_request: Option<Quantity>,
    original_limit: Option<Quantity>,
    boundary: Option<Quantity>,
    default_limit: Option<Quantity>,
) -> Option<Quantity> {
    let original_limit = present(original_limit).or(present(default_limit))?;
    let Some(original_request) = present(original_request) else {
        return boundary;
    };
    let (request, _) = scale(
        resource,
        original_request,
        original_limit,
        boundary?,
        Rounding::Down,
    );
    Some(request)
}

/// Which way a quotient in millicores is rounded. Memory is always cut to whole bytes:
/// what upstream does to round it up comes after that and changes nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Rounding {
    /// To the next lower amount.
    Down,
    /// To the next higher amount.
    Up,
}

/// `quantity * result / base` in the resource's unit, printed as `quantity` is, and whether
/// it fits into 64 bits. A base of zero leaves the quantity as it is.
pub(super) fn scale(
    resource: Resource,
    quantity: Quantity,
    base: Quantity,
    result: Quantity,
    rounding: Rounding,
) -> (Quantity, bool) {
    if base.is_zero() {
        return (quantity, true);
    }
    let unit = match resource {
        Resource::Cpu => Quantity::milli_value,
        Resource::Memory => Quantity::value,
    };
    let [amount, base, result] = [quantity, base, result].map(|q| i128::from(unit(q)));
    let product = amount * result;
    let up = rounding == Rounding::Up && resource == Resource::Cpu;
    let remainder = i128::from(up && product.rem_euclid(base) != 0);
    let scaled = i64::try_from(product.div_euclid(base) + remainder);
    let amount = match resource {
        Resource::Cpu => Quantity::from_millis,
        Resource::Memory => Quantity::from_units,
    };
    let format = quantity.format();
    match scaled {
        Ok(scaled) => (amount(scaled, format), true),
        Err(_) => (amount(i64::MAX, format), false),
    }
}

fn present(amount: Option<Quantity>) -> Option<Quantity> {
    amount.filter(|amount| amount.value() != 0)
}
