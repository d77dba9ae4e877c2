//! Every id that a failure at run time can have, by class and situation, with its title for `hybridctl explain`.
//!
//! AWS's own codes are quoted; an id says which sort of trouble it is and what to do about it. Ids are stable, as those of
//! the configuration are (`src/config/codes.rs`).

use crate::config::Code;
use crate::plan::Problem;
use crate::resource::error::TIMEOUT;
use crate::resource::{Class, Error};
use crate::state::StoreError;

macro_rules! codes {
    ($($name:ident = $id:literal, $title:literal;)*) => {
        $(
            #[doc = $title]
            pub const $name: Code = Code { id: $id, title: $title };
        )*

        /// Every code, sorted by id.
        pub const CODES: &[Code] = &[$($name),*];
    };
}

codes! {
    THROTTLED = "HC2001", "AWS goes on throttling";
    INVISIBLE = "HC2002", "something new stays invisible";
    HELD = "HC2003", "something still uses it";
    BUSY = "HC2004", "it is busy with another change";
    NO_ANSWER = "HC2005", "AWS does not answer";
    EXPIRED = "HC2006", "the credentials have expired";
    NO_CREDENTIALS = "HC2007", "no credentials, or AWS refuses them";
    CLOCK = "HC2008", "the clock of this machine is wrong";
    MISSING = "HC2011", "something that is needed does not exist";
    TAKEN = "HC2012", "the name is taken";
    DENIED = "HC2013", "a permission is missing";
    QUOTA = "HC2014", "a quota is used up";
    CAPACITY = "HC2015", "AWS has no capacity";
    REFUSED = "HC2016", "AWS refuses a request";
    STUCK = "HC2021", "no progress for too long";
    FAILED = "HC2022", "it does not become what is wanted";
    LOCKED = "HC2031", "somebody else is at work";
    MOVED = "HC2032", "the state was changed meanwhile";
    UNSAVED = "HC2033", "the state cannot be read or written";
    DAMAGED = "HC2034", "the state is damaged";
    ELSEWHERE = "HC2035", "the state is of another place";
    LOCK_LOST = "HC2036", "the lock was lost";
    MOVED_AWAY = "HC2037", "the state was moved to another place";
    NO_BUCKET = "HC2038", "the state bucket cannot be used";
    DELETED = "HC2039", "the state was deleted during the run";
    LOST = "HC2040", "the record is lost";
    STALE = "HC2041", "the saved plan is not true any more";
    DECLINED = "HC2042", "the answer was no";
    USAGE = "HC2043", "the command line is wrong, or nobody can be asked";
    UNFIT = "HC2044", "the configuration does not fit what exists";
    SECRET = "HC2045", "the OAuth2 client secret is missing";
    PREFLIGHT = "HC2046", "the plan would fail";
    COMMAND = "HC2049", "the command could not be carried out";
    DATA_GONE = "HC2051", "data is gone";
    DATA_LOST = "HC2052", "data would be lost";
    PROTECTED = "HC2053", "it is protected against deletion";
    IN_USE = "HC2054", "it cannot be replaced while it is used";
    SANDBOX = "HC2061", "the sandbox";
    BUG = "HC2099", "a bug in hybridctl";
}

/// The id of a failure.
pub fn of_error(error: &Error) -> Code {
    let code = error.code.as_deref().unwrap_or_default();
    match error.class {
        Class::Throttle => THROTTLED,
        Class::Propagation => INVISIBLE,
        Class::Drain | Class::Held => HELD,
        Class::Busy => BUSY,
        Class::Ambiguous => NO_ANSWER,
        Class::Credentials => of_credentials(code, &error.hints),
        Class::NotFound => MISSING,
        Class::Exists => TAKEN,
        Class::Terminal if code == TIMEOUT => STUCK,
        Class::Terminal if error.is_bug() => BUG,
        Class::Terminal if error.operation.is_empty() => FAILED,
        Class::Terminal => of_refusal(code, &error.message),
    }
}

fn of_credentials(code: &str, hints: &[String]) -> Code {
    match hints.first() {
        Some(hint) if hint.contains("clock") => CLOCK,
        Some(hint) if hint.contains("expired") => EXPIRED,
        _ if code.starts_with("ExpiredToken") => EXPIRED,
        _ => NO_CREDENTIALS,
    }
}

