//! One pass of the updater (`RunOnce` in `pkg/updater/logic/updater.go`).
//!
//! For each VPA: which pods may be disrupted, which of them need it and in which order; then
//! resizes or evicts them one by one and checks again before each.

use super::action::{Action, ActionKind};
use super::candidates::{Candidate, Selection};
use super::held::Held;
use super::in_place::{InPlace, InPlaceDecision};
use super::restriction::Restriction;
use super::unboost;
use super::view::View;
use super::{Api, ResizeRefused, Updater};
use crate::autoscaler::vpa::UpdateMode;
use crate::autoscaler::vpa::admission::{ContainerUpdate, UpstreamPanic};
use crate::sim::SimTime;

/// One pass over the VPAs.
#[derive(Debug)]
pub struct Pass<'u> {
    updater: &'u mut Updater,
    /// Advances while a rate limit makes the updater wait.
    now: SimTime,
    deadline: SimTime,
    is_over: bool,
}

/// What a pass did about one VPA.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct VpaPass {
    /// Pods accepted for an update, the most urgent first.
    pub candidates: Vec<Candidate>,
    /// What was done, in order.
    pub actions: Vec<Action>,
    /// Pods about which nothing was done, or in vain, each with the reason.
    pub held: Vec<(usize, Held)>,
}

impl VpaPass {
    fn note(&mut self, pod: usize, at: SimTime, kind: ActionKind) {
        self.actions.push(Action { pod, at, kind });
    }

    fn hold(&mut self, pods: impl IntoIterator<Item = usize>, reason: Held) {
        self.held.extend(pods.into_iter().map(|pod| (pod, reason)));
    }
}

impl<'u> Pass<'u> {
    pub(super) fn new(updater: &'u mut Updater, now: SimTime) -> Self {
        Self {
            deadline: now + updater.flags.updater_interval,
            updater,
            now,
            is_over: false,
        }
    }

    /// When the pass is now: later than it began only under a rate limit.
    pub const fn now(&self) -> SimTime {
        self.now
    }

    /// Updates the pods of one VPA. Once a rate limit has outlasted the pass, nothing is
    /// done about further VPAs.
    pub fn update(
        &mut self,
        view: &View<'_>,
        api: &mut impl Api,
    ) -> Result<VpaPass, UpstreamPanic> {
        let mut outcome = VpaPass::default();
        let in_place = match view.vpa.update_mode {
            UpdateMode::Off | UpdateMode::Initial => None,
            UpdateMode::InPlace if !self.updater.gates.in_place => None,
            UpdateMode::Recreate | UpdateMode::Auto => Some(false),
            UpdateMode::InPlaceOrRecreate | UpdateMode::InPlace => Some(true),
        };
        let boosts = self.updater.gates.cpu_startup_boost && view.vpa.has_startup_boost();
        let mut pods: Vec<usize> = (0..view.pods.len()).collect();
        if self.is_over || (in_place.is_none() && !boosts) {
            outcome.hold(pods, self.why_none());
            return Ok(outcome);
        }
        let mut restriction = Restriction::new(view, &self.updater.flags);
        if boosts {
            self.unboost(view, &mut restriction, api, &mut outcome)?;
            let boosted = pods.extract_if(.., |pod| view.pods[*pod].is_boosted());
            outcome.hold(boosted, Held::Boosted);
        }
        let Some(in_place) = in_place.filter(|_| !self.is_over) else {
            outcome.hold(pods, self.why_none());
            return Ok(outcome);
        };
        let chosen = if in_place {
            self.resizable(view, pods, &restriction, &mut outcome)
        } else {
            self.retain_evictable(view, pods, &restriction, &mut outcome)
        };
        let selection = Selection {
            view,
            flags: &self.updater.flags,
            gates: self.updater.gates,
            infeasible: &self.updater.infeasible,
            now: self.now,
        };
        outcome.candidates = selection.choose(chosen, &mut outcome.held)?;
        let order: Vec<usize> = outcome.candidates.iter().map(|chosen| chosen.pod).collect();
        let to_evict = if in_place {
            self.resize(view, order, &mut restriction, api, &mut outcome)?
        } else {
            order
        };
        self.evict(view, to_evict, &mut restriction, api, &mut outcome);
        Ok(outcome)
    }

