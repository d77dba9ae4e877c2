//! The three kinds of secrets.

use crate::support::lifecycle::{Bench, Made};
use hybridctl::aws::secrets::SecretArn;
use hybridctl::aws::secrets::database_url::DatabaseUrl;
use hybridctl::aws::secrets::generated::{Format, GeneratedSecret};
use hybridctl::aws::secrets::given::GivenSecret;
use hybridctl::aws::{Aws, Connection};
use hybridctl::model::Keep;
use hybridctl::resource::{Changed, Found, Kind, Of, Resource};
use hybridctl::state::Recorded;
use serde_json::Value;
use std::collections::BTreeMap;

fn password(bench: &Bench) -> GeneratedSecret {
    GeneratedSecret {
        name: format!("zenml/{}/rds/password", bench.deployment),
        description: "database password".into(),
        format: Format::Alphanumeric32,
    }
}

fn client_secret(bench: &Bench) -> GivenSecret {
    GivenSecret {
        name: format!("zenml/{}/pro/oauth2-client-secret", bench.deployment),
        description: "given by ZenML".into(),
        source: "oauth2_client_secret".into(),
        fingerprint: bench.provided.fingerprint("oauth2_client_secret"),
    }
}

async fn stored(bench: &Bench, made: &Made) -> String {
    let got = bench.aws.secrets().get_secret_value().secret_id(&made.id.0).send().await.unwrap();
    got.secret_string.unwrap()
}

fn output<'a>(made: &'a Made, name: &str) -> &'a str {
    made.seen.outputs.as_ref().unwrap()[name].as_str().unwrap()
}

fn recorded<R: Resource>(made: &Made, want: &R) -> Recorded {
    Recorded {
        id: made.id.clone(),
        token: made.token.clone(),
        made: None,
        inputs: serde_json::to_value(want).unwrap(),
        outputs: made.seen.outputs.clone().unwrap(),
        tags: made.seen.tags.clone().unwrap(),
        after: BTreeMap::new(),
        keep: Keep::Never,
        holds_data: false,
        deposed: vec![],
    }
}

#[tokio::test]
async fn a_generated_secret_keeps_its_value_for_life() {
    let Some(bench) = Bench::connect().await else { return };
    let made = bench.create("database-password", &password(&bench)).await;
    let value = stored(&bench, &made).await;
    assert!(value.len() == 32 && value.bytes().all(|byte| byte.is_ascii_alphanumeric()));
    assert!(output(&made, "secret_arn").starts_with("arn:aws:secretsmanager:"));

    let described = GeneratedSecret { description: "another text".into(), ..password(&bench) };
    let seen = bench.update("database-password", &made, &described).await;
    assert_eq!(seen.outputs, made.seen.outputs, "no new version");
    assert_eq!(stored(&bench, &made).await, value);

    // Deleted, the name stays taken by us, and the value comes back.
    bench.delete::<GeneratedSecret>("database-password", &made).await;
    let kind = Of::<GeneratedSecret>::KIND;
    let want = serde_json::to_value(password(&bench)).unwrap();
    bench
        .scoped::<GeneratedSecret, _>("database-password", &made.token, None, async |scope| {
            assert_eq!(kind.find(scope, &want).await.unwrap(), Found::Restorable(made.id.clone()));
            kind.restore(scope, &made.id).await.unwrap();
            assert_eq!(kind.find(scope, &want).await.unwrap(), Found::Ours(made.id.clone()));
        })
        .await;
    assert_eq!(stored(&bench, &made).await, value);
    bench.delete::<GeneratedSecret>("database-password", &made).await;
}

#[tokio::test]
async fn a_given_secret_follows_what_is_given() {
    let Some(mut bench) = Bench::connect().await else { return };
    let nothing = GivenSecret { fingerprint: None, ..client_secret(&bench) };
    let kind = Of::<GivenSecret>::KIND;
    let token = bench.token();
    let refused = bench
        .scoped::<GivenSecret, _>("oauth2", &token, None, async |scope| {
            kind.create(scope, &serde_json::to_value(&nothing).unwrap()).await.unwrap_err()
        })
        .await;
    assert!(refused.to_string().contains("none was given") && !refused.hints.is_empty(), "{refused}");

    bench.provided.insert("oauth2_client_secret", "first value".to_owned().into());
    let made = bench.create("oauth2", &client_secret(&bench)).await;
    assert_eq!(stored(&bench, &made).await, "first value");

    // To another value and back again: each is a new version.
    bench.provided.insert("oauth2_client_secret", "second value".to_owned().into());
    let second = bench.update("oauth2", &made, &client_secret(&bench)).await;
    assert_eq!(stored(&bench, &made).await, "second value");
    bench.provided.insert("oauth2_client_secret", "first value".to_owned().into());
    let third = bench.update("oauth2", &made, &client_secret(&bench)).await;
    assert_eq!(stored(&bench, &made).await, "first value");
    let versions = [&made.seen, &second, &third].map(|seen| seen.outputs.as_ref().unwrap()["version_id"].clone());
    assert!(versions[0] != versions[1] && versions[1] != versions[2] && versions[0] != versions[2], "{versions:?}");

    // A value put by hand shows as another fingerprint, and goes.
    let call = bench.aws.secrets().put_secret_value().secret_id(&made.id.0).secret_string("by hand");
    call.send().await.unwrap();
    let seen = read(&bench, "oauth2", &made, None).await.unwrap();
    assert_eq!(seen["fingerprint"], Value::Null);
    bench.update("oauth2", &made, &client_secret(&bench)).await;
    assert_eq!(stored(&bench, &made).await, "first value");

    // Without a value, what is stored stays.
    bench.update("oauth2", &made, &GivenSecret { fingerprint: None, ..client_secret(&bench) }).await;
    assert_eq!(stored(&bench, &made).await, "first value");
    bench.delete::<GivenSecret>("oauth2", &made).await;
}