fn of_refusal(code: &str, message: &str) -> Code {
    let says = |words: &[&str]| words.iter().any(|word| code.contains(word));
    // Some have no code, or one for everything: RunTask, ChangeResourceRecordSets.
    let limit = ["limit on the number of", "records limit"].iter().any(|words| message.contains(words));
    if says(&["AccessDenied", "Unauthorized", "NotAuthorized", "Forbidden", "OptInRequired"]) {
        DENIED
    } else if says(&["Capacity", "InsufficientFreeAddresses"]) {
        CAPACITY
    } else if limit || says(&["LimitExceeded", "QuotaExceeded", "TooMany"]) {
        QUOTA
    } else {
        REFUSED
    }
}

/// The id of a reason why there is no plan.
pub fn of_problem(problem: &Problem) -> Code {
    match problem {
        Problem::Foreign { .. } => TAKEN,
        Problem::DataGone { .. } => DATA_GONE,
        Problem::DataReplaced { .. } | Problem::DataDeleted { .. } | Problem::DataFailed { .. } => DATA_LOST,
        Problem::Protected { .. } => PROTECTED,
        Problem::Held { .. } => IN_USE,
        Problem::Broken(_) => BUG,
    }
}

/// The id of a failure to keep the state.
pub fn of_store(error: &StoreError) -> Code {
    match error {
        StoreError::Locked(_) | StoreError::Leased(_) => LOCKED,
        StoreError::LockLost(_) => LOCK_LOST,
        StoreError::MovedAway { .. } => MOVED_AWAY,
        StoreError::NoBucket { .. } | StoreError::Unfit(_) => NO_BUCKET,
        StoreError::Gone { .. } => DELETED,
        StoreError::Remote { error, .. } if error.class == Class::Credentials => of_error(error),
        StoreError::Moved { .. } => MOVED,
        StoreError::Io { .. } | StoreError::Remote { .. } => UNSAVED,
        StoreError::Damaged(_) => DAMAGED,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_are_unique_sorted_and_apart_from_those_of_the_config() {
        assert!(CODES.is_sorted_by(|left, right| left.id < right.id));
        assert!(crate::config::CODES.iter().all(|code| code.id < CODES[0].id));
    }

    #[test]
    fn every_failure_has_the_id_of_its_situation() {
        let aws = |class: Class, code: &str| Error {
            class,
            code: Some(code.to_owned()).filter(|code| !code.is_empty()),
            operation: "ec2:CreateVpc".into(),
            ..Error::terminal("x")
        };
        let credentials = |code: &str, hint: &str| aws(Class::Credentials, code).hint(hint);
        let cases = [
            (aws(Class::Throttle, "Throttling"), THROTTLED),
            (aws(Class::Propagation, "InvalidGroup.NotFound"), INVISIBLE),
            (aws(Class::Drain, "DependencyViolation"), HELD),
            (aws(Class::Busy, "IncorrectState"), BUSY),
            (aws(Class::Ambiguous, ""), NO_ANSWER),
            (credentials("ExpiredToken", "they have expired: sign in again"), EXPIRED),
            (credentials("", "check the credentials"), NO_CREDENTIALS),
            (credentials("RequestTimeTooSkewed", "set this machine's clock"), CLOCK),
            (aws(Class::NotFound, "NoSuchEntity"), MISSING),
            (aws(Class::Exists, "EntityAlreadyExists"), TAKEN),
            (aws(Class::Terminal, "UnauthorizedOperation"), DENIED),
            (aws(Class::Terminal, "AccessDeniedException"), DENIED),
            (aws(Class::Terminal, "AddressLimitExceeded"), QUOTA),
            (aws(Class::Terminal, "InstanceQuotaExceeded"), QUOTA),
            (aws(Class::Terminal, "TooManyLoadBalancers"), QUOTA),
            (aws(Class::Terminal, "InsufficientDBInstanceCapacity"), CAPACITY),
            (aws(Class::Terminal, "InvalidParameterValue"), REFUSED),
            (Error { message: "limit on the number of vCPUs".into(), ..aws(Class::Terminal, "") }, QUOTA),
            (aws(Class::Terminal, TIMEOUT), STUCK),
            (Error::terminal("the rollout failed"), FAILED),
            (Error::bug("nothing is wanted"), BUG),
        ];
        for (error, code) in cases {
            assert_eq!(of_error(&error), code, "{error}");
        }
    }
}
