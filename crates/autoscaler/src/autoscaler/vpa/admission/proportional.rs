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

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::units::QuantityFormat;

    fn quantity(text: &str) -> Option<Quantity> {
        (!text.is_empty()).then(|| text.parse().expect("a quantity"))
    }

    fn limit_of(
        resource: Resource,
        [limit, request, recommended, default]: [&str; 4],
    ) -> (String, Option<Remark>) {
        let (limit, remark) = super::limit(
            resource,
            quantity(limit),
            quantity(request),
            quantity(recommended),
            quantity(default),
        );
        (
            limit.map_or_else(String::new, |limit| limit.to_string()),
            remark,
        )
    }

    #[test]
    fn limits_follow_requests_in_the_containers_ratio() {
        use Resource::{Cpu, Memory};
        for (resource, given, limit, remark) in [
            (
                Cpu,
                ["", "100m", "200m", ""],
                "",
                Some(Remark::NoOriginalLimit),
            ),
            (
                Cpu,
                ["0", "100m", "200m", ""],
                "",
                Some(Remark::NoOriginalLimit),
            ),
            (
                Cpu,
                ["1", "100m", "", ""],
                "",
                Some(Remark::NoRecommendedRequest),
            ),
            (Cpu, ["1", "", "200m", ""], "200m", None),
            (Cpu, ["100m", "100m", "200m", ""], "200m", None),
            (Cpu, ["300m", "100m", "333m", ""], "999m", None),
            (Cpu, ["100m", "300m", "500m", ""], "166m", None),
            (Cpu, ["", "100m", "200m", "400m"], "800m", None),
            (Memory, ["3Gi", "1Gi", "100", ""], "300", None),
            (Memory, ["100", "300", "500", ""], "166", None),
            (Memory, ["1Gi", "1Gi", "300Mi", ""], "300Mi", None),
            (
                Memory,
                ["8Ei", "1", "2", ""],
                "9223372036854775807",
                Some(Remark::RatioLost),
            ),
        ] {
            let found = limit_of(resource, given);
            assert_eq!(found, (limit.to_owned(), remark), "{given:?}");
        }
    }

    #[test]
    fn boundaries_on_limits_become_boundaries_on_requests() {
        for ([request, limit, boundary, default], expected) in [
            (["100m", "", "500m", ""], ""),
            (["", "1", "500m", ""], "500m"),
            (["100m", "1", "500m", ""], "50m"),
            (["100m", "", "500m", "200m"], "250m"),
            (["100m", "1", "", ""], ""),
        ] {
            let found = boundary_request(
                Resource::Cpu,
                quantity(request),
                quantity(limit),
                quantity(boundary),
                quantity(default),
            );
            assert_eq!(found, quantity(expected), "{request} {limit} {boundary}");
        }
    }

    #[test]
    fn a_quotient_is_printed_as_the_scaled_quantity_was() {
        let [base, result] = [1, 3].map(|n| Quantity::from_units(n, QuantityFormat::DecimalSi));
        let quantity = quantity("1Gi").expect("a quantity");
        let (scaled, _) = scale(Resource::Memory, quantity, base, result, Rounding::Down);
        assert_eq!(scaled.to_string(), "3Gi");
    }

    #[test]
    fn only_cpu_is_rounded_up() {
        let millis = |milli| Quantity::from_millis(milli, QuantityFormat::DecimalSi);
        let bytes = |bytes| Quantity::from_units(bytes, QuantityFormat::DecimalSi);
        let up = |resource, [a, b, c]: [Quantity; 3]| scale(resource, a, b, c, Rounding::Up).0;
        assert_eq!(up(Resource::Cpu, [27, 75, 396].map(millis)), millis(143));
        assert_eq!(up(Resource::Cpu, [25, 75, 396].map(millis)), millis(132));
        assert_eq!(up(Resource::Memory, [27, 75, 396].map(bytes)), bytes(142));
    }

    proptest! {
        #[test]
        fn the_ratio_is_kept_to_less_than_a_millicore(
            limit in 1..1_000_000i64, request in 1..1_000_000i64, recommended in 1..1_000_000i64,
        ) {
            let millis = |milli| Some(Quantity::from_millis(milli, QuantityFormat::DecimalSi));
            let (found, remark) =
                super::limit(Resource::Cpu, millis(limit), millis(request), millis(recommended), None);
            let found = found.expect("all amounts are there").milli_value();
            prop_assert_eq!(remark, None);
            prop_assert!(found * request <= limit * recommended);
            prop_assert!((found + 1) * request > limit * recommended);
        }
    }
}