async fn read(bench: &Bench, name: &str, made: &Made, recorded: Option<&Recorded>) -> Option<Value> {
    bench
        .scoped::<GivenSecret, _>(name, &made.token, recorded, async |scope| {
            Of::<GivenSecret>::KIND.read(scope, &made.id).await.unwrap().map(|seen| seen.inputs)
        })
        .await
}

#[tokio::test]
async fn a_database_url_is_composed_and_not_stored_twice() {
    let Some(bench) = Bench::connect().await else { return };
    let secret = bench.create("database-password", &password(&bench)).await;
    let value = stored(&bench, &secret).await;
    let want = |host: &str| DatabaseUrl {
        name: format!("zenml/{}/rds/database-url", bench.deployment),
        description: "for the guide's variable".into(),
        password_secret_arn: SecretArn(secret.id.0.clone()).into(),
        password_version: output(&secret, "version_id").to_owned().into(),
        username: "zenml".into(),
        host: host.to_owned().into(),
        port: 3306,
        database: "zenml_hybrid".into(),
    };
    let made = bench.create("database-url", &want("old.example")).await;
    assert_eq!(stored(&bench, &made).await, format!("mysql://zenml:{value}@old.example:3306/zenml_hybrid"));

    let kind = Of::<DatabaseUrl>::KIND;
    let mut versions = vec![];
    for _ in 0..2 {
        bench
            .scoped::<DatabaseUrl, _>("database-url", &made.token, None, async |scope| {
                let changed = Changed { fields: ["host".to_owned()].into(), tags: None };
                let inputs = serde_json::to_value(want("new.example")).unwrap();
                kind.update(scope, &made.id, &inputs, &changed).await.unwrap();
                let seen = kind.read(scope, &made.id).await.unwrap().unwrap();
                versions.push(seen.outputs.unwrap()["version_id"].clone());
            })
            .await;
        assert_eq!(stored(&bench, &made).await, format!("mysql://zenml:{value}@new.example:3306/zenml_hybrid"));
    }
    assert_eq!(versions[0], versions[1], "the same URL again is no new version");
    assert_ne!(versions[0], output(&made, "version_id"));
    bench.delete::<DatabaseUrl>("database-url", &made).await;
    bench.delete::<GeneratedSecret>("database-password", &secret).await;
}

#[tokio::test]
async fn unchanged_secrets_are_read_in_one_call() {
    let Some(mut bench) = Bench::connect().await else { return };
    bench.provided.insert("oauth2_client_secret", "value".to_owned().into());
    let (given, generated) = (client_secret(&bench), password(&bench));
    let one = bench.create("oauth2", &given).await;
    let other = bench.create("database-password", &generated).await;
    let (one_record, other_record) = (recorded(&one, &given), recorded(&other, &generated));

    // The next run: nothing has been written in it.
    let endpoint = bench.aws.endpoint().map(str::to_owned);
    bench.aws = Aws::connect(&Connection { region: bench.aws.region().to_owned(), profile: None, endpoint }).await;
    let (seen, _) = futures_util::join!(
        read(&bench, "oauth2", &one, Some(&one_record)),
        bench.scoped::<GeneratedSecret, _>("database-password", &other.token, Some(&other_record), async |scope| {
            Of::<GeneratedSecret>::KIND.read(scope, &other.id).await.unwrap().unwrap()
        }),
    );
    assert!(seen.is_some());
    assert_eq!(bench.aws.calls(), ["secretsmanager:ListSecrets"]);

    // Where the list and the record differ, one or the other is old: the secret itself is asked.
    let stale = Recorded { outputs: serde_json::json!({"version_id": "another"}), ..one_record };
    assert!(read(&bench, "oauth2", &one, Some(&stale)).await.is_some());
    assert_eq!(bench.aws.calls()[1..], ["secretsmanager:ListSecrets", "secretsmanager:DescribeSecret"]);
    bench.delete::<GivenSecret>("oauth2", &one).await;
    bench.delete::<GeneratedSecret>("database-password", &other).await;
}

#[tokio::test]
async fn a_secret_of_somebody_else_is_not_touched() {
    let Some(bench) = Bench::connect().await else { return };
    let want = password(&bench);
    let theirs = bench.aws.secrets().create_secret().name(&want.name).secret_string("theirs").send().await.unwrap();
    let find = async || {
        let want = serde_json::to_value(&want).unwrap();
        bench
            .scoped::<GeneratedSecret, _>("database-password", "token", None, async |scope| {
                Of::<GeneratedSecret>::KIND.find(scope, &want).await.unwrap()
            })
            .await
    };
    let Found::Foreign(text) = find().await else { panic!("not foreign") };
    assert!(text.contains(&want.name) && text.contains("not made by hybridctl"), "{text}");
    let arn = theirs.arn.unwrap();
    bench.aws.secrets().delete_secret().secret_id(&arn).recovery_window_in_days(7).send().await.unwrap();
    let Found::Foreign(text) = find().await else { panic!("not foreign") };
    assert!(text.contains("recovery window"), "{text}");
    bench.aws.secrets().delete_secret().secret_id(&arn).force_delete_without_recovery(true).send().await.unwrap();
}
