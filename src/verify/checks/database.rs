//! The RDS instance.

use super::{Judged, UP, seen};
use crate::verify::Facts;
use crate::verify::report::Fail;

/// States in which the instance answers.
const SERVING: &[&str] = &[
    "available",
    "backing-up",
    "modifying",
    "storage-optimization",
    "storage-config-upgrade",
    "configuring-enhanced-monitoring",
    "configuring-log-exports",
    "configuring-iam-database-auth",
];

pub(super) fn database(facts: &Facts) -> Judged {
    let name = &facts.expect.database_instance;
    let Some(database) = seen(&facts.look.database, facts)? else {
        if !facts.recorded.has_database {
            let why = format!("there is no database {name}, and none is on record");
            return Err(Fail::new(why).next(UP).class("database.none").into());
        }
        let next =
            "find its last snapshot with `aws rds describe-db-snapshots`, and name it in `database.restore_from`";
        return Err(Fail::new(format!("the database {name} is gone")).next(next).class("database.gone").into());
    };
    if !SERVING.contains(&database.status.as_str()) {
        let next = match database.status.as_str() {
            "stopped" => format!("aws rds start-db-instance --db-instance-identifier {name}"),
            "storage-full" => "raise `database.max_storage_gib`, then `hybridctl up`".to_owned(),
            _ => "hybridctl verify --wait 15m".to_owned(),
        };
        let why = format!("the database is `{}`", database.status);
        return Err(Fail::new(why).next(next).class("database.state").into());
    }
    if database.engine != "mysql" {
        let why = format!("the database is {}: the server stores its data in MySQL only", database.engine);
        return Err(Fail::new(why).next(UP).class("database.engine").into());
    }
    if let Some((group, status)) = database.parameters.iter().find(|(_, status)| status != "in-sync") {
        let why = format!("parameter group {group} is `{status}`: its settings are not in force");
        let next = match status.as_str() {
            "pending-reboot" => format!("aws rds reboot-db-instance --db-instance-identifier {name}"),
            _ => "hybridctl verify --wait 10m".to_owned(),
        };
        return Err(Fail::new(why).next(next).class("database.parameters").into());
    }
    Ok(format!("{}, parameters in-sync", database.status))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::verify::{Status, samples};

    #[test]
    fn the_database_must_serve_with_its_parameters_in_force() {
        let fail = |status: &str, parameters: &str| {
            let mut facts = samples::good();
            let found = facts.look.database.as_mut().unwrap().as_mut().unwrap();
            found.status = status.into();
            found.parameters = vec![("p".into(), parameters.into())];
            match database(&facts) {
                Err(Status::Fail(fail)) => Some(fail.next),
                _ => None,
            }
        };
        assert_eq!(fail("backing-up", "in-sync"), None);
        assert!(fail("stopped", "in-sync").unwrap().contains("start-db-instance"));
        assert!(fail("available", "pending-reboot").unwrap().contains("reboot-db-instance"));
        let mut facts = samples::good();
        facts.look.database = Ok(None);
        let class = |facts: &Facts| match database(facts) {
            Err(Status::Fail(fail)) => fail.class,
            _ => None,
        };
        assert_eq!(class(&facts), Some("database.gone"));
        facts.recorded.has_database = false;
        assert_eq!(class(&facts), Some("database.none"));
    }
}
