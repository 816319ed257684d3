//! `redis`, `redis-cluster` and `redis-sentinel`: the length of a list, set or hash.

use super::super::go::Int;
use super::super::metric::{MetricSpec, MetricTarget, normalize};
use super::super::typed_config::{Param, Params, ScalerConfig, Source};

/// A list and its target.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Redis {
    list_name: String,
    list_length: i64,
    activation_list_length: i64,
}

impl Redis {
    pub(super) fn build(config: ScalerConfig) -> Result<Self, String> {
        const WHAT: &str = "error parsing redis metadata";
        let mut params = Params::new(config);
        let scaler = Self {
            list_length: params.read(Param::new(&["listLength"]).or("5")),
            activation_list_length: params.read(Param::new(&["activationListLength"]).optional()),
            list_name: params.read(Param::new(&["listName"])),
        };
        let validation = connection(&mut params);
        params
            .finish(validation)
            .map_err(|error| format!("{WHAT}: {WHAT}: {error}"))?;
        Ok(scaler)
    }

    pub(super) fn list(&self) -> &str {
        &self.list_name
    }

    pub(super) fn metric_spec(&self, index: usize, kind: &str) -> MetricSpec {
        let name = normalize(&format!("redis-{}", self.list_name));
        MetricSpec::external(index, &name, MetricTarget::whole(kind, self.list_length))
    }

    pub(super) const fn measure(&self, length: i64) -> (f64, bool) {
        (length as f64, length > self.activation_list_length)
    }
}

/// Database, address and TLS of the server.
pub(super) fn connection(params: &mut Params) -> Result<(), String> {
    let everywhere: &[Source] = &[
        Source::TriggerMetadata,
        Source::AuthParams,
        Source::ResolvedEnv,
    ];
    let _: Int = params.read(Param::new(&["databaseIndex"]).optional());
    let metadata_tls: String = params.read(Param::new(&["enableTLS"]).optional());
    let auth_tls: String = params.read(Param::new(&["tls"]).from(&[Source::AuthParams]).optional());
    let _: bool = params.read(Param::new(&["unsafeSsl"]).or("false"));
    let mut list = |names: &[&str]| -> (Vec<String>, bool) {
        let param = Param::new(names).from(everywhere).optional();
        let secret = params.may_be_secret(param) && params.find(param).is_none();
        (params.read(param), secret)
    };
    let (mut addresses, address_secret) = list(&["address", "addresses"]);
    let (hosts, _) = list(&["host", "hosts"]);
    let (ports, _) = list(&["port", "ports"]);
    if !hosts.is_empty() && !ports.is_empty() {
        if hosts.len() != ports.len() {
            return Err(
                "not enough hosts or ports given. number of hosts should be equal to the number \
                 of ports"
                    .to_owned(),
            );
        }
        addresses.extend(
            hosts
                .iter()
                .zip(&ports)
                .map(|(host, port)| format!("{host}:{port}")),
        );
    }
    if !address_secret && addresses.first().is_none_or(String::is_empty) {
        return Err(
            "no addresses or hosts given. address should be a comma separated list of host:port \
             or set the host/port values"
                .to_owned(),
        );
    }
    if !metadata_tls.is_empty() && !auth_tls.is_empty() {
        return Err(
            "unable to set `tls` in both ScaledObject and TriggerAuthentication together"
                .to_owned(),
        );
    }
    if !metadata_tls.is_empty() {
        super::super::go::parse_bool(&metadata_tls)
            .map_err(|error| format!("EnableTLS parsing error {error}"))?;
    }
    if !matches!(auth_tls.as_str(), "" | "enable" | "disable") {
        return Err(format!("error incorrect TLS value given, got {auth_tls}"));
    }
    Ok(())
}
