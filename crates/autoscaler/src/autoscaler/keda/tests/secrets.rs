//! What is refused for what authentication gives or lacks, in upstream's words.

use super::*;

/// What a trigger's own parameters and those of its authentication come to.
fn refused_with(kind: &str, metadata: Value, auth: &[(&str, &str)]) -> Option<String> {
    let owned = |(key, value): &(&str, &str)| ((*key).to_owned(), (*value).to_owned());
    let auth = AuthParams::Known(auth.iter().map(owned).collect());
    let trigger = json!({ "type": kind, "metadata": metadata });
    let refused = built_with(&trigger, &auth, false).err()?;
    refused.rsplit(": ").next().map(str::to_owned)
}

#[test]
fn kafkas_sasl() {
    let refused = |more: Value, auth: &[(&str, &str)]| {
        let mut metadata = json!({ "bootstrapServers": "b:1", "consumerGroup": "g" });
        merge(&mut metadata, &more);
        refused_with("kafka", metadata, auth).unwrap_or_default()
    };
    let iam = |more: Value| {
        let mut metadata = json!({ "sasl": "oauthbearer", "saslTokenProvider": "aws_msk_iam" });
        merge(&mut metadata, &more);
        refused(metadata, &[])
    };
    assert_eq!(iam(json!({})), "TLS is required for AWS MSK authentication");
    assert_eq!(iam(json!({ "tls": "enable" })), "no awsRegion given");
    assert_eq!(iam(json!({ "tls": "enable", "awsRegion": "r" })), "");
    let bearer = |auth: &[_]| refused(json!({ "sasl": "oauthbearer" }), auth);
    let (user, word) = (("username", "u"), ("password", "p"));
    let uri = ("oauthTokenEndpointUri", "http://t");
    assert_eq!(bearer(&[]), "no username given");
    assert_eq!(bearer(&[user]), "no password given");
    assert_eq!(bearer(&[user, word]), "no oauth token endpoint uri given");
    assert_eq!(bearer(&[user, word, uri]), "");
    assert_eq!(
        bearer(&[user, word, uri, ("oauthExtensions", "a=b,c")]),
        "invalid OAuthBearer extension, must be of format key=value"
    );
    let kerberos = |auth: &[_]| refused(json!({ "sasl": "gssapi" }), auth);
    let one = "exactly one of 'password' or 'keytab' must be provided for GSSAPI authentication";
    let (keytab, realm) = (("keytab", "k"), ("realm", "r"));
    assert_eq!(kerberos(&[]), "no username given");
    assert_eq!(kerberos(&[user]), one);
    assert_eq!(kerberos(&[user, word, keytab]), one);
    assert_eq!(kerberos(&[user, keytab]), "no realm given");
    assert_eq!(
        kerberos(&[user, word, realm]),
        "no Kerberos configuration file (kerberosConfig) given"
    );
    assert_eq!(kerberos(&[user, word, realm, ("kerberosConfig", "c")]), "");
}

#[test]
fn rabbitmqs_secrets() {
    let refused = |more: Value, auth: &[(&str, &str)]| {
        let mut metadata = json!({ "queueName": "q", "host": "amqp://h/v" });
        merge(&mut metadata, &more);
        refused_with("rabbitmq", metadata, auth).unwrap_or_default()
    };
    let pair = "both key and certificate must be provided";
    assert_eq!(refused(json!({ "pageSize": "0" }), &[("cert", "c")]), pair);
    assert_eq!(refused(json!({}), &[("cert", "c"), ("key", "k")]), "");
    let together = "username and password must be given together";
    let user = ("username", "u");
    assert_eq!(refused(json!({ "host": "x" }), &[user]), together);
    // The environment counts, too.
    let from_env = json!({ "passwordFromEnv": "QUEUE_HOST" });
    assert_eq!(refused(from_env.clone(), &[]), together);
    assert_eq!(refused(from_env, &[user]), "");
    assert_eq!(
        refused(json!({}), &[("workloadIdentityResource", "w")]),
        "workload identity is not supported for the AMQP protocol at the moment"
    );
    assert!(refused(json!({}), &[("clientID", "c")]).starts_with("OAuth2 requires"));
}
