//! `kubectl create job --from`: a Job of a CronJob's template.

use std::sync::Arc;

use super::Printed;
use crate::api::{Job, Kind as StoreKind, Labels, ObjectId, ObjectMeta, Write};
use crate::kubectl::command::{CommandLine, CreateJob, DryRun};
use crate::kubectl::kind::Kind;
use crate::kubectl::patch;
use crate::sim::SimTime;
use crate::world::Simulation;

impl Simulation<'_> {
    pub(super) fn create_job(
        &mut self,
        command: &CreateJob,
        line: &CommandLine,
        printed: &mut Printed,
        now: SimTime,
    ) {
        let namespace = line.namespace.as_deref();
        let namespace = namespace.unwrap_or(&self.scenario.namespace).to_owned();
        let from = &command.cron_job;
        let found = self.store.find(StoreKind::CronJob, &namespace, &from.name);
        let Some(ObjectId::CronJob(id)) = found else {
            let (resource, name) = (from.kind.resource(), &from.name);
            printed.error(format!(
                "Error from server (NotFound): {resource} \"{name}\" not found"
            ));
            return;
        };
        let name = command.name.as_str();
        if self.store.find(StoreKind::Job, &namespace, name).is_some() {
            printed.error(format!(
                "error: failed to create job: jobs.batch \"{name}\" already exists"
            ));
            return;
        }
        let (Some(kind), Some(cron_job)) = (Kind::of_kind("Job"), self.store.cron_job(id)) else {
            return;
        };
        printed.out(patch::line(kind, name, "created", line.dry_run));
        if line.dry_run != DryRun::None {
            return;
        }
        let mut annotations = Labels::from([(
            "cronjob.kubernetes.io/instantiate".to_owned(),
            "manual".to_owned(),
        )]);
        annotations.extend((*cron_job.spec.job_annotations).clone());
        let uid = format!("Job/{namespace}/{name}");
        let uid = self.components.pod_control.uid(&uid);
        let template = Arc::clone(&cron_job.template);
        let meta = ObjectMeta {
            labels: Arc::clone(&cron_job.spec.job_labels),
            annotations: Arc::new(annotations),
            owner: Some(ObjectId::CronJob(id)),
            ..ObjectMeta::new(&namespace, name, uid, now)
        };
        let spec = Arc::clone(&cron_job.spec.job);
        let job = Job {
            pod_labels: Arc::new(Job::labels_of_pods(&meta, &spec, &template.labels)),
            meta,
            workload: cron_job.workload,
            spec,
            template,
            status: Arc::default(),
        };
        self.store.commit(now, Write::CreateJob(Box::new(job)));
    }
}
