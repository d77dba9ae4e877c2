//! Where the record is kept.

use super::{Judged, unread};
use crate::preflight::Facts;
use crate::preflight::report::Finding;
use crate::preflight::wish::Tried;
use crate::resource::Class;
use crate::state::s3::commands;

/// Whether a bucket honours conditions is tried where it may be written to: before the lock is taken, as long as nothing is saved.
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
    let tried = match facts.wish.bucket_tried {
        Some(Tried::ByThisRun) => "it honours conditional writes, which this run has tried",
        Some(Tried::BeforeTheFirstSave) => "it honours conditional writes, which was tried before the first save",
        None => "whether it honours conditional writes is not tried yet: that takes a write",
    };
    if !mending.is_empty() {
        let why = format!("the bucket {bucket} should keep versions, block public access and encrypt");
        return Err(Finding::new(why, "run the commands").seen(mending).seen([tried.to_owned()]).warns());
    }
    match facts.wish.bucket_tried {
        Some(_) => Ok(format!("the bucket {bucket}: {tried}")),
        None => {
            let why = format!("the bucket {bucket} holds no state yet: {tried}");
            Err(Finding::new(why, "`hybridctl up` tries it before it makes anything, and stops if it does not")
                .unknown())
        }
    }
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
        let Err(Status::Unknown(finding)) = place(&facts) else { panic!() };
        assert!(finding.why.contains("conditional writes is not tried yet"), "{finding:?}");
        facts.wish.bucket_tried = Some(Tried::BeforeTheFirstSave);
        let told = "the bucket states: it honours conditional writes, which was tried before the first save";
        assert_eq!(place(&facts), Ok(told.into()));
        facts.wish.bucket_tried = Some(Tried::ByThisRun);
        let told = "the bucket states: it honours conditional writes, which this run has tried";
        assert_eq!(place(&facts), Ok(told.into()));
        facts.asked.bucket = Some(Ok(Settings { versioned: Some(false), ..well }));
        let Err(Status::Warn(finding)) = place(&facts) else { panic!() };
        assert!(finding.evidence[0].starts_with("aws s3api put-bucket-versioning --bucket states"), "{finding:?}");
        facts.asked.bucket = Some(Err(Error { code: Some("NoSuchBucket".into()), ..Error::terminal("x") }));
        assert!(failing(place(&facts)).next.contains("aws s3api create-bucket --bucket states"));
    }
}
