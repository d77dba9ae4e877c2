//! Whether a bucket can hold a shared state: it must honour conditions, and should keep versions and be closed.

use super::objects::{Place, remote};
use crate::aws::s3::settings::Settings;
use crate::aws::s3::{Condition, Put};
use crate::state::StoreError;
use std::collections::HashMap;
use uuid::Uuid;

/// Two writes that must be refused, and one after a delete that must not, on an object of their own. Some servers that speak S3
/// ignore conditions, and some go on refusing to make what was deleted: the second run would never get the lock.
pub(super) async fn probe(place: &Place) -> Result<(), StoreError> {
    let key = place.key(&format!("probe-{}", Uuid::new_v4().simple()));
    let url = place.url(&key);
    let put = async |condition: Condition<'static>| place.put(&key, b"{}".to_vec(), condition, HashMap::new()).await;
    // A lost answer makes this one refused although it was written: the object is there either way.
    put(Condition::Absent).await?;
    let again = put(Condition::Absent).await?;
    let other = put(Condition::Unchanged("\"00000000000000000000000000000000\"")).await?;
    let delete = async || match place.get(&key).await? {
        Some(object) => place.bucket.delete(&key, &object.etag).await.map(drop).map_err(|error| remote(&url, error)),
        None => Ok(()),
    };
    delete().await?;
    let unfit = |fault: &str| Err(StoreError::Unfit(format!("the bucket `{}` {fault}", place.bucket.name())));
    if !matches!((again, other), (Put::Refused, Put::Refused)) {
        return unfit("does not honour conditional writes: two runs could overwrite each other's state");
    }
    // A lost answer makes this one refused as well: then the object is there.
    put(Condition::Absent).await?;
    if place.get(&key).await?.is_none() {
        return unfit("does not let an object be made again that was deleted: a lock could be taken only once");
    }
    delete().await
}

/// Says what is missing, with the command that mends it.
pub(super) async fn tell_settings(place: &Place, tell: &dyn Fn(&str)) {
    let settings = place.bucket.settings().await;
    advice(place.bucket.name(), settings).iter().for_each(|line| tell(line));
}

/// One line for each setting that is not as it should be.
fn advice(bucket: &str, settings: Settings) -> Vec<String> {
    let line = |Row { is, setting, fault, command }: Row| match is {
        Some(true) => None,
        Some(false) => Some(format!("the bucket `{bucket}` {fault}; mend it with\n    {command}")),
        None => Some(format!("the setting for {setting} of the bucket `{bucket}` could not be checked")),
    };
    rows(bucket, settings).into_iter().filter_map(line).collect()
}

/// The commands that set what is not set.
pub fn commands(bucket: &str, settings: Settings) -> Vec<String> {
    rows(bucket, settings).into_iter().filter(|row| row.is == Some(false)).map(|row| row.command).collect()
}

struct Row {
    is: Option<bool>,
    setting: &'static str,
    fault: &'static str,
    command: String,
}

fn rows(bucket: &str, settings: Settings) -> [Row; 3] {
    [
        Row {
            is: settings.public_access_blocked,
            setting: "public access",
            fault: "does not block public access",
            command: format!(
                "aws s3api put-public-access-block --bucket {bucket} --public-access-block-configuration \
                 BlockPublicAcls=true,IgnorePublicAcls=true,BlockPublicPolicy=true,RestrictPublicBuckets=true"
            ),
        },
        Row {
            is: settings.encrypted,
            setting: "encryption",
            fault: "does not encrypt by default",
            command: format!(
                "aws s3api put-bucket-encryption --bucket {bucket} --server-side-encryption-configuration \
                 '{{\"Rules\":[{{\"ApplyServerSideEncryptionByDefault\":{{\"SSEAlgorithm\":\"AES256\"}}}}]}}'"
            ),
        },
        Row {
            is: settings.versioned,
            setting: "versions",
            fault: "keeps no versions: there is no history, and a damaged state cannot be brought back",
            command: format!(
                "aws s3api put-bucket-versioning --bucket {bucket} --versioning-configuration Status=Enabled"
            ),
        },
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_missing_setting_is_named_with_the_command_that_mends_it() {
        let good = Settings { versioned: Some(true), public_access_blocked: Some(true), encrypted: Some(true) };
        assert!(advice("b", good).is_empty());
        let bad = Settings { versioned: Some(false), public_access_blocked: Some(false), encrypted: Some(false) };
        let lines = advice("team-state", bad);
        let expected = ["put-public-access-block", "put-bucket-encryption", "put-bucket-versioning"];
        for (line, command) in lines.iter().zip(expected) {
            assert!(line.contains(&format!("aws s3api {command} --bucket team-state")), "{line}");
        }
        assert_eq!(commands("team-state", bad).len(), 3);
        let blind = advice("b", Settings { versioned: None, ..good });
        assert!(blind[0].contains("could not be checked"), "{blind:?}");
    }
}
