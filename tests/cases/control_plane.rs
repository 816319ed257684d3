//! The control plane around the autoscalers: readiness, sync periods, delays, events.
