//! Describes that take several ARNs, and the search for our object among those of one name prefix.
//!
//! A describe by ARN or name is refused as a whole when one of them is gone; there are no filters as in EC2.

use super::tagging;
use crate::aws::tags;
use crate::resource::error::OrGone;
use crate::resource::{Found, Id, Result, Scope, Tags};

/// Most ARNs that one call takes. <https://docs.aws.amazon.com/elasticloadbalancing/latest/APIReference/API_DescribeTags.html>
const PER_CALL: usize = 20;

/// What exists of these ARNs. Only when one of them is gone is each asked for alone.
///
/// # Errors
/// Whatever `describe` fails with, except that an ARN does not exist.
pub(super) async fn existing<T>(
    arns: Vec<String>,
    describe: impl AsyncFn(Vec<String>) -> Result<Vec<T>>,
) -> Result<Vec<T>> {
    let mut found = vec![];
    for some in arns.chunks(PER_CALL) {
        if let Some(all) = describe(some.to_vec()).await.or_gone()? {
            found.extend(all);
        } else if some.len() > 1 {
            for arn in some {
                found.extend(describe(vec![arn.clone()]).await.or_gone()?.unwrap_or_default());
            }
        }
    }
    Ok(found)
}

/// Our object among those that exist, given as (physical name, ARN).
///
/// The name changes with every incarnation, so any object with our prefix may be ours, and only one with exactly our next
/// name can be in the way: a create would succeed with it, whoever made it.
pub(super) async fn find(
    scope: &Scope<'_>,
    what: &str,
    prefix: &str,
    existing: impl IntoIterator<Item = (String, String)>,
) -> Result<Found> {
    let candidates: Vec<_> = existing.into_iter().filter(|(name, _)| prefix_of(name) == prefix).collect();
    if candidates.is_empty() {
        return Ok(Found::None);
    }
    let mut owned = tagging::of_all(scope.aws, candidates.iter().map(|(_, arn)| arn.clone()).collect()).await?;
    let next = scope.suffixed(prefix);
    let tagged: Vec<(Id, Tags)> =
        candidates.iter().filter_map(|(_, arn)| owned.remove(arn).map(|tags| (Id::from(arn.clone()), tags))).collect();
    if let Some((_, arn)) = candidates.iter().find(|(name, _)| *name == next)
        && let Some((id, found)) = tagged.iter().find(|(id, _)| id.as_str() == arn)
        && !tags::are_ours(scope, found)
    {
        return Ok(tags::ours_or_foreign(scope, &format!("the {what} `{next}`"), id.clone(), found));
    }
    Ok(tags::pick(scope, tagged))
}

/// The name without its incarnation, `zenml-hybrid` of `zenml-hybrid-1a2b3c`.
pub(super) fn prefix_of(name: &str) -> &str {
    match name.rsplit_once('-') {
        Some((prefix, suffix)) if suffix.len() == 6 && suffix.bytes().all(|byte| byte.is_ascii_hexdigit()) => prefix,
        _ => name,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::resource::{Class, Error};
    use std::cell::RefCell;

    #[test]
    fn the_incarnation_is_not_part_of_the_prefix() {
        assert_eq!(prefix_of("zenml-hybrid-1a2b3c"), "zenml-hybrid");
        for other in ["zenml", "zenml-hybrid", "", "-1a2b3", "abcdef"] {
            assert_eq!(prefix_of(other), other);
        }
    }

    #[tokio::test]
    async fn one_that_is_gone_does_not_hide_the_others() {
        let calls = RefCell::new(vec![]);
        let describe = async |arns: Vec<String>| {
            calls.borrow_mut().push(arns.len());
            if arns.contains(&"gone".to_owned()) {
                return Err(Error::terminal("no such thing").in_class(Class::NotFound));
            }
            Ok(arns)
        };
        let ask = |arns: &[&str]| arns.iter().map(|arn| (*arn).to_owned()).collect::<Vec<_>>();
        assert_eq!(existing(ask(&["a", "b"]), describe).await.unwrap(), ["a", "b"]);
        assert_eq!(existing(ask(&["a", "gone", "b"]), describe).await.unwrap(), ["a", "b"]);
        assert!(existing(ask(&["gone"]), describe).await.unwrap().is_empty());
        assert!(existing(vec![], describe).await.unwrap().is_empty());
        assert_eq!(*calls.borrow(), [2, 3, 1, 1, 1, 1]);
    }
}