    /// Why nothing at all is done about a VPA.
    const fn why_none(&self) -> Held {
        if self.is_over {
            Held::RateLimit
        } else {
            Held::Gate
        }
    }

    /// Pods that may be evicted before anything is done (`filterNonEvictablePods`).
    pub fn evictable(&mut self, view: &View<'_>) -> Vec<usize> {
        let restriction = Restriction::new(view, &self.updater.flags);
        let pods = (0..view.pods.len()).collect();
        self.retain_evictable(view, pods, &restriction, &mut VpaPass::default())
    }

    fn retain_evictable(
        &mut self,
        view: &View<'_>,
        mut pods: Vec<usize>,
        restriction: &Restriction,
        outcome: &mut VpaPass,
    ) -> Vec<usize> {
        let clock = &mut self.updater.resize_clock;
        pods.retain(|place| {
            let pod = &view.pods[*place];
            let may = restriction.can_evict(pod, clock, self.now);
            if !may {
                outcome.held.push((*place, restriction.why_not(pod)));
            }
            may
        });
        pods
    }

    /// Ends the boosts that have lasted long enough; a pod that still has another is left
    /// alone by the rest of the pass.
    fn unboost(
        &mut self,
        view: &View<'_>,
        restriction: &mut Restriction,
        api: &mut impl Api,
        outcome: &mut VpaPass,
    ) -> Result<(), UpstreamPanic> {
        let due: Vec<usize> = (0..view.pods.len())
            .filter(|pod| unboost::is_due(view, &view.pods[*pod], self.now))
            .collect();
        for index in due {
            if !unboost::can_unboost(view, &view.pods[index], restriction, self.now) {
                continue;
            }
            let Some(at) = self.updater.resizes.wait(self.now, self.deadline) else {
                self.is_over = true;
                break;
            };
            self.now = at;
            let kind = match self.try_resize(view, index, restriction, api)? {
                Ok(()) => {
                    restriction.resize_started(&view.pods[index]);
                    ActionKind::Resized
                }
                Err(refused) => ActionKind::ResizeFailed(refused),
            };
            outcome.note(index, at, kind);
        }
        Ok(())
    }

    /// Pods to look at in the in-place modes (`filterNonInPlaceUpdatablePods`): with `InPlace`
    /// also those with a resize under way, with `InPlaceOrRecreate` also those to evict.
    fn resizable(
        &mut self,
        view: &View<'_>,
        pods: Vec<usize>,
        restriction: &Restriction,
        outcome: &mut VpaPass,
    ) -> Vec<usize> {
        let never_evict = view.vpa.update_mode == UpdateMode::InPlace;
        let mut chosen = Vec::new();
        for index in pods {
            let take = match self.decide(view, index, restriction) {
                InPlaceDecision::Approved => true,
                InPlaceDecision::Infeasible | InPlaceDecision::Deferred => never_evict,
                InPlaceDecision::Evict => !never_evict,
                InPlaceDecision::InfeasibleCached => {
                    outcome.note(index, self.now, ActionKind::ResizeSkipped);
                    outcome.hold([index], Held::Infeasible);
                    continue;
                }
            };
            if take {
                chosen.push(index);
            } else {
                outcome.hold([index], why_deferred(view, index, restriction));
            }
        }
        chosen
    }

    fn decide(
        &mut self,
        view: &View<'_>,
        index: usize,
        restriction: &Restriction,
    ) -> InPlaceDecision {
        let in_place = InPlace {
            view,
            skip_disruption_budget: self.updater.flags.in_place_skip_disruption_budget,
            infeasible: &self.updater.infeasible,
        };
        let clock = &mut self.updater.resize_clock;
        in_place.decide(&view.pods[index], restriction, clock, self.now)
    }

