//! Short names for long paths.

/// The shortest ends of the paths, whole segments each, that tell the paths apart.
pub fn labels(paths: &[&str]) -> Vec<String> {
    let label = |path: &&str| {
        let mut starts: Vec<usize> = path
            .char_indices()
            .filter(|(_, c)| matches!(c, '.' | ':' | '/'))
            .map(|(at, _)| at + 1)
            .collect();
        starts.insert(0, 0);
        let alone = |start: &&usize| {
            let end = &path[**start..];
            paths.iter().filter(|other| ends_with(other, end)).count() == 1
        };
        let start = starts.iter().rev().find(alone).copied().unwrap_or(0);
        path[start..].to_owned()
    };
    paths.iter().map(label).collect()
}

/// Whether a path ends with these whole segments.
fn ends_with(path: &str, end: &str) -> bool {
    path.strip_suffix(end)
        .is_some_and(|head| head.is_empty() || head.ends_with(['.', ':', '/']))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn labels_are_as_long_as_they_must_be() {
        let paths = [
            "HorizontalPodAutoscaler/api:spec.metrics[cpu].resource.target.averageUtilization",
            "HorizontalPodAutoscaler/api:spec.behavior.scaleUp.stabilizationWindowSeconds",
            "HorizontalPodAutoscaler/api:spec.behavior.scaleDown.stabilizationWindowSeconds",
            "maxReplicas",
        ];
        assert_eq!(
            labels(&paths),
            [
                "averageUtilization",
                "scaleUp.stabilizationWindowSeconds",
                "scaleDown.stabilizationWindowSeconds",
                "maxReplicas"
            ]
        );
        assert_eq!(labels(&["a.b", "a.b"]), ["a.b", "a.b"]);
    }
}
