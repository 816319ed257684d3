//! VerticalPodAutoscalers in odd company.