    /// Resizes the pods in order and returns those to evict instead.
    fn resize(
        &mut self,
        view: &View<'_>,
        order: Vec<usize>,
        restriction: &mut Restriction,
        api: &mut impl Api,
        outcome: &mut VpaPass,
    ) -> Result<Vec<usize>, UpstreamPanic> {
        let never_evict = view.vpa.update_mode == UpdateMode::InPlace;
        let recommendations = view.recommendations.unwrap_or_default();
        let mut to_evict = Vec::new();
        let mut order = order.into_iter();
        while let Some(index) = order.next() {
            let pod = &view.pods[index];
            match self.decide(view, index, restriction) {
                InPlaceDecision::Approved => {}
                InPlaceDecision::Deferred if never_evict => {}
                InPlaceDecision::Infeasible => self.updater.infeasible.record(pod, recommendations),
                InPlaceDecision::Deferred | InPlaceDecision::InfeasibleCached => {
                    outcome.hold([index], why_deferred(view, index, restriction));
                    continue;
                }
                InPlaceDecision::Evict => {
                    to_evict.push(index);
                    continue;
                }
            }
            let Some(at) = self.updater.resizes.wait(self.now, self.deadline) else {
                self.is_over = true;
                outcome.hold([index].into_iter().chain(order), Held::RateLimit);
                outcome.hold(to_evict, Held::RateLimit);
                return Ok(Vec::new());
            };
            self.now = at;
            match self.try_resize(view, index, restriction, api)? {
                Ok(()) => {
                    restriction.resize_started(pod);
                    outcome.note(index, at, ActionKind::Resized);
                }
                Err(refused) => {
                    outcome.note(index, at, ActionKind::ResizeFailed(refused));
                    if !never_evict {
                        to_evict.push(index);
                        continue;
                    }
                    outcome.hold([index], Held::ResizeRefused);
                    if refused == ResizeRefused::NodeCapacity {
                        self.updater.infeasible.record(pod, recommendations);
                    }
                }
            }
        }
        Ok(to_evict)
    }

    /// Sends the patch (`InPlaceUpdate`); an empty one is a failure.
    fn try_resize(
        &self,
        view: &View<'_>,
        index: usize,
        restriction: &Restriction,
        api: &mut impl Api,
    ) -> Result<Result<(), ResizeRefused>, UpstreamPanic> {
        let pod = &view.pods[index];
        if !restriction.knows(pod) {
            return Ok(Err(ResizeRefused::Other));
        }
        let updates = unboost::resources(view, pod, self.now)?;
        let mut places = updates.iter().zip(pod.containers);
        let patches = |(update, container): (&Option<ContainerUpdate>, _)| {
            update
                .as_ref()
                .is_some_and(|update| update.patches(container))
        };
        if !places.any(patches) {
            return Ok(Err(ResizeRefused::Other));
        }
        let updates: Vec<ContainerUpdate> =
            updates.into_iter().map(Option::unwrap_or_default).collect();
        Ok(api.resize(index, &updates, self.now))
    }

    fn evict(
        &mut self,
        view: &View<'_>,
        order: Vec<usize>,
        restriction: &mut Restriction,
        api: &mut impl Api,
        outcome: &mut VpaPass,
    ) {
        for index in order {
            let pod = &view.pods[index];
            if self.is_over {
                outcome.hold([index], Held::RateLimit);
                continue;
            }
            let clock = &mut self.updater.resize_clock;
            if !restriction.can_evict(pod, clock, self.now) {
                outcome.hold([index], restriction.why_not(pod));
                continue;
            }
            let Some(at) = self.updater.evictions.wait(self.now, self.deadline) else {
                self.is_over = true;
                outcome.hold([index], Held::RateLimit);
                continue;
            };
            self.now = at;
            let kind = if api.evict(index, at).is_ok() {
                restriction.evicted(pod);
                ActionKind::Evicted
            } else {
                outcome.hold([index], Held::EvictionRefused);
                ActionKind::EvictionRefused
            };
            outcome.note(index, at, kind);
        }
    }
}

/// Why a pod is not resized now.
fn why_deferred(view: &View<'_>, index: usize, restriction: &Restriction) -> Held {
    let pod = &view.pods[index];
    match pod.resize {
        _ if view.recommendations.is_none_or(<[_]>::is_empty) => Held::NoRecommendation,
        _ if pod.pending => Held::Pending,
        Some(_) if restriction.knows(pod) => Held::ResizeUnderWay,
        _ => restriction.why_not(pod),
    }
}
