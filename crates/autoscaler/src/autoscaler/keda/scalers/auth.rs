//! Authentication modes of HTTP scalers: `authentication_types.go`.

use super::super::typed_config::{Param, Params, Source};

const FROM_AUTH: &[Source] = &[Source::AuthParams];
const FROM_BOTH: &[Source] = &[Source::TriggerMetadata, Source::AuthParams];

/// Reads `authModes` and refuses modes whose parameters are missing.
pub(super) fn read(params: &mut Params) {
    let modes_param = Param::new(&["authModes", "authMode"])
        .from(FROM_BOTH)
        .optional()
        .one_of(&["apiKey", "basic", "tls", "bearer", "custom", "oauth"]);
    let modes: Vec<String> = params.read(modes_param);
    let exclusive = |mode: &&String| matches!(mode.as_str(), "bearer" | "basic" | "oauth");
    if modes.iter().filter(exclusive).count() > 1 {
        params.fault(format!(
            "parameter \"authModes,authMode\" value {:?} must contain only one of [bearer basic \
             oauth]",
            modes.join(",")
        ));
        return;
    }
    let given = |params: &Params, names: &[&str], order: &[Source]| {
        let param = Param::new(names).from(order);
        params.may_be_secret(param) || params.find(param).is_some()
    };
    let empty = |is_given: bool| if is_given { "<present>" } else { "<empty>" };
    for mode in &modes {
        let one = |params: &Params, name| given(params, &[name], FROM_AUTH);
        let fault = match mode.as_str() {
            "bearer" if !given(params, &["bearerToken", "token"], FROM_AUTH) => {
                "bearer token=<empty> is required when bearer auth is enabled".to_owned()
            }
            "basic" if !one(params, "username") => {
                "username=<empty> is required when basic auth is enabled".to_owned()
            }
            "tls" if !(one(params, "cert") && one(params, "key")) => format!(
                "cert={} and key={} are required when tls auth is enabled",
                empty(one(params, "cert")),
                empty(one(params, "key"))
            ),
            "oauth" if !(one(params, "oauthTokenURI") && one(params, "clientID")) => format!(
                "oauthTokenURI={} and clientID={} are required when oauth is enabled",
                empty(one(params, "oauthTokenURI")),
                empty(one(params, "clientID"))
            ),
            "custom" if !(one(params, "customAuthHeader") && one(params, "customAuthValue")) => {
                format!(
                    "customAuthHeader={} and customAuthValue={} are required when custom auth is \
                     enabled",
                    empty(one(params, "customAuthHeader")),
                    empty(one(params, "customAuthValue"))
                )
            }
            "apiKey" if !given(params, &["apiKey"], FROM_BOTH) => {
                "apiKey is required when apiKey auth is enabled".to_owned()
            }
            _ => continue,
        };
        params.fault(fault);
        return;
    }
}
