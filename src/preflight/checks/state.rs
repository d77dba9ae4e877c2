//! Where the record is kept.

use super::{Judged, unread};
use crate::preflight::Facts;
use crate::preflight::report::Finding;
use crate::resource::Class;
use crate::state::s3::commands;

/// Whether a bucket honours conditions is tried where that may be written: when its lock is taken for the first time.
pub(super) fn place(facts: &Facts) -> Judged {
    let (Some(bucket), Some(asked)) = (&facts.wish.state_bucket, &facts.asked.bucket) else {
        return Ok("a folder beside the config file".to_owned());
    };
    let settings = match asked {
        Ok(settings) => *settings,
        Err(error) if error.class == Class::NotFound || error.is("NoSuchBucket") => {
            let next = format!("make it with `aws s3api create-bucket --bucket {bucket}`, or correct `state.bucket`");
            return Err(Finding::new(format!("the bucket {bucket} does not exist"), next).fails());
        }
        Err(error) => return Err(unread(error, facts)),
    };
    let mending = commands(bucket, settings);
    if mending.is_empty() {
        return Ok(format!("the bucket {bucket}"));
    }
    let why = format!("the bucket {bucket} should keep versions, block public access and encrypt");
    Err(Finding::new(why, "run the commands").seen(mending).warns())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::aws::s3::settings::Settings;
    use crate::preflight::report::Status;
    use crate::preflight::samples::{failing, good};
    use crate::resource::Error;

    #[test]
    fn a_bucket_must_be_there_and_should_keep_versions() {
        let mut facts = good();
        facts.wish.state_bucket = Some("states".into());
        let well = Settings { versioned: Some(true), public_access_blocked: Some(true), encrypted: None };
        facts.asked.bucket = Some(Ok(well));
        assert_eq!(place(&facts), Ok("the bucket states".into()));
        facts.asked.bucket = Some(Ok(Settings { versioned: Some(false), ..well }));
        let Err(Status::Warn(finding)) = place(&facts) else { panic!() };
        assert!(finding.evidence[0].starts_with("aws s3api put-bucket-versioning --bucket states"), "{finding:?}");
        facts.asked.bucket = Some(Err(Error { code: Some("NoSuchBucket".into()), ..Error::terminal("x") }));
        assert!(failing(place(&facts)).next.contains("aws s3api create-bucket --bucket states"));
    }
}
